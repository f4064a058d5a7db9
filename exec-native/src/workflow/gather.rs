//! `merge()`: the work of calls that were kept apart comes together in one branch.

use std::path::Path;
use std::time::Duration;

use plan_core::base::json::{self, Object, Value};
use plan_core::workflow::identity::content_key;
use plan_core::workflow::machine::{Event, Lost, Settled};
use plan_core::workflow::policy::SCRIPT_VALIDATION_ERROR;
use plan_core::workflow::record::Outcome;
use plan_core::workflow::vm::{CallKind, JsonText};

use super::agent::{Work, tail};
use super::isolation::Rooms;
use super::store::MARKS;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::ask::{self, Task};
use crate::os::proc::Stopped;
use crate::worktree::{MergeSpec, Merged, Repo};

/// How long to wait for others who merge into the same branch.
const WAIT: Duration = Duration::from_secs(600);

/// The work of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where the call stands in the script.
    pub call: String,
    /// What people call it.
    pub label: String,
    /// The tree behind it.
    pub tree: String,
    /// The refs that hold its work; none when it changed nothing.
    pub refs: Vec<String>,
}

/// Work that is to be merged.
#[derive(Debug, Clone)]
pub struct Gather {
    /// The run's id.
    pub run: String,
    /// What is merged, in order.
    pub parts: Vec<Part>,
    /// The call that merges.
    pub work: Work,
}

/// What has come of it so far.
#[derive(Default)]
struct Tally {
    merged: Vec<Value<'static>>,
    unchanged: Vec<Value<'static>>,
    conflicts: Vec<Value<'static>>,
    rejected: Vec<Value<'static>>,
    commit: Option<String>,
    waiting: Option<Object<'static>>,
}

impl Gather {
    /// The key of what is merged: the trees themselves, wherever they come from.
    pub fn content(parts: &[Part], payload: &Value<'_>) -> String {
        let trees = parts.iter().map(|part| Value::from(part.tree.clone()));
        let mut content = Object::new();
        content.insert("trees", trees.collect::<Vec<_>>());
        let options = payload.get("options").map(Value::to_owned_value);
        content.insert("options", options.unwrap_or_default());
        content_key(CallKind::Merge, &Value::Object(content))
    }

    /// Merges one after the other. What is in the branch already stays as it is, so that it
    /// can be done again after a crash.
    pub(super) fn merge(&self, rooms: &Rooms) -> Vec<Event> {
        let (call, attempt) = (self.work.call, self.work.attempt);
        let outcome = match self.all(rooms) {
            Ok(Some(tally)) => Outcome::value(JsonText::new(&tally)),
            Ok(None) => {
                return vec![Event::Lost(Lost {
                    call,
                    attempt,
                    reason: "stop".to_owned(),
                    usage: None,
                    salvage: None,
                })];
            }
            Err(error) => {
                let message = format!("merge(): {}", error.chain());
                Outcome::error(SCRIPT_VALIDATION_ERROR, message, false)
            }
        };
        vec![Event::Settled(Settled {
            call,
            attempt,
            outcome,
            usage: None,
            tree: None,
            refs: Vec::new(),
        })]
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.work.payload.get("options")?.get_str(name)
    }

    /// `None` when it was broken off.
    fn all(&self, rooms: &Rooms) -> Result<Option<Value<'static>>, ExecError> {
        let (trees, base) = rooms.trees()?;
        let repo = trees.repo();
        let into = match self.option("into") {
            Some(named) => named.to_owned(),
            None => trees.gathering(base)?,
        };
        let mut tally = Tally::default();
        for part in &self.parts {
            if self.work.cancel.is_raised() {
                return Ok(None);
            }
            let label = Value::from(part.label.clone());
            let Some(from) = part.refs.first() else {
                tally.unchanged.push(label);
                continue;
            };
            let merged = self.one(part, &into, from, rooms)?;
            tally.note(label, merged, repo);
        }
        Ok(Some(tally.told(&into)))
    }

    fn one(&self, part: &Part, into: &str, from: &str, rooms: &Rooms) -> Result<Merged, ExecError> {
        let (trees, _) = rooms.trees()?;
        let from = trees.repo().resolve(from)?;
        let message = match self.option("message") {
            Some(message) => message.to_owned(),
            None => format!("Merge {}", part.label),
        };
        let call = format!("{} {}", self.work.path, part.call);
        let named = format!("{} {}", self.run, part.call);
        let spec = MergeSpec {
            call: &call,
            target: into,
            from: &from,
            message: &message,
            trailers: &[("Callsheet-Call", &named)],
            wait: WAIT,
        };
        let verify = self.option("verify");
        trees.merge(&spec, &mut |_| Ok(()), &mut |tree| match verify {
            None => Ok(None),
            Some(command) => self.verify(command, tree),
        })
    }

    /// Has a command look at a merge; returns what is wrong with it.
    fn verify(&self, command: &str, tree: &Path) -> Result<Option<String>, ExecError> {
        let work = &self.work;
        let name = format!("{}-verify", work.name());
        let done = ask::work(&Task {
            argv: &["sh".to_owned(), "-c".to_owned(), command.to_owned()],
            cwd: tree,
            env: &[],
            input: "",
            limit: work.limit.map(Duration::from_millis),
            grace: None,
            guarded: false,
            cancel: &work.cancel,
            mark: &work.run.join(MARKS).join(name),
            log: None,
        });
        let done = done.map_err(|error| {
            let message = "the command that verifies a merge cannot be started";
            ExecError::new(ExecErrorKind::Failed, message).because(error)
        })?;
        Ok(match (done.stopped, done.reply.code) {
            (None, 0) => None,
            (Some(Stopped::Limit), _) => Some("the command that verifies took too long".to_owned()),
            (_, code) => {
                let said = format!("{}{}", done.reply.stdout, done.reply.stderr);
                Some(format!("`{command}` ended with {code}: {}", tail(&said)))
            }
        })
    }
}

impl Tally {
    fn note(&mut self, label: Value<'static>, merged: Merged, repo: &Repo) {
        let mut about = Object::new();
        about.insert("label", label.clone());
        match merged {
            Merged::Already => self.merged.push(label),
            Merged::Done { commit } => {
                self.commit = Some(commit.as_str().to_owned());
                self.merged.push(label);
            }
            Merged::Waiting {
                commit,
                reference,
                at,
            } => {
                self.commit = Some(commit.as_str().to_owned());
                self.merged.push(label);
                let mut waiting = Object::new();
                waiting.insert("reference", reference.clone());
                waiting.insert("checkedOut", at.display().to_string());
                let take = format!("git merge --ff-only {reference}");
                waiting.insert("take", take);
                self.waiting = Some(waiting);
            }
            Merged::Conflict { files } => {
                let files: Vec<_> = files.into_iter().map(Value::from).collect();
                about.insert("files", files);
                self.conflicts.push(Value::Object(about));
            }
            Merged::Rejected { problem } => {
                about.insert("problem", problem);
                self.rejected.push(Value::Object(about));
            }
            Merged::Moved => {
                let problem = format!(
                    "the branch of {} moved each time while the merge was made",
                    repo.common().display()
                );
                about.insert("problem", problem);
                self.rejected.push(Value::Object(about));
            }
        }
    }

    fn told(self, into: &str) -> Value<'static> {
        let mut told = Object::new();
        let whole = self.conflicts.is_empty() && self.rejected.is_empty();
        told.insert("ok", whole);
        told.insert("into", into.to_owned());
        told.insert("commit", self.commit.map_or(Value::Null, Value::from));
        told.insert("merged", self.merged);
        told.insert("unchanged", self.unchanged);
        told.insert("conflicts", self.conflicts);
        told.insert("rejected", self.rejected);
        told.insert("waiting", self.waiting.map_or(Value::Null, Value::Object));
        // What goes into the journal is what is read from it.
        let text = json::print(&Value::Object(told));
        json::read(&text).unwrap_or_default().to_owned_value()
    }
}
