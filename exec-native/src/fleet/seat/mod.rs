//! The supervisor of one seat: lays out what the seat's persona needs, runs its agent in
//! the terminal that it is in, takes everything back, and starts again when the agent
//! failed. While it lives it writes a heartbeat. It can be killed at any moment: the next
//! one takes back first what it left.

mod agent;
mod beat;

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::base::diag;
use plan_core::base::json;
use plan_core::base::record::Scan as _;
use plan_core::fleet::observed::{Beat, Restart, SEAT_SPEC, SeatSpec};

pub use beat::{heartbeat_path, read_heartbeat};

use crate::apply::recover;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::{self, Deadline, rest};
use crate::os::dir::Dir;
use crate::os::lock::Lock;
use crate::os::proc::Cancel;
use crate::os::signal::{SIGINT, cancel_on_request};
use crate::os::{fs, owner};
use crate::state::StateHome;
use agent::{Agent, Ended};
use beat::{Pulse, State};

/// The hidden command.
pub const SEAT_COMMAND: &str = "__seat";
/// How the name of the file ends that a seat is started from.
pub const SPEC: &str = ".seat.json";
/// The exit code of a supervisor whose seat has another one.
pub const TAKEN: u8 = 75;
/// How long an agent may take to end by default.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// Supervises the seat of a file, to its end. `say` gets what somebody in front of the
/// terminal should know. Returns the exit code: that of the agent, 128 and the number of the
/// signal by which somebody asked us to end, or [`TAKEN`].
///
/// # Errors
/// The file is none of ours, or the seat can never be started as it is.
pub fn supervise(file: &Path, say: &dyn Fn(&str)) -> Result<u8, ExecError> {
    let spec = read_spec(file)?;
    let path = fs::absolute(file).at(file)?;
    let run = path.parent().unwrap_or(&path).to_owned();
    let dir = Dir::open(&run).at(&run)?;
    let lock = OsString::from(format!("{}.lock", spec.seat));
    let Some(_lock) = Lock::try_take(&dir, &lock).at(run.join(&lock))? else {
        say(&format!("seat `{}` has a supervisor already", spec.seat));
        return Ok(TAKEN);
    };
    let cancel = Cancel::new();
    cancel_on_request(&cancel).map_err(|error| {
        ExecError::new(ExecErrorKind::Internal, "signals cannot be handled").because(error)
    })?;
    let state = StateHome::from_env()?;
    let pulse = Pulse::start(&heartbeat_path(&run, &spec.seat), spec.interval)?;
    let seat = Seat {
        spec: &spec,
        state: &state,
        cancel: &cancel,
        pulse: &pulse,
        beat: RefCell::new(State {
            pid: owner::own_id(),
            status: Beat::Starting,
            restarts: 0,
        }),
        say,
    };
    let answer = seat.recover().and_then(|()| seat.keep());
    // Whoever looks finds no heartbeat of a seat that has ended.
    pulse.end();
    answer
}

/// Reads what a seat is started from.
///
/// # Errors
/// The file cannot be read, or is none of ours.
pub(super) fn read_spec(file: &Path) -> Result<SeatSpec, ExecError> {
    let broken = |why: String| {
        ExecError::new(ExecErrorKind::Usage, "this is not the file of a seat")
            .at(file)
            .because(why)
    };
    let bytes = fs::read(file).at(file)?;
    let text = String::from_utf8(bytes).map_err(|error| broken(error.to_string()))?;
    let value = json::read(&text).map_err(|error| broken(error.to_string()))?;
    let spec = SeatSpec::scan(&value, &diag::Path::root("seat"));
    let spec = spec.map_err(|problem| broken(problem.to_string()))?;
    if spec.schema == SEAT_SPEC {
        return Ok(spec);
    }
    Err(broken(format!("its form is `{}`", spec.schema)))
}

/// A seat that is supervised.
struct Seat<'s> {
    spec: &'s SeatSpec,
    state: &'s StateHome,
    cancel: &'s Cancel,
    pulse: &'s Pulse,
    beat: RefCell<State>,
    say: &'s dyn Fn(&str),
}

impl Seat<'_> {
    /// Takes back what an earlier supervisor left here when it was killed.
    fn recover(&self) -> Result<(), ExecError> {
        self.tell(Beat::Starting, owner::own_id());
        for report in recover(self.state, Some(Path::new(&self.spec.cwd)))? {
            match &report.result {
                Ok(done) if done.is_clean() => {
                    let id = &report.id;
                    (self.say)(&format!("run {id} had died here; it was taken back"));
                }
                Ok(done) => self.complain(&done.errors()),
                // It was reported, and is out of the way or stays for a person.
                Err(error) => (self.say)(&format!("error: {}", error.chain())),
            }
        }
        Ok(())
    }

    /// Runs the agent, again and again as long as it fails and may.
    fn keep(&self) -> Result<u8, ExecError> {
        let mut failures = Failures::default();
        loop {
            let began = clock::now_ms();
            let ended = self.once()?;
            if let Some(signal) = self.cancel.asked() {
                return Ok(code(128 + signal));
            }
            if ended.code == 0 {
                return Ok(ended.closing);
            }
            let lasted = clock::now_ms().saturating_sub(began);
            let Some(pause) = failures.next(&self.spec.restart, lasted) else {
                return Ok(code(ended.code));
            };
            (self.say)(&format!(
                "the agent ended with {}; it is started again in {} ms",
                ended.code, pause
            ));
            if let Some(signal) = self.wait(pause) {
                return Ok(code(128 + signal));
            }
            self.beat.borrow_mut().restarts += 1;
        }
    }

    /// Runs the agent once, from an untouched project to an untouched project.
    fn once(&self) -> Result<Ended, ExecError> {
        self.tell(Beat::Starting, owner::own_id());
        let agent = match Agent::prepare(self.spec, self.state, self.cancel, self.say) {
            Ok(agent) => agent,
            // The next try may find what is only in use now.
            Err(error) if passes(&error) => {
                (self.say)(&format!("error: {}", error.chain()));
                self.complain(error.undo_errors());
                return Ok(Ended {
                    code: i32::from(error.exit_code()),
                    closing: 0,
                });
            }
            Err(error) => return Err(error),
        };
        let grace = self.spec.grace.map_or(GRACE, Duration::from_millis);
        let started = |pid| self.tell(Beat::Running, pid);
        let exit = agent.run(self.cancel, grace, &started);
        if self.cancel.asked() == Some(SIGINT)
            && exit.as_ref().is_ok_and(|exit| exit.code != 128 + SIGINT)
        {
            // The key was for the agent, which has gone on.
            self.cancel.lower();
        }
        self.tell(Beat::Stopping, owner::own_id());
        let errors = agent.dispose();
        self.complain(&errors);
        let closing = if errors.is_empty() {
            0
        } else {
            ExecErrorKind::NeedsRecovery.exit_code()
        };
        Ok(Ended {
            code: exit?.code,
            closing,
        })
    }

    /// Waits before the next start; returns the signal by which somebody asked to end.
    fn wait(&self, pause: u64) -> Option<i32> {
        self.tell(Beat::Waiting, owner::own_id());
        let deadline = Deadline::after(Some(Duration::from_millis(pause)));
        while !deadline.is_over() {
            if let Some(signal) = self.cancel.asked() {
                return Some(signal);
            }
            rest(POLL);
        }
        None
    }

    fn tell(&self, status: Beat, pid: u32) {
        let mut beat = self.beat.borrow_mut();
        beat.status = status;
        beat.pid = pid;
        self.pulse.tell(*beat);
    }

    fn complain(&self, errors: &[ExecError]) {
        for error in errors {
            (self.say)(&format!("error: {}", error.chain()));
        }
    }
}

/// Tells whether a failure may be over at the next try.
fn passes(error: &ExecError) -> bool {
    matches!(
        error.kind(),
        ExecErrorKind::Failed | ExecErrorKind::Busy | ExecErrorKind::NeedsRecovery
    )
}

/// What the exit code of an agent is for us.
fn code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

/// Failures in a row.
#[derive(Debug, Default)]
struct Failures(u64);

impl Failures {
    /// Counts a failure of an agent that has run so long; returns the pause before the next
    /// start, if there is to be one.
    fn next(&mut self, restart: &Restart, lasted: u64) -> Option<u64> {
        if lasted >= restart.settled {
            self.0 = 0;
        }
        if self.0 >= restart.limit {
            return None;
        }
        let doubled = u32::try_from(self.0)
            .ok()
            .and_then(|times| 1_u64.checked_shl(times))
            .and_then(|factor| restart.delay.checked_mul(factor));
        self.0 += 1;
        Some(doubled.unwrap_or(restart.longest).min(restart.longest))
    }
}

/// Returns the file of a seat's supervisor.
pub fn spec_path(run: &Path, seat: &str) -> PathBuf {
    run.join(format!("{seat}{SPEC}"))
}

/// Returns what there is while a seat's command is asked whether it is ready: its output, and
/// the mark of its process.
pub fn probe_paths(run: &Path, seat: &str) -> [PathBuf; 2] {
    ["ready.log", "ready.mark"].map(|name| run.join(format!("{seat}.{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let restart = Restart {
            limit: 4,
            delay: 100,
            longest: 350,
            settled: 5_000,
        };
        let mut failures = Failures::default();
        let mut next = |lasted| failures.next(&restart, lasted);
        assert_eq!(next(0), Some(100));
        assert_eq!(next(10), Some(200));
        assert_eq!(next(4_999), Some(350));
        assert_eq!(next(0), Some(350));
        assert_eq!(next(0), None);
        // One that has run for a while counts anew.
        assert_eq!(next(5_000), Some(100));
        let never = Restart {
            limit: 0,
            ..restart.clone()
        };
        assert_eq!(Failures::default().next(&never, 9_999), None);
        let many = Restart {
            limit: 1_000,
            ..restart.clone()
        };
        assert_eq!(Failures(200).next(&many, 0), Some(350));
    }
}
