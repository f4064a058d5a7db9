//! Coming into the view of a run from outside: the namespaces of its layer, its copy, or
//! the project itself.

use std::path::{Path, PathBuf};

use plan_core::effect::{OutcomeKind, RunState, RunStatus, Undo};

use super::keeper::Keeper;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal;
use crate::os::{env, fs, ns, owner};
use crate::state::{Found, RunDir, RunId, StateHome, keeper_mark, layer_text};

/// Where a run's programs work.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Room {
    /// Under a layer.
    Layer(PathBuf),
    /// In a copy.
    Copy(PathBuf),
    /// In the project.
    Project,
}

/// A run that can be entered.
#[derive(Debug)]
pub(crate) struct Entrance {
    id: RunId,
    project: PathBuf,
    room: Room,
    /// The mark of the layer's keeper.
    mark: PathBuf,
    /// A closed run that was kept. As long as we hold it nobody else changes it.
    kept: Option<RunDir>,
}

impl Entrance {
    /// Finds the way into a run.
    ///
    /// # Errors
    /// There is no such run, or nothing of it to enter.
    pub(crate) fn find(state: &StateHome, id: &RunId) -> Result<Self, ExecError> {
        let found = {
            // Whoever looks at a lease takes it for a moment.
            let _gate = state.gate()?;
            state.open_run(id)?
        };
        Self::into_run(id, found)
    }

    /// Finds the way into a live run for its agent, which this process becomes: whoever
    /// takes the run back ends it first.
    ///
    /// # Errors
    /// There is no such run, it does not live, or it has an agent already.
    pub(crate) fn of_agent(state: &StateHome, id: &RunId) -> Result<Self, ExecError> {
        // Whoever takes the run back holds the gate: either it sees us, or we see that.
        let _gate = state.gate()?;
        let found = state.open_run(id)?;
        let dir = found.as_ref().and_then(|found| match found {
            Found::Ours(_) => None,
            Found::Theirs(_, dir) => Some(dir.path().to_owned()),
        });
        let entrance = Self::into_run(id, found)?;
        let Some(dir) = dir else {
            return Err(shut(id, "it is over"));
        };
        let mark = RunDir::mark_in(&dir);
        if owner::is_running(&mark).at(&mark)? {
            return Err(shut(id, "its agent is at work already"));
        }
        owner::note_process(&mark, owner::own_id()).at(&mark)?;
        Ok(entrance)
    }

    fn into_run(id: &RunId, found: Option<Found>) -> Result<Self, ExecError> {
        let nothing = |why: &str| shut(id, why);
        let Some(found) = found else {
            let error = nothing("there is no such run");
            return Err(error.hint("`callsheet runs` lists what there is"));
        };
        let dir = match &found {
            Found::Ours(run) => &run.dir,
            Found::Theirs(_, dir) => dir,
        };
        let journal = journal::read(dir).ok().flatten();
        let Some(journal) = journal else {
            return Err(nothing("its journal cannot be read"));
        };
        let Some(started) = journal.state.started() else {
            return Err(nothing("it has not started"));
        };
        let closed = journal.state.status() == RunStatus::Closed;
        let room = match (&found, journal.state.status()) {
            (Found::Theirs(..), RunStatus::Ready) => room(&journal.state),
            (_, RunStatus::Closed) => kept_room(&journal.state)
                .ok_or_else(|| nothing("it is over and nothing of it was kept"))?,
            (Found::Theirs(..), _) => return Err(nothing("it is not ready")),
            (Found::Ours(_), _) => {
                let error = nothing("it has died");
                return Err(error.hint("`callsheet recover` takes back what it left"));
            }
        };
        Ok(Self {
            id: id.clone(),
            project: PathBuf::from(&started.cwd),
            room,
            mark: keeper_mark(dir),
            kept: found.ours().filter(|_| closed),
        })
    }

    /// Tells whether the run is over, so that somebody has to hold its view.
    pub(crate) const fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Puts a kept layer over its project for as long as the answer lives.
    ///
    /// # Errors
    /// No layer can be mounted here.
    pub(crate) fn hold(&self) -> Result<Option<Keeper>, ExecError> {
        let (Room::Layer(layer), Some(run)) = (&self.room, &self.kept) else {
            return Ok(None);
        };
        let mut keeper = Keeper::start(&run.dir, &self.mark, &self.project).map_err(|why| {
            let message = format!("the layer cannot be mounted: {why}");
            ExecError::new(ExecErrorKind::Missing, message)
        })?;
        keeper.mount(layer)?;
        Ok(Some(keeper))
    }

    /// Moves this process into the view and returns the directory to work in: the one
    /// that was asked for, else where the caller is if that is in the project, else the
    /// project's. Nothing but starting a program may follow.
    ///
    /// # Errors
    /// The layer is not there, or the system does not allow it.
    pub(crate) fn go_in(&self, wanted: Option<&Path>) -> Result<PathBuf, ExecError> {
        let inside = self.inside(wanted)?;
        let root = match &self.room {
            Room::Layer(_) => {
                self.join()?;
                &self.project
            }
            Room::Copy(copy) => copy,
            Room::Project => &self.project,
        };
        let dir = match inside {
            // Joining nothing would add a slash.
            Inside::Project(rest) if rest.as_os_str().is_empty() => root.clone(),
            Inside::Project(rest) => root.join(rest),
            Inside::Elsewhere(dir) => dir,
        };
        if fs::is_dir(&dir) {
            return Ok(dir);
        }
        if wanted.is_some() {
            let message = "the directory does not exist in the run";
            return Err(ExecError::new(ExecErrorKind::Usage, message).at(dir));
        }
        Ok(root.clone())
    }

    fn join(&self) -> Result<(), ExecError> {
        let failed = |why: String| {
            let message = format!("run {} cannot be entered: {why}", self.id);
            ExecError::new(ExecErrorKind::Missing, message)
        };
        let joined = ns::join(&self.mark).map_err(|error| failed(error.to_string()))?;
        // A keeper that only tries has nothing mounted yet.
        if !joined || !ns::is_mounted(&layer_text(&self.id)) {
            return Err(failed("nobody keeps its layer".into()));
        }
        ns::settle().map_err(|error| failed(error.to_string()))
    }

    /// Tells where a directory lies in the project.
    fn inside(&self, wanted: Option<&Path>) -> Result<Inside, ExecError> {
        let here = env::current_dir().unwrap_or_else(|_| self.project.clone());
        let dir = wanted.map_or_else(|| here.clone(), |wanted| here.join(wanted));
        let real = fs::real(&self.project).at(&self.project)?;
        for root in [&self.project, &real] {
            if let Ok(rest) = dir.strip_prefix(root) {
                return Ok(Inside::Project(rest.to_owned()));
            }
        }
        Ok(match wanted {
            Some(_) => Inside::Elsewhere(dir),
            None => Inside::Project(PathBuf::new()),
        })
    }
}

enum Inside {
    /// Below the project's directory.
    Project(PathBuf),
    /// Anywhere else.
    Elsewhere(PathBuf),
}

/// Returns the words in front of a command that is to run in a layer.
///
/// # Errors
/// A path is not text.
pub(crate) fn prefix(
    program: &Path,
    id: &RunId,
    state: &StateHome,
) -> Result<Vec<String>, ExecError> {
    let mut prefix = vec![words(program)?, "enter".into(), id.to_string()];
    // Somebody else's environment may name another place, or none.
    if StateHome::from_env().ok().as_ref() != Some(state) {
        prefix.push(format!("--state={}", words(state.root())?));
    }
    prefix.push("--".into());
    Ok(prefix)
}

/// Turns the words in front of a command into those in front of a run's agent. They need
/// nothing of the environment that they are started in.
///
/// # Errors
/// A path is not text.
pub(crate) fn agent_prefix(
    program: &Path,
    id: &RunId,
    state: &StateHome,
) -> Result<Vec<String>, ExecError> {
    Ok(vec![
        words(program)?,
        "enter".into(),
        id.to_string(),
        "--agent".into(),
        format!("--state={}", words(state.root())?),
        "--".into(),
    ])
}

fn words(path: &Path) -> Result<String, ExecError> {
    let text = path.to_str().map(String::from);
    text.ok_or_else(|| ExecError::new(ExecErrorKind::Usage, "the path is not text").at(path))
}

fn shut(id: &RunId, why: &str) -> ExecError {
    let message = format!("run {id} cannot be entered: {why}");
    ExecError::new(ExecErrorKind::Missing, message)
}

fn room(state: &RunState) -> Room {
    let mut rooms = state
        .actions()
        .iter()
        .filter_map(|action| room_of(&action.announced.undo));
    rooms.next().unwrap_or(Room::Project)
}

fn kept_room(state: &RunState) -> Option<Room> {
    let kept = state.actions().iter().filter(|action| {
        let outcome = action.outcome.as_ref();
        outcome.is_some_and(|outcome| outcome.kind == OutcomeKind::Kept)
    });
    let mut rooms = kept.filter_map(|action| room_of(&action.announced.undo));
    rooms.next()
}

fn room_of(undo: &Undo) -> Option<Room> {
    match undo {
        Undo::RemoveLayer(layer) => Some(Room::Layer(PathBuf::from(&layer.path))),
        Undo::RemoveMount(copy) => Some(Room::Copy(PathBuf::from(&copy.path))),
        _ => None,
    }
}
