//! A run as its journal tells it: the results that earlier executions paid for, and what
//! may follow.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::identity::Effect;
use super::ledger::{Ledger, Usage};
use super::policy::Limits;
use super::record::{
    CallAdopted, CallAttempt, CallIssued, CallPlaced, CallSettled, ExecStarted, Outcome, Rule,
    RunEnd, RunEnded, RunOpened, RunRecord,
};
use super::vm::CallKind;
use crate::base::map::Map;
use crate::base::record::JsonText;

/// Where a result was used.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    path: String,
    causal: String,
    /// The script that used it there, and what it was given.
    source: String,
}

/// A result of an earlier execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The number of its record, from 1.
    pub from: u64,
    /// What was called.
    pub kind: CallKind,
    /// The key of its content.
    pub content: String,
    /// What it may have changed.
    pub effect: Effect,
    /// With what it ended.
    pub outcome: Outcome,
    /// What it took.
    pub usage: Option<Usage>,
    /// The tree behind it.
    pub tree: Option<String>,
    /// The refs that hold its work.
    pub refs: Vec<String>,
    /// Where it was used; the latest place is the last.
    places: Vec<Place>,
}

/// How far a call of the latest execution is.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// The call.
    pub issued: CallIssued,
    /// The number of its latest attempt; 0 before the first.
    pub attempt: u64,
    /// Whether that attempt is at work, as far as the journal tells.
    pub at_work: bool,
    /// What the attempt made.
    pub placed: Option<CallPlaced>,
    /// When a call that only waits is due.
    pub due: Option<u64>,
    /// The key of what it is about to change outside.
    pub intent: Option<String>,
    /// Whether it has ended.
    pub settled: bool,
}

/// A record that cannot stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{tag}` cannot stand here: {why}")]
pub struct IllegalRecord {
    /// What the record is.
    pub tag: &'static str,
    /// Why not.
    pub why: String,
}

/// A run as its journal tells it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    opened: Option<RunOpened>,
    started: Option<ExecStarted>,
    source: String,
    ended: Option<RunEnded>,
    limits: Limits,
    ledger: Ledger,
    /// What the calls of each phase took.
    phases: BTreeMap<String, Ledger>,
    /// When calls are over that only wait, by their place and their content.
    dues: BTreeMap<(String, String), u64>,
    answers: Map<String, JsonText>,
    /// Effects that may have happened, by their keys; and the content of their calls.
    intents: BTreeMap<String, String>,
    records: u64,
    past: Vec<Past>,
    by_content: BTreeMap<String, Vec<usize>>,
    /// Also those that have been used at another place since.
    by_path: BTreeMap<String, Vec<usize>>,
    by_record: BTreeMap<u64, usize>,
    calls: Vec<Begun>,
    /// Attempts of executions that were not ended, which may still be at work.
    left: Vec<Begun>,
}

/// A result that stands for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Its place in [`History::past`].
    pub index: usize,
    /// Why.
    pub rule: Rule,
}

/// A call that looks for an earlier result.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// Its content.
    pub content: &'w str,
    /// Where it stands.
    pub path: &'w str,
    /// What had happened before.
    pub causal: &'w str,
    /// The script that calls, and what it is given.
    pub source: &'w str,
    /// Whether the content alone is enough.
    pub content_alone: bool,
    /// Whether errors stand too.
    pub errors: bool,
}

impl History {
    /// Folds a journal.
    ///
    /// # Errors
    /// A record that cannot follow those before it.
    pub fn fold<'r>(
        records: impl IntoIterator<Item = &'r RunRecord>,
    ) -> Result<Self, IllegalRecord> {
        let mut history = Self::default();
        for record in records {
            history.accept(record)?;
        }
        Ok(history)
    }

    /// Counts a record that means nothing to us.
    pub const fn skip(&mut self) {
        self.records += 1;
    }

    /// Takes one record.
    ///
    /// # Errors
    /// It cannot follow; the history is then what it was.
    pub fn accept(&mut self, record: &RunRecord) -> Result<(), IllegalRecord> {
        let tag = record.tag();
        self.check(record)
            .map_err(|why| IllegalRecord { tag, why })?;
        self.records += 1;
        match record {
            RunRecord::Opened(opened) => {
                self.limits = opened.limits.clone();
                self.opened = Some(opened.clone());
            }
            RunRecord::Started(started) => {
                self.left
                    .extend(self.calls.drain(..).filter(|call| call.at_work));
                self.source = started.source();
                self.started = Some(started.clone());
                self.ended = None;
            }
            RunRecord::Issued(issued) => self.calls.push(Begun {
                issued: issued.clone(),
                attempt: 0,
                at_work: false,
                placed: None,
                due: None,
                intent: None,
                settled: false,
            }),
            RunRecord::Attempt(attempt) => self.attempt(attempt),
            RunRecord::Placed(placed) => {
                if let Some(begun) = self.call_mut(placed.call) {
                    begun.placed = Some(placed.clone());
                }
            }
            RunRecord::Intent(intent) => {
                if let Some(begun) = self.call_mut(intent.call) {
                    begun.intent = Some(intent.key.clone());
                    let content = begun.issued.content.clone();
                    self.intents.insert(intent.key.clone(), content);
                }
            }
            RunRecord::Done(done) => {
                self.intents.remove(&done.key);
            }
            RunRecord::Settled(settled) => self.settle(settled),
            RunRecord::Adopted(adopted) => self.adopt(adopted),
            RunRecord::Abandoned(abandoned) => {
                if let Some(usage) = &abandoned.usage {
                    self.spend(abandoned.epoch, abandoned.call, usage);
                }
                if abandoned.epoch == self.epoch()
                    && let Some(begun) = self.call_mut(abandoned.call)
                {
                    begun.at_work = false;
                }
                self.left.retain(|begun| {
                    begun.issued.epoch != abandoned.epoch || begun.issued.call != abandoned.call
                });
            }
            RunRecord::Answered(answered) => {
                self.answers
                    .insert(answered.id.clone(), answered.answer.clone());
            }
            RunRecord::Raised(raised) => self.limits = raised.limits.clone(),
            RunRecord::Ended(ended) => self.ended = Some(ended.clone()),
            RunRecord::Diverged(_)
            | RunRecord::Phase(_)
            | RunRecord::Logged(_)
            | RunRecord::Asked(_) => {}
        }
        Ok(())
    }

    fn check(&self, record: &RunRecord) -> Result<(), String> {
        if matches!(record, RunRecord::Opened(_)) {
            return if self.records == 0 {
                Ok(())
            } else {
                Err("the run is open already".to_string())
            };
        }
        if self.opened.is_none() {
            return Err("the run is not open".to_string());
        }
        if self.is_over() {
            return Err("the run was given up".to_string());
        }
        match record {
            RunRecord::Started(started) if started.epoch != self.epoch() + 1 => Err(format!(
                "execution {} follows execution {}",
                started.epoch,
                self.epoch()
            )),
            RunRecord::Opened(_)
            | RunRecord::Started(_)
            | RunRecord::Answered(_)
            | RunRecord::Raised(_) => Ok(()),
            RunRecord::Ended(ended) if ended.epoch == 0 => Ok(()),
            RunRecord::Abandoned(abandoned) if abandoned.epoch < self.epoch() => Ok(()),
            _ => self.check_live(record),
        }
    }

    /// Checks a record of the execution that is under way.
    fn check_live(&self, record: &RunRecord) -> Result<(), String> {
        let (epoch, call) = match record {
            RunRecord::Issued(issued) => {
                self.check_epoch(issued.epoch)?;
                let next = self.calls.len() as u64;
                return if issued.call == next {
                    Ok(())
                } else {
                    Err(format!("the next call is {next}, not {}", issued.call))
                };
            }
            RunRecord::Attempt(record) => (record.epoch, record.call),
            RunRecord::Placed(record) => (record.epoch, record.call),
            RunRecord::Intent(record) => (record.epoch, record.call),
            RunRecord::Done(record) => (record.epoch, record.call),
            RunRecord::Settled(record) => (record.epoch, record.call),
            RunRecord::Adopted(record) => (record.epoch, record.call),
            RunRecord::Abandoned(record) => (record.epoch, record.call),
            RunRecord::Asked(record) => (record.epoch, record.call),
            RunRecord::Diverged(record) => return self.check_epoch(record.epoch),
            RunRecord::Phase(record) => return self.check_epoch(record.epoch),
            RunRecord::Logged(record) => return self.check_epoch(record.epoch),
            RunRecord::Ended(record) => return self.check_epoch(record.epoch),
            _ => return Ok(()),
        };
        self.check_epoch(epoch)?;
        let Some(begun) = self.call(call) else {
            return Err(format!("there is no call {call}"));
        };
        if begun.settled {
            return Err(format!("call {call} has ended"));
        }
        let attempt = |attempt: u64| {
            if begun.at_work && begun.attempt == attempt {
                return Ok(());
            }
            Err(format!("attempt {attempt} of call {call} is not at work"))
        };
        match record {
            RunRecord::Attempt(record) => {
                if begun.at_work || record.attempt != begun.attempt + 1 {
                    return Err(format!(
                        "attempt {} follows attempt {} of call {call}",
                        record.attempt, begun.attempt
                    ));
                }
                Ok(())
            }
            RunRecord::Placed(record) => attempt(record.attempt),
            RunRecord::Intent(record) => attempt(record.attempt),
            RunRecord::Abandoned(record) => attempt(record.attempt),
            // What is refused or answered at once has no attempt.
            RunRecord::Settled(record) if record.attempt == 0 && !begun.at_work => Ok(()),
            RunRecord::Settled(record) => attempt(record.attempt),
            RunRecord::Adopted(record) => self.check_source(record),
            _ => Ok(()),
        }
    }

    fn check_source(&self, adopted: &CallAdopted) -> Result<(), String> {
        if self.by_record.contains_key(&adopted.from) {
            return Ok(());
        }
        Err(format!("record {} is no result", adopted.from))
    }

    fn check_epoch(&self, epoch: u64) -> Result<(), String> {
        if self.ended.is_some() {
            return Err("no execution is under way".to_string());
        }
        if epoch == self.epoch() && epoch > 0 {
            return Ok(());
        }
        Err(format!("execution {epoch} is not under way"))
    }

    fn attempt(&mut self, attempt: &CallAttempt) {
        let Some(begun) = self.call_mut(attempt.call) else {
            return;
        };
        begun.attempt = attempt.attempt;
        begun.due = attempt.due;
        begun.at_work = true;
        begun.placed = None;
        let issued = &begun.issued;
        let place = (issued.path.clone(), issued.content.clone());
        if let Some(due) = attempt.due {
            self.dues.insert(place, due);
        }
    }

    fn settle(&mut self, settled: &CallSettled) {
        let records = self.records;
        if let Some(usage) = &settled.usage {
            self.spend(settled.epoch, settled.call, usage);
        }
        let Some(begun) = self.call_mut(settled.call) else {
            return;
        };
        begun.settled = true;
        begun.at_work = false;
        let issued = begun.issued.clone();
        // What failed may have done its work all the same.
        let intent = begun.intent.take().filter(|_| settled.outcome.is_value());
        if let Some(key) = intent {
            self.intents.remove(&key);
        }
        self.dues
            .remove(&(issued.path.clone(), issued.content.clone()));
        let source = self.source.clone();
        let index = self.past.len();
        self.by_content
            .entry(issued.content.clone())
            .or_default()
            .push(index);
        self.by_path
            .entry(issued.path.clone())
            .or_default()
            .push(index);
        self.by_record.insert(records, index);
        self.past.push(Past {
            from: records,
            kind: issued.kind,
            content: issued.content,
            effect: issued.effect,
            outcome: settled.outcome.clone(),
            usage: settled.usage.clone(),
            tree: settled.tree.clone(),
            refs: settled.refs.clone(),
            places: Vec::from([Place {
                path: issued.path,
                causal: issued.causal,
                source,
            }]),
        });
    }

    fn adopt(&mut self, adopted: &CallAdopted) {
        let source = self.source.clone();
        let Some(begun) = self.call_mut(adopted.call) else {
            return;
        };
        begun.settled = true;
        let place = Place {
            source,
            path: begun.issued.path.clone(),
            causal: begun.issued.causal.clone(),
        };
        let Some(index) = self.by_record.get(&adopted.from).copied() else {
            return;
        };
        let here = self.by_path.entry(place.path.clone()).or_default();
        if let Err(at) = here.binary_search(&index) {
            here.insert(at, index);
        }
        if let Some(past) = self.past.get_mut(index) {
            past.places.retain(|known| *known != place);
            past.places.push(place);
        }
    }

    /// Books what a call took, for the run and for its phase.
    fn spend(&mut self, epoch: u64, call: u64, usage: &Usage) {
        self.ledger.spend(usage);
        let issued = self.call(call).map(|begun| &begun.issued);
        let issued = issued.filter(|issued| issued.epoch == epoch);
        let phase = issued.and_then(|issued| {
            let title = issued.phase.as_deref()?;
            Some(super::machine::phase_name(&issued.path, title))
        });
        if let Some(phase) = phase {
            self.phases.entry(phase).or_default().spend(usage);
        }
    }

    fn call(&self, call: u64) -> Option<&Begun> {
        self.calls.get(usize::try_from(call).ok()?)
    }

    fn call_mut(&mut self, call: u64) -> Option<&mut Begun> {
        self.calls.get_mut(usize::try_from(call).ok()?)
    }

    /// Finds the result that stands for a call, among those that are free. One that the same
    /// script used at another place is kept for that place.
    pub fn find(&self, wanted: &Wanted<'_>, is_free: impl Fn(usize) -> bool) -> Option<Match> {
        let known = self.by_content.get(wanted.content)?;
        let free = || {
            known.iter().copied().filter_map(|index| {
                let past = self.past.get(index)?;
                let usable = wanted.errors || past.outcome.is_value();
                (usable && is_free(index)).then_some((index, past))
            })
        };
        let here = |place: &Place| place.path == wanted.path && place.causal == wanted.causal;
        let caused = |place: &Place| place.causal == wanted.causal;
        let kept = |past: &Past| {
            past.places
                .iter()
                .any(|place| place.source == wanted.source)
        };
        let latest = free().find(|(_, past)| past.places.last().is_some_and(here));
        let exact = || free().find(|(_, past)| past.places.iter().any(here));
        let moved = || {
            let mut free = free().filter(|(_, past)| !kept(past));
            free.find(|(_, past)| past.places.iter().any(caused))
        };
        let content = || {
            let mut free = free().filter(|(_, past)| !kept(past) && !past.effect.is_seen());
            free.next().filter(|_| wanted.content_alone)
        };
        let found = |rule| move |(index, _)| Match { index, rule };
        latest
            .map(found(Rule::Exact))
            .or_else(|| exact().map(found(Rule::Exact)))
            .or_else(|| moved().map(found(Rule::Moved)))
            .or_else(|| content().map(found(Rule::Content)))
    }

    /// Finds what was called at a place before, among the results that are free.
    pub fn at(&self, path: &str, is_free: impl Fn(usize) -> bool) -> Option<&Past> {
        let known = self.by_path.get(path)?.iter();
        let mut free = known
            .filter(|index| is_free(**index))
            .filter_map(|index| self.past.get(*index));
        free.find(|past| past.places.last().is_some_and(|place| place.path == path))
    }

    /// Tells whether something outside was changed by a call of a content whose past is
    /// another one now.
    pub fn did_outside(&self, content: &str, is_free: impl Fn(usize) -> bool) -> bool {
        let known = self.by_content.get(content);
        known.into_iter().flatten().any(|index| {
            let past = self.past.get(*index);
            let did = |past: &Past| past.effect == Effect::External && past.outcome.is_value();
            past.is_some_and(did) && is_free(*index)
        })
    }

    /// Returns the results, in the order of their records.
    pub fn past(&self) -> &[Past] {
        &self.past
    }

    /// Returns the calls of the latest execution.
    pub fn calls(&self) -> &[Begun] {
        &self.calls
    }

    /// Returns the attempts that may still be at work although nobody waits for them.
    pub fn left(&self) -> impl Iterator<Item = &Begun> {
        let latest = self.calls.iter().filter(|call| call.at_work);
        self.left.iter().chain(latest)
    }

    /// Returns the first record.
    pub const fn opened(&self) -> Option<&RunOpened> {
        self.opened.as_ref()
    }

    /// Returns the beginning of the latest execution.
    pub const fn started(&self) -> Option<&ExecStarted> {
        self.started.as_ref()
    }

    /// Returns the end of the latest execution; `None` when it was cut off, or goes on.
    pub const fn ended(&self) -> Option<&RunEnded> {
        self.ended.as_ref()
    }

    /// Tells whether the run was given up for good.
    pub fn is_over(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|ended| ended.end == RunEnd::Abandoned)
    }

    /// Returns the number of the latest execution; 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.started.as_ref().map_or(0, |started| started.epoch)
    }

    /// Returns what the run may take.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns what the run has taken.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns what the calls of each phase took.
    pub fn phases(&self) -> impl Iterator<Item = (&str, &Ledger)> {
        self.phases.iter().map(|(name, ledger)| (&**name, ledger))
    }

    /// Returns when a call is over that only waits and that an execution left waiting.
    pub fn due(&self, path: &str, content: &str) -> Option<u64> {
        self.dues.get(&(path.into(), content.into())).copied()
    }

    /// Returns the answer to a checkpoint.
    pub fn answer(&self, id: &str) -> Option<&JsonText> {
        self.answers.get(id)
    }

    /// Tells whether an effect may have happened although no result says so.
    pub fn may_have_done(&self, key: &str) -> bool {
        self.intents.contains_key(key)
    }

    /// Finds effects of calls of a content that may have happened although no result says so.
    pub fn may_have_done_as(&self, content: &str) -> impl Iterator<Item = &str> {
        let same = self
            .intents
            .iter()
            .filter(move |(_, known)| *known == content);
        same.map(|(key, _)| &**key)
    }

    /// Returns the number of records.
    pub const fn records(&self) -> u64 {
        self.records
    }
}
