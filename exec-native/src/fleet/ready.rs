//! When a seat that was started is ready: its heartbeat, its screen and a command say so.

use std::time::Duration;

use plan_core::base::diag::Diagnostic;
use plan_core::fleet::observed::{Beat, Session};
use plan_core::fleet::plan::{FleetPlan, PlannedSeat};
use plan_core::fleet::policy::{self, Ready};
use regex::{Regex, RegexBuilder};

use super::carry::{Carried, Carrier, FleetEvent, POLL, directory};
use super::seat::probe_paths;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::{Deadline, now_ms, rest};
use crate::os::proc::{self, Job};
use crate::os::{env, fs, own};

/// How far back the screen is looked at, in lines.
const SCREEN: usize = 200;
/// How long a seat may take to be ready where the policy says nothing, in seconds.
const READY: u64 = 60;
/// How long a command that tells whether a seat is ready may take.
const COMMAND: Duration = Duration::from_secs(10);
/// How long to wait before it is asked again.
const AGAIN: Duration = Duration::from_millis(300);

/// Checks a policy, its regular expressions included.
pub fn check_policy(text: &str) -> Vec<Diagnostic> {
    let check = |pattern: &str| compile(pattern).map(drop).map_err(|error| reason(&error));
    policy::parse_with(text, &check).err().unwrap_or_default()
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).multi_line(true).build()
}

/// The last line of an error: those before it draw the place.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// A seat that is waited for.
#[derive(Debug)]
struct Awaited<'p> {
    seat: &'p PlannedSeat,
    terms: Option<&'p Ready>,
    pattern: Option<Regex>,
    /// When its command may be asked again.
    again: Deadline,
    /// What was not yet so when it was looked at last.
    lacks: String,
}

impl Carrier<'_> {
    /// Waits until the seats of a wave are ready.
    pub(super) fn await_ready(
        &self,
        plan: &FleetPlan,
        started: &[&PlannedSeat],
        began: u64,
        carried: &mut Carried,
    ) {
        let mut open = Vec::new();
        for seat in started {
            match Awaited::new(plan, seat) {
                Ok(awaited) => open.push(awaited),
                Err(error) => self.fail(&seat.name, error, carried),
            }
        }
        let limits = open
            .iter()
            .map(|awaited| awaited.terms.map_or(READY, |terms| terms.timeout));
        let deadline = Deadline::after(limits.max().map(Duration::from_secs));
        let cancel = &self.options.write.cancel;
        while !open.is_empty() && !cancel.is_raised() {
            let observed = match self.crew.observe() {
                Ok(observed) => observed,
                Err(error) => return self.fail("", error, carried),
            };
            let over = deadline.is_over();
            open.retain_mut(|awaited| {
                let seat = awaited.seat;
                let mut sessions = observed.sessions.iter();
                let session = sessions.find(|session| {
                    session.fleet.as_deref() == Some(&*plan.fleet)
                        && session.seat.as_deref() == Some(&*seat.name)
                });
                match self.is_ready(plan, session, awaited) {
                    Ok(true) => {
                        let took = now_ms().saturating_sub(began);
                        self.tell(&FleetEvent::Ready(&seat.name, took));
                        false
                    }
                    Ok(false) if over => {
                        self.fail(&seat.name, awaited.too_late(), carried);
                        false
                    }
                    Ok(false) => true,
                    Err(error) => {
                        self.fail(&seat.name, error, carried);
                        false
                    }
                }
            });
            if !open.is_empty() {
                rest(POLL);
            }
        }
    }

    fn is_ready(
        &self,
        plan: &FleetPlan,
        session: Option<&Session>,
        awaited: &mut Awaited<'_>,
    ) -> Result<bool, ExecError> {
        let Some(session) = session else {
            let message = "its session is gone";
            return Err(ExecError::new(ExecErrorKind::Failed, message));
        };
        if session.dead.is_some() {
            let screen = self.crew.capture(session, 5).unwrap_or_default();
            let error = ExecError::new(ExecErrorKind::Failed, "it ended before it was ready");
            return Err(error.because(screen.trim().to_owned()));
        }
        // One that was adopted has no heartbeat of ours.
        let runs = session
            .heartbeat
            .as_ref()
            .is_none_or(|beat| beat.status == Beat::Running);
        let terms = awaited.terms.filter(|terms| terms.asks());
        let supervised = session.heartbeat.is_some() || session.command != "callsheet";
        if !runs || terms.is_none() && !supervised {
            "its heartbeat does not say that its agent runs".clone_into(&mut awaited.lacks);
            return Ok(false);
        }
        let Some(terms) = terms else {
            return Ok(true);
        };
        if terms.text.is_some() || awaited.pattern.is_some() {
            let screen = self.crew.capture(session, SCREEN)?;
            if let Some(text) = terms.text.as_deref().filter(|text| !screen.contains(*text)) {
                awaited.lacks = format!("its screen does not show `{text}`");
                return Ok(false);
            }
            if let Some(pattern) = &awaited.pattern
                && !pattern.is_match(&screen)
            {
                awaited.lacks = format!("its screen does not fit `{pattern}`");
                return Ok(false);
            }
        }
        match &terms.command {
            Some(command) => self.succeeds(plan, command, awaited),
            None => Ok(true),
        }
    }

    /// Asks a seat's command, unless it was asked a moment ago.
    fn succeeds(
        &self,
        plan: &FleetPlan,
        command: &str,
        awaited: &mut Awaited<'_>,
    ) -> Result<bool, ExecError> {
        if !awaited.again.is_over() {
            return Ok(false);
        }
        let seat = awaited.seat;
        let [log, mark] = probe_paths(self.crew.run(), &seat.name);
        let mut variables = env::safe_vars();
        variables.extend(self.identity(plan, seat));
        let guard = own::program();
        let patience = awaited.terms.map_or(READY, |terms| terms.timeout);
        let limit = COMMAND.min(Duration::from_secs(patience));
        fs::remove_if_there(&log).at(&log)?;
        let ended = proc::run(&Job {
            argv: &["sh".to_owned(), "-c".to_owned(), command.to_owned()],
            cwd: &directory(seat)?,
            env: Some(&variables),
            log: &log,
            mark: &mark,
            limit: Some(limit),
            cancel: &self.options.write.cancel,
            guard: guard.as_deref(),
            line: &|_| (),
        });
        fs::remove_if_there(&log).at(&log)?;
        let ended = ended.map_err(|error| {
            let message = format!("the command that tells whether `{}` is ready", seat.name);
            ExecError::new(ExecErrorKind::Failed, format!("{message} cannot be run")).because(error)
        })?;
        awaited.again = Deadline::after(Some(AGAIN));
        if ended.code == 0 && ended.stopped.is_none() {
            return Ok(true);
        }
        let how = match ended.stopped {
            Some(_) => format!("takes more than {} s", limit.as_secs()),
            None => format!("ends with {}", ended.code),
        };
        let said = String::from_utf8_lossy(&ended.tail);
        let said = said.trim().lines().last();
        let said = said.map_or(String::new(), |said| format!(": {said}"));
        awaited.lacks = format!("`{command}` {how}{said}");
        Ok(false)
    }
}

impl<'p> Awaited<'p> {
    fn new(plan: &'p FleetPlan, seat: &'p PlannedSeat) -> Result<Self, ExecError> {
        let terms = plan.ready.get(&seat.runtime);
        let pattern = terms.and_then(|terms| terms.pattern.as_deref());
        let pattern = pattern.map(compile).transpose().map_err(|error| {
            ExecError::new(ExecErrorKind::Config, "its pattern cannot be used").because(error)
        })?;
        Ok(Self {
            seat,
            terms,
            pattern,
            again: Deadline::after(Some(Duration::ZERO)),
            lacks: String::new(),
        })
    }

    fn too_late(&self) -> ExecError {
        let name = &self.seat.name;
        let message = format!("seat `{name}` is not ready in time");
        let look = format!("`callsheet fleet tail {name}` shows its screen");
        let error = ExecError::new(ExecErrorKind::Failed, message).hint(look);
        error.because(self.lacks.clone())
    }
}
