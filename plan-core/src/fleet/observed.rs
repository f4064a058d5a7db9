//! What runs: an input of planning, collected by whoever can look.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::map::Map;
use crate::base::record::{record, words};

words! {
    /// What a seat's heartbeat says of its agent.
    pub enum Beat {
        /// Its files are being laid out.
        Starting = "starting",
        /// Its agent runs.
        Running = "running",
        /// Its agent ended and will be started again.
        Waiting = "waiting",
        /// It was asked to end.
        Stopping = "stopping",
    }
}

record! {
    /// How a process ended: one of the two is there.
    pub struct Exit {
        /// Its exit status.
        pub status: Option<u64> => "status",
        /// The number of the signal that ended it.
        pub signal: Option<u64> => "signal",
    }
}

record! {
    /// The last heartbeat of a seat.
    pub struct Heartbeat {
        /// Seconds since it was written.
        pub age: u64 => "age",
        /// The process of its agent, or of the seat while there is none.
        pub pid: u64 => "pid",
        /// What it says.
        pub status: Beat => "status",
        /// How often the agent was started again.
        pub restarts: u64 => "restarts",
    }
}

record! {
    /// A session that exists: a tmux session, or a process with a terminal of its own.
    pub struct Session {
        /// Its name.
        pub name: String => "name",
        /// What the transport calls it; never two sessions at once.
        pub id: String => "id",
        /// The fleet whose tag it carries; foreign sessions have none.
        pub fleet: Option<String> => "fleet",
        /// The seat that it was started for.
        pub seat: Option<String> => "seat",
        /// The digest of the configuration that it was started with.
        pub hash: Option<String> => "hash",
        /// The program in it.
        pub command: String => "command",
        /// Its process.
        pub pid: u64 => "pid",
        /// Seconds since it last printed something.
        pub quiet: u64 => "quiet",
        /// How it ended; none while it runs.
        pub dead: Option<Exit> => "dead",
        /// Its last heartbeat, if it ever wrote one.
        pub heartbeat: Option<Heartbeat> => "heartbeat",
    }
}

record! {
    /// Everything that was seen in one look.
    pub struct Observed {
        /// Whether the operator paused the fleet.
        pub paused: bool => "paused",
        /// The sessions of the fleet's server, foreign ones too.
        pub sessions: Vec<Session> => "sessions",
    }
}

record! {
    /// When an agent that ended is started again.
    pub struct Restart {
        /// How often in a row; a run longer than `settled` starts counting anew.
        pub limit: u64 => "limit",
        /// Milliseconds before the first start; doubled each time.
        pub delay: u64 => "delay",
        /// The longest wait, in milliseconds.
        pub longest: u64 => "longest",
        /// Milliseconds after which an agent counts as settled.
        pub settled: u64 => "settled",
    }
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            limit: 5,
            delay: 1_000,
            longest: 60_000,
            settled: 60_000,
        }
    }
}

record! {
    /// What a seat needs to start, as a file beside its heartbeat; references, never secrets.
    pub struct SeatSpec {
        /// The form of this file.
        pub schema: String => "schema",
        /// The fleet.
        pub fleet: String => "fleet",
        /// The seat.
        pub seat: String => "seat",
        /// The class of its persona.
        pub class: String => "class",
        /// Its harness.
        pub runtime: String => "runtime",
        /// The digest of its configuration.
        pub hash: String => "hash",
        /// Where its agent works: absolute.
        pub cwd: String => "cwd",
        /// The persona, as a document of JSON.
        pub persona: String => "persona",
        /// Variables for the agent, values are taken as they are.
        pub env: Map<String, String> => "env",
        /// The operator's file of further variables, read at each start.
        pub env_file: Option<String> => "env_file",
        /// The directory that relative paths of the persona start at; `cwd` by default.
        pub base: Option<String> => "base",
        /// Whether the agent gets a view of its own of the directory, since other seats work
        /// there with other files.
        pub own_view: Option<bool> => "own_view",
        /// When the agent is started again.
        pub restart: Restart => "restart",
        /// Seconds between two heartbeats.
        pub interval: u64 => "interval",
        /// Milliseconds that its agent has to end when it is asked to; 5000 by default.
        pub grace: Option<u64> => "grace",
    }
}

/// The form of [`SeatSpec`] files.
pub const SEAT_SPEC: &str = "callsheet.seat/1";
