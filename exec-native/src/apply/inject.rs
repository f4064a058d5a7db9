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

/// A point at which a test can let somebody else act while a name is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// What stands there was judged; nothing is changed yet.
    Judged,
    /// What stood there came out and was not looked at yet.
    CameOut,
}

#[cfg(not(test))]
pub(crate) const fn meanwhile(_gap: Gap) {}

#[cfg(not(test))]
pub(crate) const fn can_exchange() -> bool {
    true
}

#[cfg(test)]
pub(crate) use meddler::{Meddler, can_exchange, meanwhile};

#[cfg(test)]
mod meddler {
    //! Somebody who acts at the worst moment, on the thread that carries a run out.

    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::Gap;

    type Act = (Gap, Box<dyn FnOnce()>);

    #[derive(Default)]
    struct Script {
        acts: RefCell<Vec<Act>>,
        plain: Cell<bool>,
    }

    thread_local! {
        static SCRIPT: RefCell<Rc<Script>> = RefCell::default();
    }

    /// A test's hold on it; when this goes, nobody acts any more.
    pub(crate) struct Meddler(Rc<Script>);

    impl Meddler {
        /// Nobody acts.
        pub(crate) fn idle() -> Self {
            let script = Rc::<Script>::default();
            SCRIPT.set(Rc::clone(&script));
            Self(script)
        }

        /// Acts once when the point is reached next, after those that were asked before.
        pub(crate) fn act(self, gap: Gap, act: impl FnOnce() + 'static) -> Self {
            self.0.acts.borrow_mut().push((gap, Box::new(act)));
            self
        }

        /// Lets the file system be one that cannot exchange names.
        pub(crate) fn without_exchange(self) -> Self {
            self.0.plain.set(true);
            self
        }

        /// Tells how many have not acted.
        pub(crate) fn left(&self) -> usize {
            self.0.acts.borrow().len()
        }
    }

    impl Drop for Meddler {
        fn drop(&mut self) {
            self.0.acts.borrow_mut().clear();
            self.0.plain.set(false);
        }
    }

    pub(crate) fn meanwhile(gap: Gap) {
        let script = SCRIPT.with_borrow(Rc::clone);
        let next = {
            let mut acts = script.acts.borrow_mut();
            let is_next = acts.first().is_some_and(|(wanted, _)| *wanted == gap);
            is_next.then(|| acts.remove(0).1)
        };
        if let Some(act) = next {
            act();
        }
    }

    pub(crate) fn can_exchange() -> bool {
        SCRIPT.with_borrow(|script| !script.plain.get())
    }
}
