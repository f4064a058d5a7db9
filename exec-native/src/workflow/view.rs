//! A run as people look at it: which calls there are, how far they are, what they took.

use plan_core::workflow::ledger::Usage;
use plan_core::workflow::policy::Limits;
use plan_core::workflow::record::{OutcomeKind, RunEnded, RunRecord};
use plan_core::workflow::vm::{CallKind, JsonText};

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It has not begun.
    Waiting,
    /// Somebody works on it.
    Working,
    /// A person is asked.
    Asking,
    /// It has a result.
    Done,
    /// It has one of an earlier execution.
    Reused,
    /// It has failed.
    Failed,
}

/// A call of the latest execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Where it stands in the script.
    pub path: String,
    /// What it is.
    pub kind: CallKind,
    /// What people call it; its kind, when nobody said.
    pub label: String,
    /// The phase that it belongs to.
    pub phase: Option<String>,
    /// How far it is.
    pub stage: Stage,
    /// Its latest attempt.
    pub attempt: u64,
    /// When that began, in milliseconds since 1970.
    pub begun: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// What it took.
    pub usage: Option<Usage>,
    /// What went wrong the last time.
    pub problem: Option<String>,
}

/// Something that a run waits for a person to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The checkpoint.
    pub id: String,
    /// What is asked.
    pub question: JsonText,
    call: u64,
}

/// A run as people look at it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// Its id.
    pub run: String,
    /// The script's name.
    pub name: String,
    /// What it may take.
    pub limits: Limits,
    /// What it has taken, over all executions.
    pub spent: Usage,
    /// The number of the latest execution; 0 before the first.
    pub epoch: u64,
    /// When that began, in milliseconds since 1970.
    pub started: Option<u64>,
    /// How the latest execution ended.
    pub ended: Option<RunEnded>,
    /// Its phases: those that the script announces, then those that it entered.
    pub phases: Vec<String>,
    /// The phase that was entered last.
    pub phase: Option<String>,
    /// The calls of the latest execution.
    pub calls: Vec<Call>,
    /// What waits for a person.
    pub questions: Vec<Asked>,
    /// How many records there were.
    pub records: u64,
    announced: Vec<String>,
}

impl View {
    /// Creates a view of a run whose script announces phases.
    pub fn new(announced: Vec<String>) -> Self {
        Self {
            phases: announced.clone(),
            announced,
            ..Self::default()
        }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &RunRecord) {
        self.records += 1;
        match record {
            RunRecord::Opened(opened) => {
                self.run.clone_from(&opened.run);
                self.name.clone_from(&opened.name);
                self.limits = opened.limits.clone();
            }
            RunRecord::Started(started) => {
                self.epoch = started.epoch;
                self.started = Some(started.at);
                self.ended = None;
                self.phases.clone_from(&self.announced);
                self.phase = self.announced.first().cloned();
                self.calls.clear();
                self.questions.clear();
            }
            RunRecord::Issued(issued) => {
                if let Some(phase) = &issued.phase {
                    self.know(phase);
                }
                let kind = issued.kind;
                let label = issued.label.clone();
                self.calls.push(Call {
                    path: issued.path.clone(),
                    kind,
                    label: label.unwrap_or_else(|| kind.as_str().to_owned()),
                    phase: issued.phase.clone(),
                    stage: Stage::Waiting,
                    attempt: 0,
                    begun: None,
                    ended: None,
                    usage: None,
                    problem: None,
                });
            }
            RunRecord::Phase(phase) => {
                self.know(&phase.title);
                self.phase = Some(phase.title.clone());
            }
            RunRecord::Raised(raised) => self.limits = raised.limits.clone(),
            RunRecord::Ended(ended) => self.ended = Some(ended.clone()),
            RunRecord::Answered(answered) => {
                self.questions.retain(|asked| asked.id != answered.id);
            }
            _ => self.take_call(record),
        }
    }

    /// Takes a record about a call.
    fn take_call(&mut self, record: &RunRecord) {
        match record {
            RunRecord::Attempt(attempt) => {
                if let Some(call) = self.call_mut(attempt.call) {
                    call.stage = Stage::Working;
                    call.attempt = attempt.attempt;
                    call.begun = attempt.at;
                }
            }
            RunRecord::Asked(asked) => {
                self.questions.push(Asked {
                    id: asked.id.clone(),
                    question: asked.question.clone(),
                    call: asked.call,
                });
                if let Some(call) = self.call_mut(asked.call) {
                    call.stage = Stage::Asking;
                }
            }
            RunRecord::Adopted(adopted) => {
                if let Some(call) = self.call_mut(adopted.call) {
                    call.stage = Stage::Reused;
                }
            }
            RunRecord::Settled(settled) => {
                self.spend(settled.usage.as_ref());
                self.questions.retain(|asked| asked.call != settled.call);
                if let Some(call) = self.call_mut(settled.call) {
                    let failed = settled.outcome.kind == OutcomeKind::Error;
                    call.stage = if failed { Stage::Failed } else { Stage::Done };
                    call.ended = settled.at;
                    call.usage.clone_from(&settled.usage);
                    call.problem.clone_from(&settled.outcome.message);
                }
            }
            RunRecord::Abandoned(abandoned) => {
                self.spend(abandoned.usage.as_ref());
                if abandoned.epoch == self.epoch
                    && let Some(call) = self.call_mut(abandoned.call)
                {
                    call.stage = Stage::Waiting;
                    call.problem = Some(abandoned.reason.clone());
                }
            }
            _ => {}
        }
    }

    fn spend(&mut self, usage: Option<&Usage>) {
        if let Some(usage) = usage {
            self.spent.add(usage);
        }
    }

    fn know(&mut self, phase: &str) {
        if !self.phases.iter().any(|known| known == phase) {
            self.phases.push(phase.to_owned());
        }
    }

    /// Returns a call by its number.
    pub fn call(&self, call: u64) -> Option<&Call> {
        self.calls.get(usize::try_from(call).ok()?)
    }

    fn call_mut(&mut self, call: u64) -> Option<&mut Call> {
        self.calls.get_mut(usize::try_from(call).ok()?)
    }

    /// Returns the calls that people care for: the rest is over at once, or only waits.
    pub fn shown(&self) -> impl Iterator<Item = &Call> {
        self.calls
            .iter()
            .filter(|call| matches!(call.kind, CallKind::Agent | CallKind::Checkpoint))
    }

    /// Counts the calls that people care for which are that far.
    pub fn count(&self, stages: &[Stage]) -> usize {
        self.shown()
            .filter(|call| stages.contains(&call.stage))
            .count()
    }
}
