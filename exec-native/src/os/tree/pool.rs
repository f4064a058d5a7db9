//! Work on the directories of a tree, by one thread while there is little of it and by
//! several when there is more.

use std::io;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many jobs one thread does before it calls others.
const SMALL: usize = 24;
/// More threads only wait for one another.
const MOST: usize = 4;

/// Does a job and every job that comes of it, the latest first: so few directories are
/// open at once. Returns what each thread noted.
///
/// # Errors
/// The first failure; what has not begun by then is not done.
pub(super) fn run<J: Send, L: Default + Send>(
    first: J,
    work: impl Fn(J, &mut L, &mut Vec<J>) -> io::Result<()> + Sync,
) -> io::Result<Vec<L>> {
    let pool = Pool {
        state: Mutex::new(State {
            jobs: vec![first],
            busy: 0,
            error: None,
        }),
        wake: Condvar::new(),
        work,
    };
    let mut log = L::default();
    pool.alone(&mut log);
    let mut logs = Vec::new();
    if !pool.state().jobs.is_empty() {
        let others = thread::available_parallelism().map_or(1, NonZero::get);
        let others = others.min(MOST).saturating_sub(1);
        thread::scope(|scope| {
            let pool = &pool;
            let help = || {
                let mut log = L::default();
                pool.together(&mut log);
                log
            };
            let helpers: Vec<_> = (0..others)
                // Without a thread more, the others do it.
                .filter_map(|_| thread::Builder::new().spawn_scoped(scope, help).ok())
                .collect();
            pool.together(&mut log);
            logs.extend(helpers.into_iter().filter_map(|helper| helper.join().ok()));
        });
    }
    logs.push(log);
    let state = pool.state.into_inner();
    match state.unwrap_or_else(PoisonError::into_inner).error {
        Some(error) => Err(error),
        None => Ok(logs),
    }
}

struct Pool<J, W> {
    state: Mutex<State<J>>,
    /// Somebody may find work, or see that there will be none.
    wake: Condvar,
    work: W,
}

struct State<J> {
    jobs: Vec<J>,
    /// How many threads may still find more jobs.
    busy: usize,
    error: Option<io::Error>,
}

impl<J, W> Pool<J, W> {
    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone<L>(&self, log: &mut L)
    where
        W: Fn(J, &mut L, &mut Vec<J>) -> io::Result<()>,
    {
        for _ in 0..SMALL {
            let Some(job) = self.next() else {
                return;
            };
            self.perform(job, log);
        }
    }

    fn together<L>(&self, log: &mut L)
    where
        W: Fn(J, &mut L, &mut Vec<J>) -> io::Result<()>,
    {
        while let Some(job) = self.next() {
            self.perform(job, log);
        }
    }

    /// Waits for a job; `None` when there will be no more.
    fn next(&self) -> Option<J> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop() {
                state.busy += 1;
                return Some(job);
            }
            if state.busy == 0 {
                return None;
            }
            let woken = self.wake.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn perform<L>(&self, job: J, log: &mut L)
    where
        W: Fn(J, &mut L, &mut Vec<J>) -> io::Result<()>,
    {
        let mut more = Vec::new();
        let result = (self.work)(job, log, &mut more);
        let mut state = self.state();
        state.busy -= 1;
        match result {
            Ok(()) if state.error.is_none() => state.jobs.append(&mut more),
            Ok(()) => {}
            Err(error) => {
                state.error.get_or_insert(error);
            }
        }
        let dropped = if state.error.is_some() {
            std::mem::take(&mut state.jobs)
        } else {
            Vec::new()
        };
        drop(state);
        self.wake.notify_all();
        // Jobs hold open directories, which are closed outside the lock.
        drop((dropped, more));
    }
}
