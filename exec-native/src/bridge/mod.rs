//! The executor as a service of one other process: requests and answers as lines of JSON
//! on standard input and output. When the input ends, however it ends, everything that was
//! carried out for that process is taken back. A run that is its agent's stays until that
//! has ended.
//!
//! A request is `{"id", "op", …}`, its answer `{"id", "ok": …}` or `{"id", "error": …}`; what
//! happens meanwhile comes as `{"for": <id of the request>, "event": …}`. Requests run side
//! by side.

mod answer;
mod ops;
mod request;
mod results;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plan_core::base::json::{self, Value, Writer};

use crate::apply::RunHandle;
use crate::changes::Live;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::rest;
use crate::os::owner::{is_running, parent};
use crate::os::proc::Cancel;
use crate::os::signal::cancel_on_request;
use crate::os::threads;
use crate::state::StateHome;
use answer::print_error;
use request::Request;

/// The version of the lines.
pub const PROTOCOL: u64 = 1;

const POLL: Duration = Duration::from_millis(25);
/// How often agents are looked at that have outlived whoever started them.
const AGENT_POLL: Duration = Duration::from_millis(50);

/// What the requests of one process share.
pub(crate) struct Bridge {
    state: StateHome,
    /// Runs that are not disposed, in the order in which they became ready.
    open: Mutex<Vec<Arc<RunHandle>>>,
    /// The runs that are their agents': they stay while those work.
    agents: Mutex<BTreeSet<String>>,
    /// What brings results back meanwhile, by the run's id.
    live: Mutex<BTreeMap<String, Live>>,
    /// How each request that runs is stopped, by its id as JSON.
    running: Mutex<BTreeMap<String, Cancel>>,
    /// The process that is served.
    client: Option<u32>,
    out: Mutex<Box<dyn Write + Send>>,
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bridge {
    /// Writes a line. If nobody reads any more, the input ends soon.
    fn say(&self, line: &str) {
        let mut out = locked(&self.out);
        let written = out
            .write_all(line.as_bytes())
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        drop(written);
    }

    fn keep(&self, handle: RunHandle) -> Arc<RunHandle> {
        let handle = Arc::new(handle);
        locked(&self.open).push(Arc::clone(&handle));
        handle
    }

    /// Returns an open run.
    fn find(&self, run: &str) -> Option<Arc<RunHandle>> {
        let open = locked(&self.open);
        let mut found = open.iter().filter(|handle| handle.id().as_str() == run);
        found.next().cloned()
    }

    fn forget(&self, run: &str) {
        locked(&self.open).retain(|handle| handle.id().as_str() != run);
    }

    /// Takes a request in: from now on it can be stopped.
    fn admit(&self, line: &str) -> Cancel {
        let cancel = Cancel::new();
        // What cannot be read is answered when it is served.
        if let Ok(value) = json::read(line) {
            let key = json::print(Request::new(&value).id());
            locked(&self.running).insert(key, cancel.clone());
        }
        cancel
    }

    /// Does what a line asks, and answers it.
    fn serve(&self, line: &str, cancel: &Cancel) {
        let value = match json::read(line) {
            Ok(value) => value,
            Err(error) => {
                let error = ExecError::new(ExecErrorKind::Usage, error.message);
                self.say(&print_error(&Value::Null, &error));
                return;
            }
        };
        let request = Request::new(&value);
        // Whoever asked waits for an answer, and their other runs need us.
        let answered = catch_unwind(AssertUnwindSafe(|| self.answer(&request, cancel)));
        let answer = answered.unwrap_or_else(|_| {
            let message = "the request failed in a way that nobody expected";
            Err(ExecError::new(ExecErrorKind::Internal, message))
        });
        locked(&self.running).remove(&json::print(request.id()));
        self.say(&match answer {
            Ok(data) => answer::print_data(request.id(), &data),
            Err(error) => print_error(request.id(), &error),
        });
    }

    /// Stops a request that runs; `false` when there is none.
    fn stop(&self, id: &Value<'_>) -> bool {
        let running = locked(&self.running);
        let found = running.get(&json::print(id));
        found.map(Cancel::raise).is_some()
    }

    /// Takes everything back, last first. What is an agent's stays until that has ended,
    /// or somebody asks us to stop.
    fn close(&self, asked: &Cancel) -> u8 {
        let mut code = 0;
        loop {
            let next = {
                let mut open = locked(&self.open);
                let goes = |handle: &Arc<RunHandle>| asked.is_raised() || !self.has_agent(handle);
                let place = open.iter().rposition(goes);
                if place.is_none() && open.is_empty() {
                    return code;
                }
                place.map(|place| open.remove(place))
            };
            let Some(handle) = next else {
                rest(AGENT_POLL);
                continue;
            };
            let live = self.end_live(handle.id().as_str(), false);
            if live.is_some_and(|live| live.error.is_some()) {
                // What could not be brought back stays in the view.
                code = ExecErrorKind::Failed.exit_code();
            }
            if !handle.dispose().errors().is_empty() {
                code = ExecErrorKind::NeedsRecovery.exit_code();
            }
        }
    }
}

impl Bridge {
    /// Tells whether a run is its agent's, and that works.
    fn has_agent(&self, handle: &RunHandle) -> bool {
        let is_agents = locked(&self.agents).contains(handle.id().as_str());
        // A mark that cannot be read names nobody.
        let works = |mark: PathBuf| is_running(&mark).unwrap_or(false);
        is_agents && handle.mark().is_some_and(works)
    }
}

/// Serves the process at the other end of standard input and output until it ends or a
/// signal asks to stop; then everything is taken back. Returns the exit code.
///
/// # Errors
/// Signals cannot be handled.
pub fn serve(state: StateHome) -> Result<u8, ExecError> {
    let asked = Cancel::new();
    cancel_on_request(&asked).map_err(|error| {
        ExecError::new(ExecErrorKind::Internal, "signals cannot be handled").because(error)
    })?;
    let bridge = Bridge {
        state,
        open: Mutex::default(),
        agents: Mutex::default(),
        live: Mutex::default(),
        running: Mutex::default(),
        client: parent(),
        out: Mutex::new(Box::new(io::stdout())),
    };
    let lines = threads::input_lines();
    let code = threads::scope(|scope| {
        let code = follow(&lines, &asked, |line| {
            let bridge = &bridge;
            // Here and not beside: what the next line or the end of the input stops must
            // be known by then.
            let cancel = bridge.admit(&line);
            scope.spawn(move || bridge.serve(&line, &cancel));
        });
        // Whoever asked is gone: what is under way is of no use to anybody.
        for cancel in locked(&bridge.running).values() {
            cancel.raise();
        }
        code
    });
    let closing = bridge.close(&asked);
    Ok(if code == 0 { closing } else { code })
}

/// Hands lines on until they end or a signal comes; returns the exit code of that.
fn follow(lines: &Receiver<String>, asked: &Cancel, mut take: impl FnMut(String)) -> u8 {
    loop {
        if let Some(signal) = asked.asked() {
            return u8::try_from(128 + signal).unwrap_or(1);
        }
        match lines.recv_timeout(POLL) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => take(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return 0,
        }
    }
}

/// An answer's data, printed when it is known whose it is.
pub(crate) type Data = Box<dyn Fn(&mut Writer)>;
