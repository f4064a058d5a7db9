//! Carrying a fleet's plan out: files first, all or none; then seats, wave by wave. What
//! is done is seen by the next look, so a command that was killed is simply called again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use plan_core::base::json::{Value, print};
use plan_core::fleet::envfile;
use plan_core::fleet::library::RoleFile;
use plan_core::fleet::observed::{SEAT_SPEC, SeatSpec, Session};
use plan_core::fleet::plan::{Action, ActionKind, FleetPlan, PlannedSeat};

use super::compose::compose;
use super::crew::{Crew, RUN};
use super::gather::{Gathered, PERSONAS};
use super::home::{AGENTS, Home};
use super::pending;
use super::seat::{SEAT_COMMAND, SPEC, spec_path};
use super::transport::{Start, Stopped};
use super::write::{Change, WriteOptions, Written, commit_changes};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::launch::own_program;
use crate::os::clock::{Deadline, now_ms, rest};
use crate::os::walk::text_of;
use crate::os::{env, fs, threads};

/// How long a seat may take to end before it is killed.
pub const GRACE: Duration = Duration::from_secs(10);
/// How many seats are stopped at the same time.
const AT_ONCE: usize = 8;
/// How often something is looked at that is waited for.
pub(super) const POLL: Duration = Duration::from_millis(30);
/// How long a session may take to come that somebody else has begun to start.
const ARRIVAL: Duration = Duration::from_secs(2);

/// What happens while a plan is carried out.
#[derive(Debug)]
pub enum FleetEvent<'e> {
    /// A file was written, below the home.
    Wrote(&'e str),
    /// A seat was started.
    Started(&'e str),
    /// A seat was started again.
    Restarted(&'e str),
    /// A seat was stopped, and how.
    Stopped(&'e str, Stopped),
    /// A session was made a seat.
    Adopted(&'e str),
    /// A seat is ready, after so many milliseconds.
    Ready(&'e str, u64),
    /// Something could not be done.
    Failed(&'e str, &'e ExecError),
}

/// How a plan is carried out.
pub struct CarryOptions<'o> {
    /// How files are written; holds the fleet's lock.
    pub write: &'o WriteOptions<'o>,
    /// Whether each wave waits until its seats are ready.
    pub wait: bool,
    /// How long a seat may take to end.
    pub grace: Duration,
    /// Hears what happens.
    pub events: &'o dyn Fn(&FleetEvent<'_>),
}

impl std::fmt::Debug for CarryOptions<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("CarryOptions")
            .field("write", &self.write)
            .field("wait", &self.wait)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Carried {
    /// The files that were written.
    pub written: Written,
    /// What could not be done, by seat.
    pub failed: Vec<(String, ExecError)>,
}

/// A plan on its way.
#[derive(Debug)]
pub struct Carrier<'c> {
    /// The home.
    pub home: &'c Home,
    /// What it holds.
    pub gathered: &'c Gathered,
    /// The sessions.
    pub crew: &'c Crew,
    /// How.
    pub options: &'c CarryOptions<'c>,
}

impl Carrier<'_> {
    /// Carries a plan out. A seat that fails does not stop the others.
    ///
    /// # Errors
    /// The files cannot be written; then no seat is touched.
    pub fn carry_out(&self, plan: &FleetPlan) -> Result<Carried, ExecError> {
        let mut carried = Carried {
            written: self.write(plan)?,
            failed: Vec::new(),
        };
        for path in &carried.written.changed {
            if !path.starts_with(RUN) {
                (self.options.events)(&FleetEvent::Wrote(path));
            }
        }
        let sessions = self.sessions(plan);
        self.stop(plan, &sessions, &mut carried);
        self.start(plan, &sessions, &mut carried);
        self.clear(plan, &mut carried)?;
        // Asked to stop, it leaves the rest to whoever goes on.
        if !self.options.write.cancel.is_raised() {
            pending::done(self.home)?;
        }
        Ok(carried)
    }

    pub(super) fn tell(&self, event: &FleetEvent<'_>) {
        (self.options.events)(event);
    }

    /// Notes that something could not be done.
    pub(super) fn fail(&self, seat: &str, error: ExecError, carried: &mut Carried) {
        self.tell(&FleetEvent::Failed(seat, &error));
        carried.failed.push((seat.to_owned(), error));
    }

    /// The sessions that the plan was made with, by seat.
    fn sessions<'s>(&'s self, plan: &FleetPlan) -> BTreeMap<&'s str, &'s Session> {
        let observed = self.gathered.input.observed.as_ref();
        let sessions = observed.into_iter().flat_map(|observed| &observed.sessions);
        let mut found = BTreeMap::new();
        for session in sessions {
            let own = session.fleet.as_deref() == Some(&*plan.fleet);
            let name = session.seat.as_deref().filter(|_| own);
            let foreign = name.is_none() && plan.aim.adopt.contains(&session.name);
            if let Some(name) = name.or_else(|| foreign.then_some(&*session.name)) {
                found.insert(name, session);
            }
        }
        found
    }

    /// Writes every file of the plan, and those that seats are started from.
    fn write(&self, plan: &FleetPlan) -> Result<Written, ExecError> {
        let mut changes = Vec::from_iter(pending::announce(self.home, plan)?);
        for file in &plan.files {
            changes.push(Change {
                path: format!("fleet/{}", file.path),
                content: Some(file.content.clone()),
                before: file.before.clone(),
                private: false,
            });
        }
        for write in &plan.env {
            let path = format!("fleet/{}", write.path);
            let old = self.home.read(&path)?;
            let variables: Vec<_> = write
                .variables
                .iter()
                .map(|one| (&*one.name, &*one.value))
                .collect();
            let text = old.as_ref().map_or("", |stored| &*stored.text);
            let merged = envfile::merge(text, &variables).map_err(|error| {
                ExecError::new(ExecErrorKind::Failed, error.to_string()).at(&path)
            })?;
            changes.push(Change {
                path,
                content: Some(merged),
                before: write.before.clone(),
                private: true,
            });
        }
        let starts = |action: &&Action| {
            matches!(action.kind, ActionKind::SeatStart | ActionKind::SeatRestart)
        };
        for action in plan.actions.iter().filter(starts) {
            let seat = action.seat.as_deref().and_then(|name| plan.seat(name));
            if let Some(seat) = seat {
                let path = format!("{RUN}/{}{SPEC}", seat.name);
                changes.push(Change {
                    before: self.home.digest(&path)?,
                    content: Some(print(&self.spec(plan, seat)?)),
                    private: true,
                    path,
                });
            }
        }
        commit_changes(self.home, &changes, self.options.write)
    }

    fn spec(&self, plan: &FleetPlan, seat: &PlannedSeat) -> Result<SeatSpec, ExecError> {
        let personas = self.home.path(PERSONAS);
        let name = format!("{}.json", seat.class);
        let file: Option<&RoleFile> = self
            .gathered
            .input
            .personas
            .iter()
            .find(|file| file.name == name);
        let contract = self.gathered.roles.contract(&seat.class);
        let made = compose(seat, &contract, file, &personas).map_err(|problem| {
            let message = format!("the persona of seat `{}` cannot be used", seat.name);
            ExecError::refused(&message, vec![problem])
        })?;
        let cwd = directory(seat)?;
        let shared = plan.seats.iter().any(|other| {
            other.name != seat.name && other.working_directory == seat.working_directory
        });
        let env_file = self.home.path(&format!("{AGENTS}/{}.env", seat.name));
        Ok(SeatSpec {
            schema: SEAT_SPEC.into(),
            fleet: plan.fleet.clone(),
            seat: seat.name.clone(),
            class: seat.class.clone(),
            runtime: seat.runtime.clone(),
            hash: seat.hash.clone(),
            cwd: text_of(&cwd),
            persona: print(&Value::Object(made.selection)),
            env: self.identity(plan, seat).into(),
            env_file: Some(text_of(&env_file)),
            base: Some(text_of(&personas)),
            own_view: (made.lays_files && shared).then_some(true),
            restart: plan.restart.clone(),
            interval: plan.pulse.interval,
            grace: Some(u64::try_from(self.options.grace.as_millis()).unwrap_or(u64::MAX) / 2),
        })
    }

    /// The variables by which a seat knows who it is.
    pub(super) fn identity(&self, plan: &FleetPlan, seat: &PlannedSeat) -> [(String, String); 3] {
        [
            ("CALLSHEET_HOME", text_of(self.home.dir())),
            ("CALLSHEET_FLEET", plan.fleet.clone()),
            ("CALLSHEET_SEAT", seat.name.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    fn stop(&self, plan: &FleetPlan, sessions: &BTreeMap<&str, &Session>, carried: &mut Carried) {
        let mut waves: BTreeMap<u64, Vec<(&str, &Session)>> = BTreeMap::new();
        for action in of_kind(plan, ActionKind::SeatStop) {
            let seat = action.seat.as_deref().unwrap_or_default();
            if let Some(session) = sessions.get(seat) {
                waves.entry(action.wave).or_default().push((seat, session));
            }
        }
        // Those who take orders stop before those who give them.
        for (_, some) in waves.into_iter().rev() {
            self.stop_some(&some, true, carried);
        }
    }

    /// Stops seats at the same time; returns those that are stopped.
    fn stop_some<'s>(
        &self,
        some: &[(&'s str, &Session)],
        loud: bool,
        carried: &mut Carried,
    ) -> Vec<&'s str> {
        let mut ended = Vec::new();
        let (crew, grace) = (self.crew, self.options.grace);
        for some in some.chunks(AT_ONCE) {
            let answers: Vec<_> = threads::scope(|scope| {
                let stop = |(_, session): &(&str, &Session)| {
                    let session = (*session).clone();
                    scope.spawn(move || stop_now(crew, &session, grace))
                };
                let running: Vec<_> = some.iter().map(stop).collect();
                let lost = |_| {
                    Err(ExecError::new(
                        ExecErrorKind::Internal,
                        "a thread has failed",
                    ))
                };
                running
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(lost))
                    .collect()
            });
            for ((seat, _), answer) in some.iter().zip(answers) {
                match answer {
                    Ok(how) => {
                        ended.push(*seat);
                        if loud {
                            self.tell(&FleetEvent::Stopped(seat, how));
                        }
                    }
                    Err(error) => self.fail(seat, error, carried),
                }
            }
        }
        ended
    }

    fn start(&self, plan: &FleetPlan, sessions: &BTreeMap<&str, &Session>, carried: &mut Carried) {
        let mut waves: BTreeMap<u64, Vec<&Action>> = BTreeMap::new();
        for action in &plan.actions {
            if matches!(
                action.kind,
                ActionKind::SeatStart | ActionKind::SeatRestart | ActionKind::SeatAdopt
            ) {
                waves.entry(action.wave).or_default().push(action);
            }
        }
        if waves.is_empty() {
            return;
        }
        if let Err(error) = self.crew.hold() {
            self.fail(&plan.tmux.holder_session, error, carried);
        }
        for (_, actions) in waves {
            let began = now_ms();
            let started = self.start_wave(plan, &actions, sessions, carried);
            if self.options.wait {
                self.await_ready(plan, &started, began, carried);
            }
            if self.options.write.cancel.is_raised() {
                return;
            }
        }
    }

    /// Starts the seats of a wave; returns those that run.
    fn start_wave<'p>(
        &self,
        plan: &'p FleetPlan,
        actions: &[&'p Action],
        sessions: &BTreeMap<&str, &Session>,
        carried: &mut Carried,
    ) -> Vec<&'p PlannedSeat> {
        let seats = actions.iter().filter_map(|action| {
            let seat = plan.seat(action.seat.as_deref()?)?;
            Some((*action, seat, sessions.get(&*seat.name).copied()))
        });
        let seats: Vec<_> = seats.collect();
        // Seats that run are ended first, all at once.
        let alive = seats.iter().filter_map(|(action, seat, session)| {
            let session = session.filter(|session| session.dead.is_none())?;
            (action.kind == ActionKind::SeatRestart).then_some((&*seat.name, session))
        });
        let alive: Vec<_> = alive.collect();
        let ended = self.stop_some(&alive, false, carried);
        let mut started = Vec::new();
        let mut fresh = Vec::new();
        for (action, seat, session) in seats {
            let answer = match (action.kind, session) {
                (ActionKind::SeatAdopt, Some(session)) => {
                    self.crew.adopt(session, &seat.name, &seat.hash)
                }
                (ActionKind::SeatRestart, Some(session)) if session.dead.is_some() => {
                    let restarted = self
                        .begin(seat)
                        .and_then(|start| self.crew.restart(session, &start));
                    let restarted = restarted.map(drop);
                    restarted.or_else(|error| self.arrived(seat, error))
                }
                (ActionKind::SeatRestart, Some(_)) if !ended.contains(&&*seat.name) => continue,
                _ => {
                    match self.begin(seat) {
                        Ok(start) => fresh.push((action, seat, start)),
                        Err(error) => self.fail(&seat.name, error, carried),
                    }
                    continue;
                }
            };
            self.note(action, seat, answer, (&mut started, carried));
        }
        let starts: Vec<Start> = fresh.iter().map(|(.., start)| start.clone()).collect();
        for ((action, seat, _), answer) in fresh.iter().zip(self.crew.start_all(&starts)) {
            let answer = answer.map(drop).or_else(|error| self.arrived(seat, error));
            self.note(action, seat, answer, (&mut started, carried));
        }
        started
    }

    /// Waits for a session that has a seat's name: a command that was killed may have begun
    /// to start the seat, as it should be, after we looked.
    fn arrived(&self, seat: &PlannedSeat, error: ExecError) -> Result<(), ExecError> {
        if error.kind() != ExecErrorKind::Busy {
            return Err(error);
        }
        let deadline = Deadline::after(Some(ARRIVAL));
        loop {
            let same = |session: &Session| {
                session.fleet.as_deref() == Some(&*self.gathered.input.fleet)
                    && session.seat.as_deref() == Some(&*seat.name)
                    && session.hash.as_deref() == Some(&*seat.hash)
                    && session.dead.is_none()
            };
            if self.crew.observe()?.sessions.iter().any(same) {
                return Ok(());
            }
            if deadline.is_over() {
                return Err(error);
            }
            rest(POLL);
        }
    }

    fn note<'p>(
        &self,
        action: &Action,
        seat: &'p PlannedSeat,
        answer: Result<(), ExecError>,
        (started, carried): (&mut Vec<&'p PlannedSeat>, &mut Carried),
    ) {
        match answer {
            Ok(()) => {
                started.push(seat);
                self.tell(&match action.kind {
                    ActionKind::SeatAdopt => FleetEvent::Adopted(&seat.name),
                    ActionKind::SeatRestart => FleetEvent::Restarted(&seat.name),
                    _ => FleetEvent::Started(&seat.name),
                });
            }
            Err(error) => self.fail(&seat.name, error, carried),
        }
    }

    fn begin(&self, seat: &PlannedSeat) -> Result<Start, ExecError> {
        let program = own_program()?;
        let mut variables = env::safe_vars();
        let ours = |name: &str| name.starts_with("CALLSHEET_") || name.starts_with("MOSAIC_HEART");
        variables.extend(env::vars().into_iter().filter(|(name, _)| ours(name)));
        let spec = spec_path(self.crew.run(), &seat.name);
        Ok(Start {
            fleet: self.gathered.input.fleet.clone(),
            seat: seat.name.clone(),
            hash: seat.hash.clone(),
            cwd: directory(seat)?,
            argv: vec![text_of(&program), SEAT_COMMAND.to_owned(), text_of(&spec)],
            env: variables,
        })
    }
}

/// Stops a seat. A command that was killed may have begun to start it again after we looked.
fn stop_now(crew: &Crew, session: &Session, grace: Duration) -> Result<Stopped, ExecError> {
    let stopped = crew.stop(session, grace);
    let is_busy = |error: &ExecError| error.kind() == ExecErrorKind::Busy;
    let seat = session.seat.as_deref();
    match (stopped, seat) {
        (Err(error), Some(seat)) if is_busy(&error) => crew.stop(&crew.session(seat)?, grace),
        (stopped, _) => stopped,
    }
}

fn of_kind(plan: &FleetPlan, kind: ActionKind) -> impl Iterator<Item = &Action> {
    plan.actions
        .iter()
        .filter(move |action| action.kind == kind)
}

/// The directory of a seat, absolute; it is made where it is missing.
pub(super) fn directory(seat: &PlannedSeat) -> Result<PathBuf, ExecError> {
    let named = &seat.working_directory;
    let home = || {
        env::home_dir().ok_or_else(|| {
            let message = "there is no home directory for `~`";
            ExecError::new(ExecErrorKind::Config, message).hint("set HOME")
        })
    };
    let path = match named.strip_prefix('~') {
        Some("") => home()?,
        Some(rest) if rest.starts_with('/') => home()?.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(named),
    };
    if !path.is_absolute() {
        let message = format!(
            "seat `{}`: working_directory `{named}` is not absolute",
            seat.name
        );
        let error = ExecError::new(ExecErrorKind::Config, message);
        return Err(error.hint("begin it with `/` or `~/`"));
    }
    if !fs::is_dir(&path) {
        fs::make_dirs(&path).at(&path)?;
    }
    Ok(path)
}
