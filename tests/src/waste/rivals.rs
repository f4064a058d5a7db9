//! The rules of others: calls are numbered in the order in which they are made, and a result
//! is found by that number.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use exec_native::workflow::script::Script;
use plan_core::base::record::JsonText;
use plan_core::workflow::vm::{Report, VmState};

use super::{Agenda, CONCURRENCY, Rule, calls, prompt, start, tell};
use crate::repo::Answer;
use crate::toy::Chance;

/// A result in a journal.
#[derive(Debug, Clone)]
struct Entry {
    prompt: String,
    value: JsonText,
    /// When it came.
    place: u64,
}

/// By the number of the call.
type Book = BTreeMap<u64, Entry>;

/// Runs a script until so many calls have ended, and resumes it to its end; returns how many
/// of those results were used.
pub(super) fn trial(
    first: &Script,
    second: &Script,
    rule: Rule,
    (stop, mut chance): (u64, Chance),
) -> Answer<u64> {
    let later = Chance::new(chance.below(u64::MAX));
    let (_, book) = execute(first, Book::new(), rule, (chance, stop))?;
    let (used, _) = execute(second, book, rule, (later, u64::MAX))?;
    Ok(used)
}

struct Desk {
    rule: Rule,
    /// What earlier executions left.
    past: Book,
    book: Book,
    prompts: Vec<String>,
    missed: bool,
    used: u64,
    /// Results that the script is not told of yet, in the order in which it will be.
    ready: BTreeSet<(u64, u64)>,
    queue: VecDeque<u64>,
    agenda: Agenda,
}

fn execute(
    script: &Script,
    past: Book,
    rule: Rule,
    (chance, stop): (Chance, u64),
) -> Answer<(u64, Book)> {
    let (mut engine, mut report) = start(script)?;
    let mut desk = Desk {
        rule,
        book: past.clone(),
        past,
        prompts: Vec::new(),
        missed: false,
        used: 0,
        ready: BTreeSet::new(),
        queue: VecDeque::new(),
        agenda: Agenda::new(chance),
    };
    let mut ended = 0;
    loop {
        desk.take(&report);
        if report.state == VmState::Done {
            return Ok((desk.used, desk.book));
        }
        let call = match desk.ready.pop_first() {
            Some((_, call)) => call,
            None if ended == stop => return Ok((desk.used, desk.book)),
            None => {
                ended += 1;
                desk.work(ended)?
            }
        };
        let entry = desk.book.get(&call).ok_or("a result is gone")?;
        report = tell(&mut engine, call, entry.value.clone())?;
    }
}

impl Desk {
    /// Looks up what the script calls.
    fn take(&mut self, report: &Report) {
        for call in calls(report) {
            let prompt = prompt(call);
            let known = self.past.get(&call.id);
            let known = known.filter(|entry| entry.prompt == prompt);
            if let Some(entry) = known.filter(|_| self.rule != Rule::Prefix || !self.missed) {
                self.used += 1;
                let order = if self.rule == Rule::Recorded {
                    entry.place
                } else {
                    call.id
                };
                self.ready.insert((order, call.id));
            } else {
                self.missed = true;
                self.queue.push_back(call.id);
            }
            self.prompts.push(prompt);
        }
    }

    /// Works until a call has ended.
    fn work(&mut self, place: u64) -> Answer<u64> {
        while self.agenda.due.len() < CONCURRENCY
            && let Some(call) = self.queue.pop_front()
        {
            self.agenda.begin(call);
        }
        let call = self.agenda.next().ok_or("the run is stuck")?;
        let at = usize::try_from(call)?;
        let prompt = self.prompts.get(at).ok_or("no such call")?.clone();
        let value = self.agenda.answer(&prompt);
        self.book.insert(
            call,
            Entry {
                prompt,
                value,
                place,
            },
        );
        Ok(call)
    }
}
