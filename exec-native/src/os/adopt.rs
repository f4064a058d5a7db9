//! Processes whose parents die come to us instead of to init for a while, so that what
//! a program leaves running can be ended. Children that we had before stay untouched.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{
    Pid, Signal, WaitOptions, child_subreaper, getpid, kill_process, set_child_subreaper, waitpid,
};

/// Whether somebody in this process adopts: what comes to two could not be told apart.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A time in which orphans come to us.
#[derive(Debug)]
pub(super) struct Adoption {
    before: BTreeSet<i32>,
    previous: Option<Pid>,
}

impl Adoption {
    /// Begins, before a program is started; `None` when the system cannot, or when
    /// another program is followed at the same time.
    pub(super) fn begin() -> Option<Self> {
        if TAKEN.swap(true, Ordering::SeqCst) {
            return None;
        }
        let begun = Self::try_begin();
        if begun.is_none() {
            TAKEN.store(false, Ordering::SeqCst);
        }
        begun
    }

    fn try_begin() -> Option<Self> {
        // Whoever cannot name the children it has must not end any.
        let before = children()?;
        let previous = child_subreaper().ok()?;
        set_child_subreaper(Some(getpid())).ok()?;
        Some(Self { before, previous })
    }

    /// Ends what came to us since the beginning.
    pub(super) fn end(self) {
        end_others(&self.before);
    }
}

/// Ends every child, and what comes to us when its parent ends; `false` when something
/// is left or cannot be named.
pub(super) fn end_children() -> bool {
    end_others(&BTreeSet::new())
}

fn end_others(before: &BTreeSet<i32>) -> bool {
    for _ in 0..64 {
        let Some(now) = children() else { return false };
        let mut adopted = now.difference(before).peekable();
        if adopted.peek().is_none() {
            return true;
        }
        for pid in adopted.filter_map(|child| Pid::from_raw(*child)) {
            // One that has ended already only needs to be collected.
            kill_process(pid, Signal::KILL).ok();
            waitpid(Some(pid), WaitOptions::empty()).ok();
        }
    }
    false
}

impl Drop for Adoption {
    fn drop(&mut self) {
        // Without it orphans would come to us for ever, and nobody would collect them.
        set_child_subreaper(self.previous).ok();
        TAKEN.store(false, Ordering::SeqCst);
    }
}

/// The children that come to, or were started by, the first thread. Orphans come to it.
fn children() -> Option<BTreeSet<i32>> {
    let own = std::process::id();
    let list = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).ok()?;
    let ids = list.split_whitespace();
    Some(ids.filter_map(|word| word.parse().ok()).collect())
}
