//! Threads.

pub use std::thread::{Scope, scope};

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead as _;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Job<'s> = Box<dyn FnOnce() + Send + 's>;

/// Threads that work, each of them again and again: there are only as many as have been at
/// work at the same time.
pub struct Crew<'s, 'e> {
    scope: &'s Scope<'s, 'e>,
    shared: Arc<Shared<'s>>,
}

struct Shared<'s> {
    desk: Mutex<Desk<'s>>,
    bell: Condvar,
}

#[derive(Default)]
struct Desk<'s> {
    jobs: VecDeque<Job<'s>>,
    /// How many threads have nothing to do, without those that a job waits for.
    idle: usize,
    closed: bool,
}

impl fmt::Debug for Crew<'_, '_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.shared.desk().idle;
        out.debug_struct("Crew")
            .field("idle", &idle)
            .finish_non_exhaustive()
    }
}

impl<'s, 'e> Crew<'s, 'e> {
    /// A crew without threads yet; they end with it, when their work is done.
    pub fn new(scope: &'s Scope<'s, 'e>) -> Self {
        let shared = Arc::new(Shared {
            desk: Mutex::default(),
            bell: Condvar::new(),
        });
        Self { scope, shared }
    }

    /// Has something done at once, and what came of it told.
    pub fn hand<T>(
        &self,
        work: impl FnOnce() -> T + Send + 's,
        tell: impl FnOnce(T) + Send + 's,
    ) {
        let shared = Arc::clone(&self.shared);
        let job = Box::new(move || {
            let done = work();
            // Whoever hears of it may have the next job at once.
            shared.desk().idle += 1;
            tell(done);
        });
        let mut desk = self.shared.desk();
        desk.jobs.push_back(job);
        if let Some(idle) = desk.idle.checked_sub(1) {
            desk.idle = idle;
            drop(desk);
            self.shared.bell.notify_one();
        } else {
            let shared = Arc::clone(&self.shared);
            self.scope.spawn(move || shared.serve());
        }
    }
}

impl Drop for Crew<'_, '_> {
    fn drop(&mut self) {
        self.shared.desk().closed = true;
        self.shared.bell.notify_all();
    }
}

impl<'s> Shared<'s> {
    fn desk(&self) -> MutexGuard<'_, Desk<'s>> {
        // Nothing is half done while it is held.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut desk = self.desk();
        loop {
            if let Some(job) = desk.jobs.pop_front() {
                drop(desk);
                job();
                desk = self.desk();
            } else if desk.closed {
                return;
            } else {
                let woken = self.bell.wait(desk);
                desk = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Reads the lines of standard input aside; the channel ends with it.
pub fn input_lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // An input that cannot be read has ended for us.
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_thread_works_again_and_no_job_waits_for_another() {
        let (sender, receiver) = channel();
        let mut threads = BTreeSet::new();
        scope(|scope| {
            let crew = Crew::new(scope);
            let hand = || {
                let sender = sender.clone();
                let work = || format!("{:?}", std::thread::current().id());
                crew.hand(work, move |name| sender.send(name).unwrap());
            };
            for _ in 0..100 {
                hand();
                threads.insert(receiver.recv().unwrap());
            }
            assert_eq!(threads.len(), 1, "{threads:?}");
            // All at the same time: each waits for the others.
            let gate = Arc::new(std::sync::Barrier::new(8));
            for _ in 0..8 {
                let (gate, sender) = (Arc::clone(&gate), sender.clone());
                let work = move || gate.wait().is_leader();
                crew.hand(work, move |leads| sender.send(leads.to_string()).unwrap());
            }
            let told: Vec<String> = receiver.iter().take(8).collect();
            assert_eq!(told.iter().filter(|leads| *leads == "true").count(), 1);
        });
    }
}
