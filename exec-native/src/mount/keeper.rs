//! The keeper of a layer: a process of our own program in namespaces of its own, in
//! which the layer lies over the project. It lives until its input ends, that is as long
//! as the run that it is for; nothing of it is ever mounted where others see it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::effect::UPPER;

use super::layer::{self, HIDDEN, WORK};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::talk::{Talk, listen};
use crate::os::{ns, own, tree};

/// The hidden command of the process.
pub(crate) const KEEP_COMMAND: &str = "__keep";
/// The scratch directory of the try.
const PROBE: &str = "probe";
const MERGED: &str = "merged";
/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(20);

const UNSHARED: &str = "unshared";
const WORKS: &str = "works";
const READY: &str = "ready";
const MAPPED: &str = "mapped";
const MOUNT: &str = "mount";

/// A keeper that has tried a layer over the project, or keeps it there.
#[derive(Debug)]
pub(crate) struct Keeper {
    talk: Talk,
    program: PathBuf,
}

impl Keeper {
    /// Starts a keeper and lets it try a layer between a directory and the project. The
    /// answer is the sentence that says why there can be none.
    pub(crate) fn start(room: &Dir, mark: &Path, project: &Path) -> Result<Self, String> {
        let program =
            own::program().ok_or("a layer needs the callsheet program, and this is another one")?;
        let scratch = room.path().join(PROBE);
        let name = OsStr::new(PROBE);
        let begun = make_probe(room)
            .map_err(|error| format!("no layer can be made in the state home: {error}"))
            .and_then(|()| Self::try_out(&program, &scratch, (mark, project)));
        // What is left goes with the run's directory.
        tree::remove(room, name).ok();
        begun.map(|talk| Self { talk, program })
    }

    fn try_out(
        program: &Path,
        scratch: &Path,
        (mark, project): (&Path, &Path),
    ) -> Result<Talk, String> {
        let parent = ns::lasting_parent().unwrap_or_default().to_string();
        let arguments = [
            OsStr::new(KEEP_COMMAND),
            scratch.as_os_str(),
            project.as_os_str(),
            OsStr::new(&parent),
        ];
        let failed = |error: io::Error| format!("the keeper of the layer failed: {error}");
        let mut talk = Talk::start(program, &arguments, mark).map_err(failed)?;
        expect(&mut talk, UNSHARED)?;
        ns::write_maps(talk.id())
            .map_err(|error| because(&format!("users cannot be mapped: {error}")))?;
        talk.say(MAPPED).map_err(failed)?;
        expect(&mut talk, WORKS)?;
        Ok(talk)
    }

    /// Puts a finished layer over the project.
    ///
    /// # Errors
    /// The system does not allow it after all.
    pub(crate) fn mount(&mut self, layer: &Path) -> Result<(), ExecError> {
        let failed = |why: String| {
            let message = format!("the layer cannot be put over the project: {why}");
            ExecError::new(ExecErrorKind::Missing, message).hint("`--view copy` needs no layer")
        };
        let Some(text) = layer.to_str() else {
            return Err(failed("its path is not text".into()));
        };
        let told = self.talk.say(&format!("{MOUNT} {text}"));
        told.map_err(|error| failed(error.to_string()))?;
        expect(&mut self.talk, READY).map_err(failed)
    }

    /// Returns the program by which others come in.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

fn expect(talk: &mut Talk, word: &str) -> Result<(), String> {
    match talk.hear(PATIENCE) {
        Ok(line) if line == word => Ok(()),
        Ok(line) => Err(because(&line)),
        Err(error) => Err(because(&format!("the keeper of the layer ended: {error}"))),
    }
}

/// Adds the setting that is in the way, when one is.
fn because(why: &str) -> String {
    match ns::obstacle() {
        Some(advice) => format!("{why}; {advice}"),
        None => why.to_owned(),
    }
}

/// Makes the directories of a layer that hides one name.
fn make_probe(room: &Dir) -> io::Result<()> {
    tree::remove(room, OsStr::new(PROBE))?;
    room.make_dir(OsStr::new(PROBE), 0o700)?;
    let probe = room.child(OsStr::new(PROBE))?;
    for name in [UPPER, WORK, HIDDEN, MERGED] {
        probe.make_dir(OsStr::new(name), 0o700)?;
    }
    let hidden = probe.child(OsStr::new(HIDDEN))?;
    hidden.make_whiteout(OsStr::new(".callsheet-probe"))
}

/// Is the keeper: the body of the hidden command. Answers go to `say`.
///
/// # Errors
/// The one who started it is gone.
pub(crate) fn keep(
    (scratch, project, parent): (&Path, &Path, u32),
    say: &dyn Fn(&str) -> io::Result<()>,
) -> Result<(), ExecError> {
    match serve(scratch, project, parent, say) {
        Ok(()) => Ok(()),
        Err((what, error)) => {
            // Nobody may listen any more.
            say(&format!("{what}: {error}").replace('\n', " ")).ok();
            Err(error).at(project)
        }
    }
}

type Step<T> = Result<T, (&'static str, io::Error)>;

fn serve(
    scratch: &Path,
    project: &Path,
    parent: u32,
    say: &dyn Fn(&str) -> io::Result<()>,
) -> Step<()> {
    let talk = |error| ("the conversation", error);
    ns::unshare().map_err(|error| ("a user namespace is refused", error))?;
    say(UNSHARED).map_err(talk)?;
    if !heard(MAPPED)? {
        return Ok(());
    }
    if parent != 0 {
        ns::end_with_parent(parent).map_err(|error| ("the parent", error))?;
    }
    ns::make_private().map_err(|error| ("a mount namespace is refused", error))?;
    try_layer(scratch, project).map_err(|error| ("an overlay is refused", error))?;
    say(WORKS).map_err(talk)?;
    while let Some(line) = listen().map_err(talk)? {
        if let Some(layer) = line.strip_prefix(MOUNT).map(str::trim_start) {
            layer::put_over(Path::new(layer), project)?;
            say(READY).map_err(talk)?;
        }
    }
    Ok(())
}

fn heard(word: &str) -> Step<bool> {
    let line = listen().map_err(|error| ("the conversation", error))?;
    Ok(line.as_deref() == Some(word))
}

/// Mounts a layer aside, looks whether the project shows through, and takes it away.
fn try_layer(scratch: &Path, project: &Path) -> io::Result<()> {
    let merged = scratch.join(MERGED);
    layer::mount(scratch, project, &merged)?;
    let looked = Dir::open(&merged).and_then(|dir| dir.entries()).map(drop);
    // The handle of the look is closed by now.
    ns::take_away(&merged)?;
    looked
}
