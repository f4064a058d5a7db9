//! The loop of a run: prepare the undo, record, perform, record; and after a failure
//! back again. A run is durable before it acts, so that any crash can be taken back.

mod attach;
mod dirs;
mod gc;
pub(crate) mod handler;
pub mod inject;
pub(crate) mod manifest;
mod obscure;
pub(crate) mod ops;
mod options;
mod orphan;
pub(crate) mod publish;
pub(crate) mod recover;
mod report;
pub(crate) mod restore;
pub(crate) mod share;
pub(crate) mod stamp;
pub(crate) mod undo;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use plan_core::effect::{
    Action, ActionAnnounced, ActionDone, ActionFailed, ActionKind, ActionList, JOURNAL_VERSION,
    Record, RunCommitted, RunReady, RunStarted, View, describe_action,
};

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal::Writer;
use crate::mount::enter;
use crate::mount::keeper::Keeper;
use crate::mount::{Chosen, Enforcement};
use crate::os::clock::{self, Deadline, rest};
use crate::os::owner::{note_owner, note_process};
use crate::state::{RunDir, RunId, StateHome};
use handler::Bench;
pub(crate) use handler::run_to_success;
use inject::{Faults, Moment};
use recover::Way;
use share::Shares;
use undo::Reversal;

pub use attach::{Attached, attach, dispose};
pub use gc::{Cleared, GcOptions, gc, keep_latest};
pub use options::{ApplyOptions, COMMAND_LIMIT, Event, ExecuteOptions, Progress, Resolver};
pub use recover::{Liveness, RecoveryReport, RunSummary, list_runs, recover};
pub use report::{DisposeEntry, DisposeReport};

/// Executes a list of actions as one run.
///
/// # Errors
/// The first failure. Everything done before it is taken back; what could not be is
/// in the error's undo errors.
pub fn execute(actions: &ActionList, options: &ExecuteOptions<'_>) -> Result<RunHandle, ExecError> {
    Run::begin(&options.state, &options.cwd)?.apply(actions, &options.apply)
}

/// A run that has a name, a directory and a lease, and has done nothing yet.
#[derive(Debug)]
pub struct Run {
    state: StateHome,
    cwd: PathBuf,
    dir: Option<RunDir>,
    id: RunId,
}

impl Run {
    /// Allocates a run about a directory.
    ///
    /// # Errors
    /// The directory is none, or the state home cannot be written.
    pub fn begin(state: &StateHome, cwd: &Path) -> Result<Self, ExecError> {
        let cwd = recover::working_dir(cwd)?;
        let _gate = state.gate()?;
        let run = state.create_run()?;
        Ok(Self {
            state: state.clone(),
            cwd,
            id: run.id.clone(),
            dir: Some(run),
        })
    }

    /// Returns the run's name.
    pub const fn id(&self) -> &RunId {
        &self.id
    }

    /// Returns the directory that the run is about, absolute.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Returns the directory for private files; it is removed when the run ends.
    pub fn stage_dir(&self) -> PathBuf {
        self.dir.as_ref().map(RunDir::stage).unwrap_or_default()
    }

    /// Returns the place for a layer over the project; it does not exist yet.
    pub fn layer_dir(&self) -> PathBuf {
        self.dir.as_ref().map(RunDir::layer).unwrap_or_default()
    }

    /// Starts a keeper, which tries whether a layer over the project works here. The
    /// answer to one that does not is the reason.
    pub(crate) fn try_layer(&self) -> Result<Keeper, String> {
        let run = self.dir.as_ref().ok_or("the run is over")?;
        Keeper::start(&run.dir, &run.keeper_mark(), &self.cwd)
    }

    /// Returns the place for a mirror of the project; it does not exist yet.
    pub fn mount_dir(&self) -> PathBuf {
        self.dir.as_ref().map(RunDir::mount).unwrap_or_default()
    }

    /// Performs the actions in order.
    ///
    /// # Errors
    /// The first failure. Everything done before it is taken back; what could not be
    /// is in the error's undo errors.
    pub fn apply(
        mut self,
        actions: &ActionList,
        options: &ApplyOptions<'_>,
    ) -> Result<RunHandle, ExecError> {
        check(actions, options)?;
        if let (Some(client), Some(run)) = (options.client, &self.dir) {
            let file = RunDir::client_in(run.dir.path());
            note_process(&file, client).at(&file)?;
        }
        let id = self.id.clone();
        let opened = self.open_journal(actions, options);
        let mut opened = opened.map_err(|error| error.in_run(id.as_str()))?;
        let Some(run) = self.dir.take() else {
            return Err(over());
        };
        let (view, copy) = view_of(actions);
        let performed = match opened.shared {
            Ok(()) => perform_all(&run, &mut opened, options),
            Err(error) => Err(error),
        };
        let mut journal = opened.journal;
        match performed {
            Ok(notes) => Ok(RunHandle {
                state: self.state.clone(),
                id,
                cwd: copy.map_or_else(|| self.cwd.clone(), PathBuf::from),
                notes,
                chosen: Chosen::plain(view),
                prefix: Vec::new(),
                keeper: Mutex::new(None),
                faults: options.faults,
                inner: Mutex::new(Inner {
                    live: Some((run, journal)),
                    report: None,
                }),
            }),
            Err(error) => Err(self.give_up(&run, &mut journal, error, options)),
        }
    }

    /// Takes a failed run back and gives its error what could not be taken back.
    fn give_up(
        &self,
        run: &RunDir,
        journal: &mut Writer,
        error: ExecError,
        options: &ApplyOptions<'_>,
    ) -> ExecError {
        let reversal = Reversal {
            state: &self.state,
            run,
            journal,
            faults: options.faults,
            progress: options.progress,
        };
        let report = reversal.run_behind_gate();
        error
            .in_run(run.id.as_str())
            .with_undo_errors(report.errors())
    }

    /// Makes way among the other runs and writes the first records. While a run that is
    /// not as far yet stands in the way, this waits.
    fn open_journal(
        &self,
        actions: &ActionList,
        options: &ApplyOptions<'_>,
    ) -> Result<Opened, ExecError> {
        let run = self.dir.as_ref().ok_or_else(over)?;
        let cwd = self.cwd.to_str().ok_or_else(|| {
            ExecError::new(ExecErrorKind::Usage, "the path is not text").at(&self.cwd)
        })?;
        let wants = recover::Wants {
            cwd,
            actions,
            paths: &touched(actions, run.dir.path()),
            above: &options.above,
        };
        let started = Deadline::after(Some(options.wait.unwrap_or(SETTLING)));
        loop {
            options.go_on()?;
            let gate = self.state.gate()?;
            // What cannot be removed is in nobody's way; `recover` reports it.
            drop(self.state.sweep());
            let way = recover::make_way(&self.state, &self.id, &wants, options)?;
            match way {
                Way::Free(shares) => return self.start(run, &wants, &shares, options),
                // Who asked to wait waits for any run, else only for one that settles soon.
                Way::Taken { error, settles } => {
                    if started.is_over() || (options.wait.is_none() && !settles) {
                        return Err(error);
                    }
                }
            }
            drop(gate);
            rest(POLL);
        }
    }

    fn start(
        &self,
        run: &RunDir,
        wants: &recover::Wants<'_>,
        shares: &Shares,
        options: &ApplyOptions<'_>,
    ) -> Result<Opened, ExecError> {
        let mut journal = Writer::create(&run.dir, options.faults)?;
        journal.append(&Record::RunStarted(RunStarted {
            version: JOURNAL_VERSION,
            run: self.id.to_string(),
            cwd: wants.cwd.to_owned(),
            label: options.label.clone(),
            edition: options.edition,
            plan_digest: options.plan_digest.clone(),
            actions: wants.actions.len() as u64,
            paths: wants.paths.to_vec(),
            view: Some(view_of(wants.actions).0),
            keeps_skills: !options.cleanup_skills_on_dispose,
            started_ms: clock::now_ms(),
        }))?;
        let actions = shares.rewrite(wants.actions);
        let mut opened = Opened {
            journal,
            actions,
            done: shares.len(),
            shared: Ok(()),
        };
        // Behind the gate: nobody whom we share with can end before we have its undo data.
        opened.shared = take_shares(run, &mut opened, options);
        Ok(opened)
    }
}

/// How long a run waits for another one to become ready or to end.
const SETTLING: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A run whose first records are written.
struct Opened {
    journal: Writer,
    /// The actions, those that are shared first.
    actions: ActionList,
    /// How many of them are done.
    done: usize,
    shared: Result<(), ExecError>,
}

fn over() -> ExecError {
    ExecError::new(ExecErrorKind::Internal, "the run is over")
}

fn take_shares(
    run: &RunDir,
    opened: &mut Opened,
    options: &ApplyOptions<'_>,
) -> Result<(), ExecError> {
    let mut bench = Bench {
        run,
        options,
        id: 0,
        generated: handler::generated(&opened.actions),
        notes: RefCell::default(),
    };
    for action in opened.actions.iter().take(opened.done) {
        bench.id = u64::from(action.id);
        options.tell(&Event::Started(action));
        perform(&bench, &mut opened.journal, action).map_err(|error| error.in_action(bench.id))?;
        options.tell(&Event::Done(action));
    }
    Ok(())
}

impl Drop for Run {
    fn drop(&mut self) {
        // A run that never acted leaves nothing; a failure here is found by recovery.
        if let Some(run) = self.dir.take() {
            drop(run.remove());
        }
    }
}

/// Tells how actions let a run see its project, and where the copy is when it is one.
fn view_of(actions: &ActionList) -> (View, Option<&str>) {
    let mut views = actions.iter().filter_map(|action| match &action.kind {
        ActionKind::Mount { view, to, .. } => Some((*view, to)),
        _ => None,
    });
    match views.next() {
        Some((View::Copy, to)) => (View::Copy, Some(to)),
        Some((view, _)) => (view, None),
        None => (View::InPlace, None),
    }
}

/// Refuses what can be refused before anything is touched.
fn check(actions: &ActionList, options: &ApplyOptions<'_>) -> Result<(), ExecError> {
    actions.check().map_err(|problems| {
        ExecError::refused("the actions cannot be carried out safely", problems)
    })?;
    for action in actions.iter() {
        if let ActionKind::WriteFile { content, .. } = &action.kind {
            handler::check_content(content, options)
                .map_err(|error| error.in_action(u64::from(action.id)))?;
        }
    }
    Ok(())
}

/// Lists the paths outside the run's own directory that actions may change.
fn touched(actions: &ActionList, own: &Path) -> Vec<String> {
    let mut paths: Vec<_> = actions
        .iter()
        .flat_map(|action| match &action.kind {
            ActionKind::Transfer { list, to } => ops::claims(list, to),
            kind => share::paths(kind),
        })
        .collect();
    paths.retain(|path| !Path::new(path).starts_with(own));
    paths.sort();
    paths.dedup();
    paths
}

fn perform_all(
    run: &RunDir,
    opened: &mut Opened,
    options: &ApplyOptions<'_>,
) -> Result<Vec<String>, ExecError> {
    let mut bench = Bench {
        run,
        options,
        id: 0,
        generated: handler::generated(&opened.actions),
        notes: RefCell::default(),
    };
    let mut phase = None;
    let journal = &mut opened.journal;
    for action in opened.actions.iter().skip(opened.done) {
        options.go_on()?;
        if phase.replace(action.phase) != Some(action.phase) {
            options.tell(&Event::Phase(action.phase));
        }
        bench.id = u64::from(action.id);
        let known = bench.notes.borrow().len();
        options.tell(&Event::Started(action));
        perform(&bench, journal, action).map_err(|error| error.in_action(bench.id))?;
        for text in bench.notes.borrow().iter().skip(known) {
            options.tell(&Event::Note {
                action: bench.id,
                text,
            });
        }
        options.tell(&Event::Done(action));
    }
    // Nothing may be started in a run that somebody asked to stop.
    options.go_on()?;
    journal.append(&Record::RunReady(RunReady {}))?;
    Ok(bench.notes.into_inner())
}

fn perform(bench: &Bench<'_>, journal: &mut Writer, action: &Action) -> Result<(), ExecError> {
    let id = bench.id;
    let faults = &bench.options.faults;
    let prepared = handler::prepare(bench, &action.kind)?;
    journal.append(&Record::ActionAnnounced(ActionAnnounced {
        id,
        phase: action.phase,
        kind: action.kind.label().into(),
        line: prepared
            .line()
            .unwrap_or_else(|| describe_action(&action.kind)),
        undo: prepared.undo(),
    }))?;
    let act = || {
        faults
            .strike(Moment::BeforeAction(id))
            .at(bench.run.dir.path())?;
        let wrote = faults.repeat(|| prepared.perform(bench))?;
        faults
            .strike(Moment::AfterAction(id))
            .at(bench.run.dir.path())?;
        Ok(wrote)
    };
    match act() {
        Ok(wrote) => journal.append(&Record::ActionDone(ActionDone { id, wrote })),
        Err(error) => {
            let error: ExecError = error;
            let message = error.to_string();
            // If this cannot be written either, the announcement is enough to undo.
            drop(journal.append(&Record::ActionFailed(ActionFailed { id, message })));
            Err(error)
        }
    }
}

/// A run whose actions are done. Its effects last until it is disposed or its process
/// ends; in the latter case the next run in the same place, or `recover`, takes them back.
#[derive(Debug)]
pub struct RunHandle {
    state: StateHome,
    id: RunId,
    cwd: PathBuf,
    notes: Vec<String>,
    chosen: Chosen,
    prefix: Vec<String>,
    /// What keeps the layer mounted.
    keeper: Mutex<Option<Keeper>>,
    faults: Faults,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    live: Option<(RunDir, Writer)>,
    report: Option<DisposeReport>,
}

impl RunHandle {
    /// Returns the run's name.
    pub const fn id(&self) -> &RunId {
        &self.id
    }

    pub(crate) const fn state(&self) -> &StateHome {
        &self.state
    }

    /// Returns where to work: the mirror if the run made one, else its directory.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Returns how the run sees its project.
    pub const fn view(&self) -> View {
        self.chosen.view
    }

    /// Returns what holds programs to what the view hides and protects.
    pub const fn enforcement(&self) -> Enforcement {
        self.chosen.enforcement
    }

    /// Returns the view with the reasons for it.
    pub const fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// Returns the words that come in front of every command that is to work in the
    /// run's view; none where the directory alone is enough.
    pub fn argv_prefix(&self) -> &[String] {
        &self.prefix
    }

    /// Takes over what was chosen and what keeps it.
    pub(crate) fn with_view(mut self, chosen: Chosen, keeper: Option<Keeper>) -> Self {
        self.chosen = chosen;
        self.keeper = Mutex::new(keeper);
        self
    }

    /// Puts a layer that is made over the project. Until then nobody can come in.
    pub(crate) fn mount(&mut self, layer: &Path) -> Result<(), ExecError> {
        let keeper = self
            .keeper
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keeper {
            keeper.mount(layer)?;
            self.prefix = enter::prefix(keeper.program(), &self.id, &self.state)?;
        }
        Ok(())
    }

    /// Returns what the user should know although nothing failed.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the file that names a program which works in the run: recovery ends it when
    /// we die before it. `None` once the run is disposed.
    pub fn mark(&self) -> Option<PathBuf> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.live.as_ref().map(|(run, _)| run.mark())
    }

    /// Lets what the run did stay, and ends it. Its undo data is kept for a while, so that
    /// it can be reverted on purpose.
    ///
    /// # Errors
    /// The journal cannot be written; then the run can still be disposed.
    pub fn commit(&self) -> Result<(), ExecError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((run, journal)) = &mut inner.live else {
            return Err(over());
        };
        journal.append(&Record::RunCommitted(RunCommitted {}))?;
        let cleared = run.clear_stage();
        inner.live = None;
        cleared
    }

    /// As [`RunHandle::commit`], and keeps nothing to revert it by: for what may hold secrets.
    ///
    /// # Errors
    /// As [`RunHandle::commit`]; or the undo data cannot be removed.
    pub fn commit_for_good(&self) -> Result<(), ExecError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((run, journal)) = &mut inner.live else {
            return Err(over());
        };
        journal.append(&Record::RunCommitted(RunCommitted {}))?;
        let removed = run.remove();
        inner.live = None;
        removed
    }

    /// Notes that a signal ends this process and with it this run, so that others can ask
    /// for that: for a process that holds nothing but this run.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn answer_signals(&self) -> Result<(), ExecError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((run, _)) = &inner.live else {
            return Ok(());
        };
        let owner = RunDir::owner_in(run.dir.path());
        note_owner(&owner).at(&owner)
    }

    /// Takes everything back, last first, and reports what became of each action.
    /// Later and concurrent calls wait for the first and return its report.
    pub fn dispose(&self) -> DisposeReport {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((run, mut journal)) = inner.live.take() {
            // The layer's programs are ended with the run; nobody comes in any more.
            drop(
                self.keeper
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(),
            );
            let reversal = Reversal {
                state: &self.state,
                run: &run,
                journal: &mut journal,
                faults: self.faults,
                progress: None,
            };
            inner.report = Some(reversal.run_behind_gate());
        }
        inner.report.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
