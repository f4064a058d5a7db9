//! Fault injection: the executor's own failures and deaths on demand, for tests.
//! Without faults, which is the default, nothing here does anything.

use std::cell::Cell;
use std::io;

/// A point of a run that a test can aim at. Records are counted by the journal
/// writer that writes them, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before a record is written.
    BeforeRecord(u32),
    /// In the middle of writing a record.
    TornRecord(u32),
    /// After a record is durable.
    AfterRecord(u32),
    /// Before an action is performed.
    BeforeAction(u64),
    /// After an action was performed and before its record.
    AfterAction(u64),
    /// Before a step of an action that has many, counted from 0.
    WithinAction(u32),
    /// Before a step of an undo that has many, counted from 0.
    WithinUndo(u32),
    /// Before an action is taken back.
    BeforeUndo(u64),
    /// After an action was taken back and before its record.
    AfterUndo(u64),
}

/// The faults of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// The moment that fails.
    pub fail: Option<Moment>,
    /// The moment at which the process is killed.
    pub kill: Option<Moment>,
    /// How often each action and each undo is repeated.
    pub repeat: u32,
}

impl Faults {
    /// Fails or kills the process when the moment is the one.
    pub(crate) fn strike(&self, moment: Moment) -> io::Result<()> {
        if self.kill == Some(moment) {
            crate::os::proc::kill_self();
        }
        if self.fail == Some(moment) {
            return Err(io::Error::other("injected fault"));
        }
        Ok(())
    }

    /// Tells whether a record is to be torn.
    pub(crate) fn tears(&self, place: u32) -> bool {
        let torn = Some(Moment::TornRecord(place));
        self.kill == torn || self.fail == torn
    }

    /// Does something as often as the faults say, at least once; the last result counts.
    pub(crate) fn repeat<T, E>(&self, mut act: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        for _ in 0..self.repeat {
            act()?;
        }
        act()
    }
}

/// Counts the steps of an action or of an undo.
#[derive(Debug)]
pub(crate) struct Steps {
    faults: Faults,
    moment: fn(u32) -> Moment,
    next: Cell<u32>,
}

impl Steps {
    /// Starts to count.
    pub(crate) const fn new(faults: Faults, moment: fn(u32) -> Moment) -> Self {
        Self {
            faults,
            moment,
            next: Cell::new(0),
        }
    }

    /// Fails or kills the process when the next step is the one.
    pub(crate) fn strike(&self) -> io::Result<()> {
        let step = self.next.get();
        self.next.set(step + 1);
        self.faults.strike((self.moment)(step))
    }
}
