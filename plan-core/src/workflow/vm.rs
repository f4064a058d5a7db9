//! What a script's host and whoever drives it say to one another. The host runs a script
//! until nothing is left to run, and reports what the script caused; then it is given the
//! answer of one call and runs on. So a script is a function of the order of its answers.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::record::{Json, record, words};
use crate::base::tagged::tagged;

words! {
    /// What a call is.
    pub enum CallKind {
        /// An agent works on a prompt.
        Agent = "agent",
        /// Somebody is asked.
        Checkpoint = "checkpoint",
        /// Time passes.
        Sleep = "sleep",
        /// The time is asked for.
        Now = "now",
        /// A random number is asked for.
        Random = "random",
        /// A random identifier is asked for.
        Uuid = "uuid",
        /// A variable of the environment is asked for.
        Env = "env",
        /// Another script is asked for.
        Workflow = "workflow",
        /// Branches are brought together.
        Merge = "merge",
        /// A task is done.
        Task = "task",
        /// A flow program is run.
        Flow = "flow",
    }
}

words! {
    /// What runs branches.
    pub enum Combinator {
        /// All branches at once.
        Parallel = "parallel",
        /// Items through stages.
        Pipeline = "pipeline",
        /// Another script.
        Workflow = "workflow",
    }
}

words! {
    /// How a script stands when nothing is left to run.
    pub enum VmState {
        /// It waits for calls.
        Waiting = "waiting",
        /// It has returned.
        Done = "done",
        /// It has thrown, or broke a limit.
        Failed = "failed",
        /// It waits for what will never come.
        Deadlock = "deadlock",
    }
}

record! {
    /// A script calls.
    pub struct VmCall {
        /// Its number: 0, 1, 2, … in one execution.
        pub id: u64 => "id",
        /// Where in the script's structure it stands, such as `/2p[5]/1`.
        pub path: String => "path",
        /// The scope that it was issued in, such as `/2p[5]`.
        pub scope: String => "scope",
        /// Its number among the things of that scope.
        pub ordinal: u64 => "ordinal",
        /// What it is.
        pub kind: CallKind => "kind",
        /// What the script gave.
        pub payload: Json => "payload",
        /// The phase that it belongs to.
        pub phase: Option<String> => "phase",
        /// What people call it.
        pub label: Option<String> => "label",
    }
}

record! {
    /// A combinator begins.
    pub struct VmOpen {
        /// It, as a path without a branch, such as `/2p`.
        pub scope: String => "scope",
        /// The scope that it stands in.
        pub parent: String => "parent",
        /// Its number among the things of that scope.
        pub ordinal: u64 => "ordinal",
        /// What it is.
        pub kind: Combinator => "kind",
        /// How many branches it has.
        pub branches: u64 => "branches",
    }
}

record! {
    /// Every branch of a combinator has ended.
    pub struct VmJoin {
        /// It.
        pub scope: String => "scope",
    }
}

record! {
    /// A phase begins.
    pub struct VmPhase {
        /// Its title.
        pub title: String => "title",
        /// The tokens that its calls may take together.
        pub budget: Option<u64> => "budget",
    }
}

record! {
    /// A script says something.
    pub struct VmLog {
        /// `log`, `info`, `warn` or `error`.
        pub level: String => "level",
        /// What.
        pub message: String => "message",
    }
}

record! {
    /// Something looks wrong.
    pub struct VmWarning {
        /// What.
        pub message: String => "message",
    }
}

tagged! {
    /// Something that a script caused.
    pub enum VmEvent {
        /// It calls.
        Call(VmCall) = "call",
        /// A combinator begins.
        Open(VmOpen) = "open",
        /// A combinator ends.
        Join(VmJoin) = "join",
        /// A phase begins.
        Phase(VmPhase) = "phase",
        /// It says something.
        Log(VmLog) = "log",
        /// Something looks wrong.
        Warning(VmWarning) = "warning",
    }
}

record! {
    /// Why a script failed.
    pub struct VmError {
        /// A code, such as `SCRIPT_ERROR`.
        pub code: String => "code",
        /// What went wrong.
        pub message: String => "message",
        /// The line of the script, from 1.
        pub line: Option<u64> => "line",
        /// The column, from 1.
        pub column: Option<u64> => "column",
        /// Where it was called from.
        pub stack: Option<String> => "stack",
    }
}

record! {
    /// What happened until nothing was left to run.
    pub struct Report {
        /// What the script caused, in order.
        pub events: Vec<VmEvent> => "events",
        /// How it stands.
        pub state: VmState => "state",
        /// What it returned.
        pub value: Option<Json> => "value",
        /// Why it failed.
        pub error: Option<VmError> => "error",
        /// How much it has run, in turns of the engine's counter.
        pub fuel: u64 => "fuel",
    }
}

record! {
    /// The failure of a call.
    pub struct CallError {
        /// A code, such as `AGENT_TIMEOUT`.
        pub code: String => "code",
        /// What went wrong.
        pub message: String => "message",
        /// Whether the script may go on without the result.
        pub recoverable: bool => "recoverable",
    }
}
