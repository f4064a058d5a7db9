//! Every type that has a wire form, made from choices.

use std::collections::BTreeMap;

use plan_core::base::code::Code;
use plan_core::base::diag::{Details, Diagnostic, Place, Severity};
use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Text, Value};
use plan_core::base::map::Map;
use plan_core::effect::{
    self, Document, Escape, Format, Phase, Record, Reference, Undo, WriteMode,
};
use plan_core::effect::{ActionStatus, EntryKind, OutcomeKind, RunStatus, View};
use plan_core::fleet::generate::{Source, Why};
use plan_core::fleet::library::{PersonaLayer, PersonaStatus, RoleFile};
use plan_core::fleet::lock::{Lock, Selection};
use plan_core::fleet::merge::{Conflict, Prefer, Terms};
use plan_core::fleet::observed::{Beat, Exit, Heartbeat, Observed, Restart, SeatSpec, Session};
use plan_core::fleet::plan::{self as fleet, Aim, Edit, EditKind, FleetPlan, Goal, Hashed};
use plan_core::fleet::policy::{Policy, Pulse, Ready, Rule};
use plan_core::fleet::profile::{Profile, ProfileSeat};
use plan_core::fleet::roster::{Roster, Seat, Tmux};
use plan_core::fleet::status::{Readiness, Row, State, Status};
use plan_core::fleet::topology::{self, Topology};
use plan_core::persona::agent_card::{AgentCard, CardCapabilities, CardProvider, CardSkill};
use plan_core::persona::detect::HarnessRecord;
use plan_core::persona::harness::compat::ConfigFile;
use plan_core::persona::harness::launch::{EnvDocument, Inheritance, PrivateFile, PrivateLink};
use plan_core::persona::harness::outcome::{Outcome, Usage, Verdict};
use plan_core::persona::mount::MountPolicy;
use plan_core::persona::plan::{InputBinding, Mode, PersonaSpawnPlan, SidecarMode, SidecarWrite};
use plan_core::persona::resolve::{Listed, Problem};
use plan_core::persona::selection::Echo;
use plan_core::persona::skills::cache::{CachedSkill, SkillCacheMarker, Upstream};
use plan_core::persona::skills::{SkillInstall, SkillMaterializationPlan, SourceKind};

use super::{Draw, members, number, text, value};

/// A type that choices make.
pub trait Make: Sized {
    /// Makes one.
    fn make(draw: &mut Draw<'_>) -> Self;
}

macro_rules! make {
    ($( $type:ty => $make:expr; )*) => {
        $( impl Make for $type {
            fn make(draw: &mut Draw<'_>) -> Self {
                let make: fn(&mut Draw<'_>) -> Self = $make;
                make(draw)
            }
        } )*
    };
}
pub(super) use make;

macro_rules! records {
    ($( $type:ty { $( $field:ident ),* } )*) => {
        $( impl Make for $type {
            fn make(_draw: &mut Draw<'_>) -> Self {
                Self { $( $field: Make::make(_draw) ),* }
            }
        } )*
    };
}
pub(super) use records;

macro_rules! variants {
    ($( $type:ty { $first:ident $( $other:ident )* } )*) => {
        $( impl Make for $type {
            fn make(draw: &mut Draw<'_>) -> Self {
                const MAKERS: &[fn(&mut Draw<'_>) -> $type] =
                    &[$( |draw| <$type>::$other(Make::make(draw)) ),*];
                let first: fn(&mut Draw<'_>) -> $type = |draw| <$type>::$first(Make::make(draw));
                draw.pick(first, MAKERS)(draw)
            }
        } )*
    };
}
pub(super) use variants;

make! {
    Diagnostic => |draw| Details::make(draw).into();
    bool => |draw| draw.once_in(2);
    u64 => |draw| draw.pick(0, &[1, 493, 1_700_000_000_000, (1 << 53) - 1]);
    f64 => number;
    String => text;
    Text<'static> => |draw| text(draw).into();
    Value<'static> => value;
    Echo<'static> => |draw| Echo::from(value(draw));
    Object<'static> => |draw| members(draw, value);
    Severity => |draw| draw.pick(Severity::Warning, &[Severity::Error]);
    Code => |draw| draw.pick(Code::DOCUMENT_MALFORMED, Code::ALL);
    Edition => |draw| draw.pick(Edition::PersonaKit4, Edition::ALL);
    Format => |draw| draw.pick(Format::Text, Format::ALL);
    Phase => |draw| draw.pick(Phase::Mount, Phase::ALL);
    WriteMode => |draw| draw.pick(WriteMode::Overwrite, WriteMode::ALL);
    OutcomeKind => |draw| draw.pick(OutcomeKind::Nothing, OutcomeKind::ALL);
    EntryKind => |draw| draw.pick(EntryKind::Absent, EntryKind::ALL);
    ActionStatus => |draw| draw.pick(ActionStatus::Pending, ActionStatus::ALL);
    View => |draw| draw.pick(View::Copy, View::ALL);
    RunStatus => |draw| draw.pick(RunStatus::New, RunStatus::ALL);
    Verdict => |draw| draw.pick(Verdict::Failed, Verdict::ALL);
    Mode => |draw| draw.pick(Mode::Interactive, Mode::ALL);
    SidecarMode => |draw| draw.pick(SidecarMode::Overwrite, SidecarMode::ALL);
    SourceKind => |draw| draw.pick(SourceKind::Local, SourceKind::ALL);
    Beat => |draw| draw.pick(Beat::Starting, Beat::ALL);
    EditKind => |draw| draw.pick(EditKind::Add, EditKind::ALL);
    fleet::ActionKind => |draw| draw.pick(fleet::ActionKind::RosterWrite, fleet::ActionKind::ALL);
    Goal => |draw| draw.pick(Goal::Up, Goal::ALL);
    PersonaLayer => |draw| draw.pick(PersonaLayer::Baseline, PersonaLayer::ALL);
    PersonaStatus => |draw| draw.pick(PersonaStatus::Baseline, PersonaStatus::ALL);
    Prefer => |draw| draw.pick(Prefer::Mine, Prefer::ALL);
    Readiness => |draw| draw.pick(Readiness::Working, Readiness::ALL);
    Source => |draw| draw.pick(Source::CommandLine, Source::ALL);
    State => |draw| draw.pick(State::InSync, State::ALL);
    Upstream<'static> => |draw| if draw.once_in(2) {
        Upstream::Prpm { package_ref: Make::make(draw), version: Make::make(draw) }
    } else {
        Upstream::GithubBlob { blob_url: Make::make(draw), sha: Make::make(draw) }
    };
}

impl<T: Make> Make for Option<T> {
    fn make(draw: &mut Draw<'_>) -> Self {
        draw.once_in(2).then(|| T::make(draw))
    }
}

impl<T: Make> Make for BTreeMap<String, T> {
    fn make(draw: &mut Draw<'_>) -> Self {
        let count = draw.below(3);
        (0..count).map(|_| (text(draw), T::make(draw))).collect()
    }
}

impl<T: Make> Make for Map<String, T> {
    fn make(draw: &mut Draw<'_>) -> Self {
        let count = draw.below(3);
        (0..count).map(|_| (text(draw), T::make(draw))).collect()
    }
}

impl<T: Make> Make for Box<T> {
    fn make(draw: &mut Draw<'_>) -> Self {
        Box::new(T::make(draw))
    }
}

impl<T: Make> Make for Vec<T> {
    fn make(draw: &mut Draw<'_>) -> Self {
        (0..draw.below(3)).map(|_| T::make(draw)).collect()
    }
}

records! {
    Details { code, severity, message, help, pointer, place }
    Place { file, line, column, length }
    Document<'static> { format, value, references, escapes }
    Escape<'static> { from, to }
    Reference<'static> { pointer, template, field }
    effect::Outcome { kind, path, beside, why }
    effect::RunStarted {
        version, run, cwd, label, edition, plan_digest, actions, paths, keeps_skills, view,
        started_ms
    }
    effect::ActionAnnounced { id, phase, kind, line, undo }
    effect::ActionDone { id, wrote }
    effect::ActionFailed { id, message }
    effect::RunReady {}
    effect::RunCommitted {}
    effect::UndoStarted { id }
    effect::UndoDone { id, outcome }
    effect::UndoFailed { id, message }
    effect::RunClosed {}
    effect::Original { kind, blob, digest, mode, mtime, target }
    effect::Written { kind, digest, target }
    effect::PutBack { path, below, dirs, original, written, block }
    effect::Block { digest, length }
    effect::RemoveDirs { dirs }
    effect::RemoveTrees { below, paths, existed, aside, dirs, manifest }
    effect::RemoveMount { path, dirs, manifest, from, identity }
    effect::RemoveLayer { path, from, dirs }
    effect::RestoreTree { below, list }
    effect::MoveBack { path, below, blob }
    effect::Nothing {}
    AgentCard<'static> {
        name, description, url, version, skills, provider, capabilities,
        default_input_modes, default_output_modes, documentation_url
    }
    CardSkill<'static> { id, name, description, tags }
    CardProvider<'static> { organization, persona_id, intent, tags }
    CardCapabilities { streaming, push_notifications }
    HarnessRecord<'static> { harness, available, path, version, error }
    ConfigFile<'static> { path, contents }
    PrivateFile<'static> { path, document, inherits }
    Inheritance<'static> { home_env, home_default, target, members }
    PrivateLink<'static> { path, home_env, home_default, target }
    EnvDocument<'static> { name, document }
    Usage { input, output, cached }
    Outcome { verdict, reason, api_status, text, denials, session_id, usage, cost_usd, exit_code }
    MountPolicy<'static> { ignored_patterns, readonly_patterns }
    SidecarWrite<'static> { filename, contents, source_path, mode }
    InputBinding<'static> { name, env_name, value }
    PersonaSpawnPlan<'static> {
        version, edition, digest, persona, cli, args, config_files, skills, sidecars, inputs,
        env, initial_prompt, mount, mode, stdin, env_documents, private_files, private_links,
        timeout_seconds, warnings
    }
    Problem { source, path, diagnostic }
    Listed { id, intent, harness, model, source, path, description, problems }
    SkillCacheMarker<'static> {
        schema_version, fingerprint, harness, installed_at, last_upstream_check_at, skills
    }
    CachedSkill<'static> { id, source, source_kind, upstream }
    SkillInstall<'static> {
        skill_id, source, source_kind, package_ref, harness, install_command, installed_dir,
        installed_manifest, cleanup_paths
    }
    SkillMaterializationPlan<'static> { harness, installs, session_install_root, repo_root }
    Tmux { socket_name, holder_session }
    Seat {
        name, runtime, class, persistent_persona, model_hint, reset_between_tasks,
        working_directory, host, ssh, socket
    }
    Roster { tmux, working_directory, runtimes, agents }
    ProfileSeat { class, reports_to, multiplicity, runtime, model }
    Profile { id, title, description, lead, floor, roster, notes }
    RoleFile { name, text }
    Selection { profile, full, scale }
    Lock { schema, generation, selection, base, managers }
    Terms { prefer, restore, force }
    Conflict { unit, field, base, mine, theirs }
    Rule { class, domain, floor, lead, runtime, model, working_directory, line }
    Ready { text, pattern, command, timeout }
    Pulse { interval, idle, stuck }
    Policy { rules, restart, pulse, ready }
    Why { field, value, source, at, used }
    Exit { status, signal }
    Heartbeat { age, pid, status, restarts }
    Session { name, id, fleet, seat, hash, command, pid, quiet, dead, heartbeat }
    Observed { paused, sessions }
    Restart { limit, delay, longest, settled }
    SeatSpec {
        schema, fleet, seat, class, runtime, hash, cwd, persona, env, env_file, base, own_view,
        restart, interval, grace
    }
    Edit { kind, name, class, runtime, model, working_directory, reports_to, count }
    Aim { goal, seats, again, adopt }
    fleet::Input {
        fleet, profile, full, roles, roles_local, personas, policy, roster, lock, env,
        observed, edits, terms, aim
    }
    Hashed { class, runtime, model, working_directory, role, persona, env, manager }
    fleet::Action { kind, seat, path, reason, changes, wave }
    fleet::Changed { field, before, after }
    fleet::FileWrite { path, before, content }
    fleet::PlannedSeat {
        name, class, runtime, model, working_directory, domain, persistent, reports_to,
        wave, hash, startable, why
    }
    fleet::Summary { seats, write, start, restart, stop, adopt }
    FleetPlan {
        schema, fleet, aim, profile, inputs, tmux, actions, files, env, seats, restart, pulse,
        ready, resets, conflicts, diagnostics, summary
    }
    fleet::EnvWrite { path, before, variables }
    fleet::Variable { name, value }
    Row {
        name, class, runtime, model, state, readiness, detail, reports_to, session, pid,
        restarts, quiet, exit, desired, observed
    }
    Status { fleet, paused, in_sync, rows }
    topology::Node { name, class, runtime, reports_to, wave }
    Topology { seats }
}

variants! {
    Undo {
        Nothing PutBack RemoveDirs RemoveTrees RemoveMount RemoveLayer RestoreTree MoveBack
    }
    Record {
        RunStarted ActionAnnounced ActionDone ActionFailed RunReady RunCommitted UndoStarted UndoDone
        UndoFailed RunClosed
    }
}
