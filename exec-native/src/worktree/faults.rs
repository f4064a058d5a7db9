//! Points at which a test lets the process die. Elsewhere nothing here does anything.

#[cfg(not(test))]
pub(super) const fn step(_name: &str) {}

#[cfg(test)]
pub(super) use counted::{arm, step};

#[cfg(test)]
mod counted {
    //! Counts the points that are passed.

    use std::cell::Cell;

    use crate::os::proc::kill_self;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Lets the process die at the point with a number, counted from 0 in this thread.
    pub(crate) fn arm(number: u32) {
        LEFT.set(Some(number));
    }

    pub(crate) fn step(_name: &str) {
        let Some(left) = LEFT.get() else {
            return;
        };
        if left == 0 {
            kill_self();
        }
        LEFT.set(left.checked_sub(1));
    }
}
