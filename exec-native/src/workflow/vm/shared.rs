//! What the engine's callbacks note while a script runs.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use plan_core::base::json;
use plan_core::workflow::vm::{Event, JsonText, MAX_DEPTH, VmError, read};
use rquickjs::{Persistent, Value};

use super::machine::Gauge;

/// How many jobs cost as much fuel as one call of the interrupt handler. Jobs of the engine
/// alone, without a function of the script, do not count otherwise.
const JOBS_A_TICK: u64 = 1000;

/// How a script ended.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// With a value.
    Done(JsonText),
    /// Without one.
    Failed(VmError),
}

/// A promise that was rejected while nobody listened, and what with.
pub(super) type Rejection = (Persistent<Value<'static>>, String);

pub(super) struct Shared {
    pub(super) events: RefCell<Vec<Event>>,
    pub(super) outcome: RefCell<Option<Outcome>>,
    pub(super) rejections: RefCell<Vec<Rejection>>,
    /// How many calls are not settled.
    pub(super) open: Cell<u64>,
    /// The fuel that there is, and how much is used.
    fuel: u64,
    used: Cell<u64>,
    jobs: Cell<u64>,
    /// Whether memory was refused. It stays set whatever the script does about it.
    starved: Cell<bool>,
    memory: u64,
    gauge: RefCell<Gauge>,
}

impl Shared {
    pub(super) fn new(fuel: u64, memory: u64, gauge: Gauge) -> Self {
        Self {
            events: RefCell::default(),
            outcome: RefCell::default(),
            rejections: RefCell::default(),
            open: Cell::new(0),
            fuel,
            used: Cell::new(0),
            jobs: Cell::new(0),
            starved: Cell::new(false),
            memory,
            gauge: RefCell::new(gauge),
        }
    }

    /// Burns fuel; tells whether the script must stop. The engine calls this after equal
    /// amounts of work, so the same script stops at the same place every time.
    pub(super) fn tick(&self) -> bool {
        self.used.set(self.used.get().saturating_add(1));
        if self.used.get() % 16 == 0 {
            self.look_at_memory();
        }
        self.is_stopped()
    }

    /// Counts a job.
    pub(super) fn job(&self) {
        self.jobs.set(self.jobs.get() + 1);
        if self.jobs.get() % JOBS_A_TICK == 0 {
            self.tick();
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.get()
    }

    pub(super) fn memory(&self) -> u64 {
        self.memory
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.used.get() > self.fuel
    }

    pub(super) fn is_starved(&self) -> bool {
        self.starved.get()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_exhausted() || self.is_starved()
    }

    pub(super) fn starve(&self) {
        self.starved.set(true);
    }

    /// Asks whether the process has needed more than the script may have. A script that used
    /// up everything, and has given it back, leaves no other trace.
    pub(super) fn look_at_memory(&self) {
        let Ok(mut gauge) = self.gauge.try_borrow_mut() else {
            return;
        };
        if gauge().is_some_and(|grown| grown >= self.memory) {
            self.starve();
        }
    }

    /// Takes an event of the script.
    ///
    /// # Errors
    /// What the script gave cannot be told to anybody.
    pub(super) fn take(&self, text: &str) -> Result<(), String> {
        let text = well_formed(text);
        shallow(&text)?;
        let event = read::<Event>(&text).map_err(|problem| problem.to_string())?;
        if matches!(event, Event::Call(_)) {
            self.open.set(self.open.get() + 1);
        }
        self.events.borrow_mut().push(event);
        Ok(())
    }

    /// Takes the result of the script.
    ///
    /// # Errors
    /// It cannot be told to anybody.
    pub(super) fn finish(&self, text: &str) -> Result<(), String> {
        let text = well_formed(text);
        shallow(&text)?;
        let value = json::read(&text).map_err(|error| error.message)?;
        self.end(Outcome::Done(JsonText::new(&value)));
        Ok(())
    }

    /// Takes the error that the script ended with.
    pub(super) fn fail(&self, text: &str, otherwise: &str) {
        let error = read::<VmError>(&well_formed(text)).unwrap_or_else(|_| VmError {
            code: otherwise.to_owned(),
            message: String::from("an error that cannot be printed"),
            line: None,
            column: None,
            stack: None,
        });
        self.end(Outcome::Failed(error));
    }

    /// Notes how the script ended; the first time counts.
    fn end(&self, outcome: Outcome) {
        self.outcome.borrow_mut().get_or_insert(outcome);
    }
}

/// Refuses JSON that a report around it would make too deep to be read.
fn shallow(text: &str) -> Result<(), String> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("a value is nested deeper than {MAX_DEPTH} levels"));
        }
    }
    Ok(())
}

/// Replaces the halves of characters that JavaScript's texts may hold, and no other text.
/// `JSON.stringify` writes whole characters as they are, so every such escape is a half.
fn well_formed(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") {
        return Cow::Borrowed(text);
    }
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        let half =
            escape.starts_with("\\ud") && escape.chars().nth(3).is_some_and(|digit| digit > '7');
        let length = if half { 6 } else { 2 };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        whole.push_str(before);
        whole.push_str(if half { "\u{fffd}" } else { escape });
        rest = after;
    }
    whole.push_str(rest);
    Cow::Owned(whole)
}
