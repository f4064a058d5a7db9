//! The records of a run's journal. What a script was told, and in which order, is all here;
//! everything else follows from it.
//!
//! A record is one object with one member, named by what happened. Results that are long stand
//! in files of their own, named by their digest.

use alloc::string::String;
use alloc::vec::Vec;

use super::identity::Effect;
use super::ledger::Usage;
use super::policy::Limits;
use super::vm::CallKind;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::Value;
use crate::base::record::{JsonText, Scan as _, invalid, record, words};
use crate::base::tagged::tagged;

/// The version of the format, in the first record. Journals of every version from 1 on can be
/// read.
pub const RUN_VERSION: u64 = 1;

words! {
    /// How a call ended.
    pub enum OutcomeKind {
        /// With a result.
        Value = "value",
        /// With an error.
        Error = "error",
    }
}

words! {
    /// Why an earlier result stands for a call.
    pub enum Rule {
        /// Same place, same content, same past.
        Exact = "exact",
        /// Same content, same past.
        Moved = "moved",
        /// Same content, and nothing else that it could see.
        Content = "content",
    }
}

words! {
    /// How an execution ended.
    pub enum RunEnd {
        /// It can go on.
        Paused = "paused",
        /// It was asked to stop, and can go on.
        Stopped = "stopped",
        /// The script failed; edited or not, it can go on.
        Failed = "failed",
        /// The script returned.
        Completed = "completed",
        /// It is given up for good.
        Abandoned = "abandoned",
    }
}

record! {
    /// What a call ended with.
    pub struct Outcome {
        /// How.
        pub kind: OutcomeKind => "kind",
        /// The result, when it is short.
        pub value: Option<JsonText> => "value",
        /// The digest of the result's text, which is in a file of that name.
        pub blob: Option<String> => "blob",
        /// The code of an error.
        pub code: Option<String> => "code",
        /// What went wrong.
        pub message: Option<String> => "message",
        /// Whether the script may go on without the result.
        pub recoverable: Option<bool> => "recoverable",
    }
}

record! {
    /// The first record: what the run is.
    pub struct RunOpened {
        /// The version of the format.
        pub version: u64 => "version",
        /// The run's id.
        pub run: String => "run",
        /// The script's name.
        pub name: String => "name",
        /// The digest of the script that it began with, which is in a file of that name.
        pub script: String => "script",
        /// Where the script was read.
        pub path: Option<String> => "path",
        /// The workspace.
        pub cwd: String => "cwd",
        /// Its repository's commit that isolated calls begin with.
        pub base: Option<String> => "base",
        /// What the run was given.
        pub args: JsonText => "args",
        /// What it may take.
        pub limits: Limits => "limits",
        /// When, in milliseconds since 1970.
        pub at: u64 => "at",
    }
}

record! {
    /// A process begins to drive the run.
    pub struct ExecStarted {
        /// 1 for the first, then 2, …
        pub epoch: u64 => "epoch",
        /// The digest of the script, which is in a file of that name.
        pub script: String => "script",
        /// The digest of what it is given.
        pub args: String => "args",
        /// The engine and its prelude: another one may order things differently.
        pub engine: String => "engine",
        /// The process.
        pub pid: u64 => "pid",
        /// Who works on calls, for whoever goes on.
        pub agents: Option<Agents> => "agents",
        /// When, in milliseconds since 1970.
        pub at: u64 => "at",
    }
}

record! {
    /// Who works on the calls of a script. A command is not kept: it may hold secrets.
    pub struct Agents {
        /// The persona of calls that name none.
        pub persona: Option<String> => "persona",
        /// The harness of an agent that no persona describes.
        pub harness: Option<String> => "harness",
        /// The model of such an agent.
        pub model: Option<String> => "model",
        /// Whether a command works on calls.
        pub command: Option<bool> => "command",
    }
}

record! {
    /// The script calls.
    pub struct CallIssued {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call's number in it.
        pub call: u64 => "call",
        /// Where in the script's structure it stands.
        pub path: String => "path",
        /// What it is.
        pub kind: CallKind => "kind",
        /// The key of its content.
        pub content: String => "content",
        /// The digest of what had happened before.
        pub causal: String => "causal",
        /// What it may change.
        pub effect: Effect => "effect",
        /// What people call it.
        pub label: Option<String> => "label",
        /// The phase that it belongs to.
        pub phase: Option<String> => "phase",
    }
}

record! {
    /// Work on a call begins.
    pub struct CallAttempt {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// 1 for the first attempt, then 2, …
        pub attempt: u64 => "attempt",
        /// When it is due, in milliseconds since 1970, if it only waits.
        pub due: Option<u64> => "due",
        /// When, in milliseconds since 1970.
        pub at: Option<u64> => "at",
    }
}

record! {
    /// Work on a call has made something that outlives a crash.
    pub struct CallPlaced {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// The attempt.
        pub attempt: u64 => "attempt",
        /// The directory of its tree.
        pub tree: Option<String> => "tree",
        /// The tree's branch.
        pub branch: Option<String> => "branch",
        /// The commit that the tree began with.
        pub base: Option<String> => "base",
        /// The process group that works.
        pub group: Option<u64> => "group",
        /// When that process started, by which it is told from a later one of its number.
        pub started: Option<u64> => "started",
        /// The machine's start, for the same reason.
        pub boot: Option<String> => "boot",
    }
}

record! {
    /// A call is about to change something outside, which must not happen twice.
    pub struct EffectIntent {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// The attempt.
        pub attempt: u64 => "attempt",
        /// What tells the effect from all others, the same in every execution.
        pub key: String => "key",
    }
}

record! {
    /// What a call was about to change had been changed before, as its probe says.
    pub struct EffectDone {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// What tells the effect from all others.
        pub key: String => "key",
    }
}

record! {
    /// A call has ended. Until this is durable the script knows nothing of it.
    pub struct CallSettled {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// The attempt.
        pub attempt: u64 => "attempt",
        /// With what.
        pub outcome: Outcome => "outcome",
        /// What the attempt took.
        pub usage: Option<Usage> => "usage",
        /// The tree behind it.
        pub tree: Option<String> => "tree",
        /// The branches and other refs that it made.
        pub refs: Vec<String> => "refs",
        /// When, in milliseconds since 1970.
        pub at: Option<u64> => "at",
    }
}

record! {
    /// An earlier result stands for a call.
    pub struct CallAdopted {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// The number of the record of the result: 1 for the first of the journal.
        pub from: u64 => "from",
        /// Why.
        pub rule: Rule => "rule",
    }
}

record! {
    /// An attempt ended without a result.
    pub struct CallAbandoned {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// The attempt.
        pub attempt: u64 => "attempt",
        /// Why.
        pub reason: String => "reason",
        /// What it took.
        pub usage: Option<Usage> => "usage",
        /// Where what it had done is kept.
        pub salvage: Option<String> => "salvage",
    }
}

record! {
    /// A script that is the same did something else than before.
    pub struct RunDiverged {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// Where.
        pub path: String => "path",
        /// The content that was called there before.
        pub expected: String => "expected",
        /// The content that is called now.
        pub found: String => "found",
    }
}

record! {
    /// A phase begins.
    pub struct PhaseBegun {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// Its title.
        pub title: String => "title",
    }
}

record! {
    /// The script said something, or something looks wrong.
    pub struct Logged {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// `log`, `info`, `warn` or `error`.
        pub level: String => "level",
        /// What.
        pub message: String => "message",
    }
}

record! {
    /// Somebody is asked, and the run waits for the answer.
    pub struct CheckpointAsked {
        /// The execution.
        pub epoch: u64 => "epoch",
        /// The call.
        pub call: u64 => "call",
        /// The checkpoint's name: its own, or its place.
        pub id: String => "id",
        /// What is asked.
        pub question: JsonText => "question",
    }
}

record! {
    /// Somebody has answered.
    pub struct CheckpointAnswered {
        /// The checkpoint.
        pub id: String => "id",
        /// The answer.
        pub answer: JsonText => "answer",
        /// When, in milliseconds since 1970.
        pub at: u64 => "at",
    }
}

record! {
    /// The run may take more.
    pub struct LimitsRaised {
        /// What it may take now.
        pub limits: Limits => "limits",
    }
}

record! {
    /// An execution has ended.
    pub struct RunEnded {
        /// The execution; 0 when none was under way.
        pub epoch: u64 => "epoch",
        /// How.
        pub end: RunEnd => "end",
        /// Why, for whoever goes on.
        pub reason: Option<String> => "reason",
        /// What the script returned or failed with.
        pub outcome: Option<Outcome> => "outcome",
        /// When, in milliseconds since 1970.
        pub at: u64 => "at",
    }
}

tagged! {
    /// One record of a run's journal.
    pub enum RunRecord {
        /// What the run is.
        Opened(RunOpened) = "run.opened",
        /// A process begins to drive it.
        Started(ExecStarted) = "exec.started",
        /// The script calls.
        Issued(CallIssued) = "call.issued",
        /// Work begins.
        Attempt(CallAttempt) = "call.attempt",
        /// Work has made something that outlives a crash.
        Placed(CallPlaced) = "call.placed",
        /// Something outside is about to change.
        Intent(EffectIntent) = "effect.intent",
        /// It had been changed before.
        Done(EffectDone) = "effect.done",
        /// A call has ended.
        Settled(CallSettled) = "call.settled",
        /// An earlier result stands for a call.
        Adopted(CallAdopted) = "call.adopted",
        /// An attempt ended without a result.
        Abandoned(CallAbandoned) = "call.abandoned",
        /// The same script did something else.
        Diverged(RunDiverged) = "run.diverged",
        /// A phase begins.
        Phase(PhaseBegun) = "phase",
        /// The script said something.
        Logged(Logged) = "log",
        /// Somebody is asked.
        Asked(CheckpointAsked) = "checkpoint.asked",
        /// Somebody has answered.
        Answered(CheckpointAnswered) = "checkpoint.answered",
        /// The run may take more.
        Raised(LimitsRaised) = "limits.raised",
        /// An execution has ended.
        Ended(RunEnded) = "run.ended",
    }
}

impl RunRecord {
    /// Reads a record; `None` when it is of a kind that a later version made, which is kept
    /// and means nothing to us.
    ///
    /// # Errors
    /// A diagnostic that names the field.
    pub fn parse(value: &Value<'_>) -> Result<Option<Self>, Diagnostic> {
        let at = Path::root("record");
        let object = value.as_object().filter(|object| object.len() == 1);
        let Some((tag, _)) = object.and_then(|object| object.iter().next()) else {
            return Err(invalid(&at, "must be an object with one member"));
        };
        if !Self::TAGS.contains(&tag) {
            return Ok(None);
        }
        let record = Self::scan(value, &at)?;
        match &record {
            RunRecord::Opened(opened) if !(1..=RUN_VERSION).contains(&opened.version) => {
                Err(invalid(&at.field("version"), "is not a known version"))
            }
            _ => Ok(Some(record)),
        }
    }

    /// Tells whether something relies on the record that cannot be taken back, so that it
    /// must be durable before what follows.
    pub const fn is_promise(&self) -> bool {
        matches!(
            self,
            RunRecord::Opened(_)
                | RunRecord::Started(_)
                | RunRecord::Placed(_)
                | RunRecord::Intent(_)
                | RunRecord::Done(_)
                | RunRecord::Settled(_)
                | RunRecord::Asked(_)
                | RunRecord::Answered(_)
                | RunRecord::Raised(_)
                | RunRecord::Ended(_)
        )
    }
}

impl ExecStarted {
    /// Tells whether another execution runs the same script on the same input.
    pub fn is_of(&self, other: &Self) -> bool {
        self.script == other.script && self.args == other.args
    }

    /// Names the script and what it is given.
    pub fn source(&self) -> String {
        super::identity::keyed("callsheet/source/1", &[&self.script, &self.args])
    }
}

impl Outcome {
    /// A result.
    pub const fn value(value: JsonText) -> Self {
        Self {
            kind: OutcomeKind::Value,
            value: Some(value),
            blob: None,
            code: None,
            message: None,
            recoverable: None,
        }
    }

    /// A result that is in a file of its own.
    pub const fn blob(digest: String) -> Self {
        Self {
            kind: OutcomeKind::Value,
            value: None,
            blob: Some(digest),
            code: None,
            message: None,
            recoverable: None,
        }
    }

    /// An error.
    pub fn error(code: &str, message: impl Into<String>, recoverable: bool) -> Self {
        Self {
            kind: OutcomeKind::Error,
            value: None,
            blob: None,
            code: Some(code.into()),
            message: Some(message.into()),
            recoverable: Some(recoverable),
        }
    }

    /// Tells whether there is a result.
    pub fn is_value(&self) -> bool {
        self.kind == OutcomeKind::Value
    }

    /// Returns the digest of the result, wherever it stands.
    pub fn digest(&self) -> String {
        let text = self.value.as_ref().map_or("", JsonText::as_str);
        let short = || crate::base::digest::sha256_hex(text.as_bytes());
        self.blob.clone().unwrap_or_else(short)
    }
}
