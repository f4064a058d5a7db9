//! Live results, an explicit mode: while an agent works, what has settled in its view goes
//! into the project, pass by pass. Each pass is a transfer of its own, so a death at any
//! moment leaves no half of one. Deletions wait for the last pass and its guard.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::applied::How;
use super::bring::{ApplyChanges, BroughtBack, transfer};
use super::decide::Conflict;
use super::inward;
use super::set::{Change, ChangeKind};
use super::view::{View, unknown};
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock;
use crate::os::dir::{Dir, Mtime};
use crate::state::{Found, RunId, StateHome};

/// How live results are made.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// How long to wait between two looks. When a look takes long, it is longer.
    pub interval: Duration,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
        }
    }
}

/// A look that takes this part of the time is as much as a mode of work may cost.
const SHARE: u32 = 10;

/// What live results came to.
#[derive(Debug, Default)]
pub struct LiveReport {
    /// How many changes were brought back.
    pub applied: usize,
    /// Where the project had changed too.
    pub conflicts: Vec<Conflict>,
    /// Why not everything could be brought back; it is still in the view.
    pub error: Option<ExecError>,
}

/// A thread that brings results back while a run lives.
#[derive(Debug)]
pub struct Live {
    stop: Option<Sender<()>>,
    /// Whether what is left is given up.
    dropped: Arc<AtomicBool>,
    thread: Option<JoinHandle<LiveReport>>,
}

impl Live {
    /// Starts to bring back what happens in a live run's view.
    ///
    /// # Errors
    /// The run has no view.
    pub fn start(state: &StateHome, id: &RunId, options: LiveOptions) -> Result<Self, ExecError> {
        let path = state.root().join("runs").join(id.as_str());
        let dir = Dir::open(&path).at(&path)?;
        View::of(id, &dir)?.ok_or_else(|| unknown(id))?;
        let (stop, stopped) = channel();
        let mut passes = Passes {
            state: state.clone(),
            id: id.clone(),
            dir,
            seen: BTreeMap::new(),
            report: LiveReport::default(),
        };
        let dropped = Arc::new(AtomicBool::new(false));
        let is_dropped = Arc::clone(&dropped);
        let thread = std::thread::spawn(move || {
            let mut pause = options.interval;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let began = clock::now_ms();
                // What could not be done now is tried again, and reported at the end.
                drop(passes.pass());
                let took = Duration::from_millis(clock::now_ms().saturating_sub(began));
                pause = options.interval.max(took * SHARE);
            }
            if is_dropped.load(Ordering::SeqCst) {
                return passes.report;
            }
            passes.finish()
        });
        Ok(Self {
            stop: Some(stop),
            dropped,
            thread: Some(thread),
        })
    }

    /// Ends without bringing anything more back.
    pub fn abandon(mut self) -> LiveReport {
        self.dropped.store(true, Ordering::SeqCst);
        self.end()
    }

    /// Brings everything back that is left, deletions too, and ends. The run can be
    /// disposed then.
    pub fn stop(mut self) -> LiveReport {
        self.end()
    }

    fn end(&mut self) -> LiveReport {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(report)) => report,
            Some(Err(_)) => LiveReport {
                error: Some(ExecError::new(
                    ExecErrorKind::Internal,
                    "the thread that brought results back has failed",
                )),
                ..LiveReport::default()
            },
            None => LiveReport::default(),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // A run must not be taken back while its results are under way.
        drop(self.end());
    }
}

type Seen = BTreeMap<PathBuf, (Stamp, Option<Mtime>)>;

struct Passes {
    state: StateHome,
    id: RunId,
    dir: Dir,
    /// What was changed at the last look: what is the same at the next has settled.
    seen: Seen,
    report: LiveReport,
}

impl Passes {
    fn view(&self) -> Result<View, ExecError> {
        View::of(&self.id, &self.dir)?.ok_or_else(|| unknown(&self.id))
    }

    /// Brings back what has settled.
    fn pass(&mut self) -> Result<(), ExecError> {
        let mut view = self.view()?;
        if inward::copy(&self.state, &view)? {
            view = self.view()?;
        }
        let looked = RefCell::new(Seen::new());
        let choice = |change: &Change| {
            let now = (change.view.clone(), change.ctime);
            let settled = self.seen.get(&change.path) == Some(&now);
            looked.borrow_mut().insert(change.path.clone(), now);
            // Where the user's version stays, the agent's last one is put beside it.
            let pair = view.applied.get(&change.path);
            let waits = pair.is_some_and(|pair| pair.how == How::Settled);
            settled && change.blocked.is_none() && !deletes(change) && !waits
        };
        let done = transfer(&self.state, &view, &ApplyChanges::default(), &choice);
        self.seen = looked.into_inner();
        self.note(done?)
    }

    /// Brings back everything that is left.
    fn finish(mut self) -> LiveReport {
        let mut tries = 0;
        loop {
            tries += 1;
            let done = self.last();
            match done {
                // Something still writes; it gets a few more chances.
                Ok(true) if tries < 5 => {}
                Ok(_) => break,
                Err(error) => {
                    self.report.error = Some(error);
                    break;
                }
            }
        }
        self.report
    }

    /// One pass over everything; `true` when something changed under its hands. What a
    /// guard refuses stays in the view.
    fn last(&mut self) -> Result<bool, ExecError> {
        let view = self.view()?;
        let refused = Cell::new(false);
        let patient = ApplyChanges {
            wait: Some(Duration::from_secs(10)),
            ..ApplyChanges::default()
        };
        let choice = |change: &Change| !(refused.get() && deletes(change));
        let done = match transfer(&self.state, &view, &patient, &choice) {
            Err(error) if error.kind() == ExecErrorKind::Refused => {
                refused.set(true);
                let done = transfer(&self.state, &view, &patient, &choice)?;
                self.note(done)?;
                return Err(error);
            }
            done => done?,
        };
        let again = !done.missed.is_empty();
        self.note(done)?;
        Ok(again)
    }

    fn note(&mut self, done: BroughtBack) -> Result<(), ExecError> {
        self.report.applied += done.applied.len();
        self.report.conflicts.extend(done.conflicts);
        let Some(run) = done.run.filter(|_| !done.overwrote) else {
            return Ok(());
        };
        // A pass that replaced nothing of the user's has no backups worth keeping.
        let _gate = self.state.gate()?;
        if let Some(Found::Ours(run)) = self.state.open_run(&run)? {
            run.remove()?;
        }
        Ok(())
    }
}

/// Tells whether bringing a change back removes something.
fn deletes(change: &Change) -> bool {
    change.kind == ChangeKind::Deleted
        || (change.kind == ChangeKind::Type && (change.view.is_dir() || change.project.is_dir()))
}
