//! Executes callsheet's plans as reversible transactions.
//!
//! The executor knows actions and nothing else: [`execute`] performs an
//! [`ActionList`](plan_core::effect::ActionList) and answers with a handle whose
//! `dispose` takes everything back. Before an action its record, with everything that
//! its undo needs, is durable; after any crash [`recover`] does what `dispose` would have.
#![forbid(unsafe_code)]

pub mod apply;
pub mod bridge;
pub mod changes;
pub mod cli;
pub mod error;
pub mod fleet;
pub mod helpers;
pub mod journal;
pub mod launch;
pub mod mount;
pub mod os;
pub mod personas;
pub mod skills;
pub mod state;
pub mod workflow;
pub mod worktree;

pub use apply::{
    ApplyOptions, Attached, Cleared, DisposeEntry, DisposeReport, Event, ExecuteOptions, GcOptions,
    Liveness, RecoveryReport, Run, RunHandle, RunSummary, attach, dispose, execute, gc, list_runs,
    recover,
};
pub use changes::{
    ApplyChanges, BroughtBack, ChangeSet, Conflicts, Discarded, Live, LiveOptions, apply_changes,
    discard_changes, revert,
};
pub use error::{ExecError, ExecErrorKind, IoResultExt};
pub use helpers::{
    HelperOptions, apply_persona_mount, execute_persona_spawn_plan,
    materialize_persona_config_files, prepare_launch, run_skill_installs, write_persona_sidecars,
};
pub use skills::{SkillCache, SkillUse, sweep_cache};
pub use state::{RunId, StateHome};
