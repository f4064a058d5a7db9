//! What a workflow driver and the host of its script tell one another. The host runs the
//! script until it waits, reports what it asked for, and goes on when something is settled.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::diag::{Diagnostic, Path};
use crate::base::json;
pub use crate::base::record::JsonText;
use crate::base::record::{Scan, record, words};
use crate::base::tagged::tagged;

/// The error codes that the host of a script gives itself.
pub mod code {
    /// The script is no JavaScript, or asks for something that it may not.
    pub const SCRIPT_VALIDATION_ERROR: &str = "SCRIPT_VALIDATION_ERROR";
    /// The script threw something of its own.
    pub const SCRIPT_ERROR: &str = "SCRIPT_ERROR";
    /// The script worked for longer than its fuel lasts.
    pub const FUEL_EXHAUSTED: &str = "FUEL_EXHAUSTED";
    /// The script needed more memory than it may have, even if it went on without.
    pub const MEMORY_LIMIT: &str = "MEMORY_LIMIT";
    /// The script waits for something that cannot come.
    pub const DEADLOCK: &str = "DEADLOCK";
    /// One step took longer than the driver waits.
    pub const STEP_TIMEOUT: &str = "STEP_TIMEOUT";
}

/// The deepest value that crosses: a report puts some levels around it.
pub const MAX_DEPTH: usize = 100;

words! {
    /// What a call asks for.
    pub enum CallKind {
        /// An agent.
        Agent = "agent",
        /// An answer of a person.
        Checkpoint = "checkpoint",
        /// Time to pass.
        Sleep = "sleep",
        /// The time.
        Now = "now",
        /// A random number from 0 to 1.
        Random = "random",
        /// An id that nobody else has.
        Uuid = "uuid",
        /// A variable of the environment.
        Env = "env",
        /// The text of another workflow, which runs in this one.
        Workflow = "workflow",
        /// Branches to be brought together.
        Merge = "merge",
        /// A task.
        Task = "task",
        /// A program of phases.
        Flow = "flow",
    }
}

words! {
    /// What opens a scope of branches.
    pub enum ScopeKind {
        /// Functions that run at once.
        Parallel = "parallel",
        /// Items that go through stages.
        Pipeline = "pipeline",
        /// A workflow that this one calls.
        Workflow = "workflow",
    }
}

words! {
    /// How a line of the log was meant.
    pub enum Level {
        /// `log` and `console.log`.
        Log = "log",
        /// `console.info`.
        Info = "info",
        /// `console.warn`.
        Warn = "warn",
        /// `console.error`.
        Error = "error",
    }
}

words! {
    /// Where a script stands after a step.
    pub enum VmState {
        /// It waits for a call to be settled.
        Waiting = "waiting",
        /// It has returned.
        Done = "done",
        /// It has failed.
        Failed = "failed",
        /// It waits, and there is nothing to wait for.
        Deadlock = "deadlock",
    }
}

record! {
    /// Something that the script asks the driver for.
    pub struct Call {
        /// Its number: 0, 1, 2, … in this run of the script.
        pub id: u64 => "id",
        /// Where it stands: its scope's path and its ordinal.
        pub path: String => "path",
        /// The path of the scope that issued it; the script's own is empty.
        pub scope: String => "scope",
        /// How many things its scope issued before.
        pub ordinal: u64 => "ordinal",
        /// What it asks for.
        pub kind: CallKind => "kind",
        /// Everything that the script gave with it.
        pub payload: JsonText => "payload",
        /// The phase that it belongs to.
        pub phase: Option<String> => "phase",
        /// What it is called where people look.
        pub label: Option<String> => "label",
    }
}

record! {
    /// A combinator began.
    pub struct Open {
        /// The path of its scope.
        pub scope: String => "scope",
        /// The path of the scope that issued it.
        pub parent: String => "parent",
        /// How many things that scope issued before.
        pub ordinal: u64 => "ordinal",
        /// Which combinator it is.
        pub kind: ScopeKind => "kind",
        /// How many branches it has; branch `i` is the scope `<scope>[i]`.
        pub branches: u64 => "branches",
    }
}

record! {
    /// Every branch of a combinator has ended.
    pub struct Join {
        /// The path of its scope.
        pub scope: String => "scope",
    }
}

record! {
    /// The script entered a phase.
    pub struct PhaseEntered {
        /// Its title.
        pub title: String => "title",
        /// The tokens that its calls may need.
        pub budget: Option<u64> => "budget",
        /// The scope that entered it; a script that another one calls has phases of its own.
        pub scope: String => "scope",
    }
}

record! {
    /// A combinator was given up before all of its branches had ended.
    pub struct GivenUp {
        /// The path of its scope.
        pub scope: String => "scope",
    }
}

record! {
    /// A line for the log of the run.
    pub struct LogLine {
        /// How it was meant; whoever prints it puts `[warn] ` or `[error] ` in front.
        pub level: Level => "level",
        /// The line.
        pub message: String => "message",
    }
}

record! {
    /// Something that the writer of the script should know.
    pub struct Warning {
        /// What it is.
        pub message: String => "message",
    }
}

tagged! {
    /// Something that the script caused.
    pub enum Event {
        /// It asks for something.
        Call(Call) = "call",
        /// A combinator began.
        Open(Open) = "open",
        /// A combinator ended.
        Join(Join) = "join",
        /// What a combinator has not begun is not wanted any more.
        GivenUp(GivenUp) = "givenUp",
        /// It entered a phase.
        Phase(PhaseEntered) = "phase",
        /// It wrote a line.
        Log(LogLine) = "log",
        /// It did something that is probably wrong.
        Warning(Warning) = "warning",
    }
}

record! {
    /// Why a script ended without a result.
    pub struct VmError {
        /// A code that programs understand.
        pub code: String => "code",
        /// What people read.
        pub message: String => "message",
        /// The line in the file of the script.
        pub line: Option<u64> => "line",
        /// The column, in characters.
        pub column: Option<u64> => "column",
        /// The functions that were at work, innermost first.
        pub stack: Option<String> => "stack",
    }
}

record! {
    /// What a step of a script came to.
    pub struct Report {
        /// What the script caused, in order.
        pub events: Vec<Event> => "events",
        /// Where it stands.
        pub state: VmState => "state",
        /// What it returned.
        pub value: Option<JsonText> => "value",
        /// Why it ended without a result.
        pub error: Option<VmError> => "error",
        /// The fuel that it has used, in all steps.
        pub fuel: u64 => "fuel",
    }
}

record! {
    /// The tokens of a run.
    pub struct Budget {
        /// How many it may use.
        pub total: Option<u64> => "total",
        /// How many it has used.
        pub spent: u64 => "spent",
    }
}

record! {
    /// A script and what it starts with.
    pub struct Start {
        /// The whole file.
        pub script: String => "script",
        /// The bytes from and to which the meta statement stands in it.
        pub statement: Vec<u64> => "statement",
        /// The name of the file, for stacks.
        pub name: String => "name",
        /// The arguments of the run.
        pub args: JsonText => "args",
        /// The directory that the run is about.
        pub cwd: String => "cwd",
        /// The titles of the phases that the script announces.
        pub phases: Vec<String> => "phases",
        /// The tokens of the run.
        pub budget: Budget => "budget",
        /// How many bytes the script may need.
        pub memory: u64 => "memory",
        /// How much it may work: ten thousand turns of a loop, about, are one.
        pub fuel: u64 => "fuel",
    }
}

record! {
    /// Another script, for a call of a workflow.
    pub struct Nested {
        /// The whole file.
        pub script: String => "script",
        /// The bytes from and to which the meta statement stands in it.
        pub statement: Vec<u64> => "statement",
        /// The name of the file, for stacks.
        pub name: String => "name",
        /// The titles of the phases that it announces.
        pub phases: Vec<String> => "phases",
        /// What it is given, when that is more than its caller said: it has defaults.
        pub args: Option<JsonText> => "args",
    }
}

record! {
    /// How a call failed.
    pub struct CallError {
        /// A code that programs understand.
        pub code: String => "code",
        /// What people read.
        pub message: String => "message",
        /// Whether the script can go on without it.
        pub recoverable: bool => "recoverable",
    }
}

record! {
    /// The answer to a call: a value, or an error.
    pub struct Settle {
        /// The number of the call.
        pub call: u64 => "call",
        /// The value; absent counts as `null`. A call of a workflow gets a [`Nested`].
        pub value: Option<JsonText> => "value",
        /// The error.
        pub error: Option<CallError> => "error",
        /// The tokens that the run has used by now.
        pub spent: u64 => "spent",
    }
}

record! {
    /// The end of a script that is not needed any more.
    pub struct End {}
}

tagged! {
    /// What the driver tells the host.
    pub enum Command {
        /// Runs a script until it waits.
        Start(Start) = "start",
        /// Settles a call, and runs the script until it waits again.
        Settle(Settle) = "settle",
        /// Ends the host.
        End(End) = "end",
    }
}

/// Reads a record of this protocol.
///
/// # Errors
/// The text is not JSON, or no such record.
pub fn read<T: for<'a> Scan<'a>>(text: &str) -> Result<T, Diagnostic> {
    let value = json::read(text)
        .map_err(|error| crate::base::record::invalid(&Path::root("message"), &error.message))?;
    T::scan(&value, &Path::root("message"))
}
