//! What would become of the calls of a resumed run, told by the records that a replay makes
//! in which nobody works on anything.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::history::History;
use super::identity::Effect;
use super::ledger::Usage;
use super::record::{CallIssued, RunRecord};
use crate::base::json::{Print, Writer};
use crate::base::map::Set;
use crate::base::record::words;

words! {
    /// What would become of a call.
    pub enum Fate {
        /// An earlier result stands for it.
        Reused = "reused",
        /// Somebody works on it.
        Runs = "runs",
        /// It is answered without work: a person answered, or there is a default.
        Answered = "answered",
        /// A person is asked, and the run waits.
        Asks = "asks",
        /// It is refused: the budget is spent, or it cannot be worked on.
        Refused = "refused",
        /// It changed something outside after another past, so the run pauses.
        External = "external",
    }
}

words! {
    /// Why no earlier result stands for a call.
    pub enum Change {
        /// Nothing of the kind was called there before.
        New = "new",
        /// Something else was called there.
        Content = "content",
        /// The same was called, after something else.
        Past = "past",
        /// It was called and failed.
        Failed = "failed",
        /// It was called, and there is no result.
        Unfinished = "unfinished",
    }
}

/// What would become of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The call.
    pub call: CallIssued,
    /// What would become of it.
    pub fate: Fate,
    /// Why no earlier result stands for it.
    pub change: Option<Change>,
}

/// What would become of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The calls, as far as they are known: what comes after one that is to be run is not.
    pub steps: Vec<Step>,
    /// What the results that stand took, and would take again otherwise.
    pub kept: Usage,
    /// How many earlier results nobody has asked for, as far as the calls are known.
    pub unclaimed: u64,
}

impl Print for Step {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        out.field("path", &self.call.path);
        out.field("kind", &self.call.kind);
        out.field("label", &self.call.label);
        out.field("phase", &self.call.phase);
        out.field("fate", &self.fate);
        out.field("change", &self.change);
        out.end_object();
    }
}

impl Preview {
    /// Judges the records of a replay of a run.
    pub fn new(history: &History, records: &[RunRecord]) -> Self {
        let mut preview = Self {
            steps: Vec::new(),
            kept: Usage::default(),
            unclaimed: 0,
        };
        let adopted = records.iter().filter_map(|record| match record {
            RunRecord::Adopted(adopted) => Some(adopted.from),
            _ => None,
        });
        let adopted: Set<u64> = adopted.collect();
        let past = history.past();
        for past in past {
            if !adopted.contains(&past.from) {
                preview.unclaimed += 1;
            } else if let Some(usage) = &past.usage {
                preview.kept.add(usage);
            }
        }
        let is_free = |index: usize| {
            past.get(index)
                .is_some_and(|past| !adopted.contains(&past.from))
        };
        for record in records {
            if let RunRecord::Issued(call) = record {
                preview.steps.push(Step {
                    change: Some(change(history, call, &is_free)),
                    fate: if call.effect == Effect::External
                        && history.did_outside(&call.content, is_free)
                    {
                        Fate::External
                    } else {
                        Fate::Runs
                    },
                    call: call.clone(),
                });
            }
            let (call, fate) = match record {
                RunRecord::Adopted(adopted) => (adopted.call, Fate::Reused),
                RunRecord::Asked(asked) => (asked.call, Fate::Asks),
                // What nobody began to work on.
                RunRecord::Settled(settled) if settled.attempt == 0 => {
                    let fate = if settled.outcome.is_value() {
                        Fate::Answered
                    } else {
                        Fate::Refused
                    };
                    (settled.call, fate)
                }
                _ => continue,
            };
            let place = usize::try_from(call).unwrap_or(usize::MAX);
            if let Some(step) = preview.steps.get_mut(place) {
                step.fate = fate;
                if fate == Fate::Reused {
                    step.change = None;
                }
            }
        }
        preview
    }

    /// Counts the calls with a fate.
    pub fn count(&self, fate: Fate) -> u64 {
        let same = self.steps.iter().filter(|step| step.fate == fate);
        same.count() as u64
    }

    /// Returns the first call of every scope for which no earlier result stands.
    pub fn divergences(&self) -> Vec<&Step> {
        let mut seen: Set<String> = Set::new();
        let mut first = Vec::new();
        for step in self.steps.iter().filter(|step| step.change.is_some()) {
            let scope = step.call.path.rsplit_once('/');
            let scope = scope.map_or("", |(scope, _)| scope);
            if !seen.contains(scope) {
                seen.insert(scope.to_string());
                first.push(step);
            }
        }
        first
    }
}

fn change(history: &History, call: &CallIssued, is_free: &impl Fn(usize) -> bool) -> Change {
    let past = history.past().iter().enumerate();
    let same = past.filter(|(index, past)| past.content == call.content && is_free(*index));
    let (mut failed, mut other) = (false, false);
    for (_, past) in same {
        failed |= !past.outcome.is_value();
        other |= past.outcome.is_value();
    }
    let mut before = history.calls().iter();
    let unfinished = before.any(|begun| {
        !begun.settled && begun.issued.path == call.path && begun.issued.content == call.content
    });
    if unfinished {
        Change::Unfinished
    } else if other {
        Change::Past
    } else if failed {
        Change::Failed
    } else if history.at(&call.path, is_free).is_some() {
        Change::Content
    } else {
        Change::New
    }
}
