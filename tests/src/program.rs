//! The real binary, in a project, a home and a state directory of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use plan_core::base::json::{self, Value};
use tempfile::TempDir;

use crate::repo::{Answer, cargo_text};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(8);

/// Returns the binary: what `CALLSHEET` names, or the one that cargo builds.
pub fn callsheet() -> Answer<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = || built("CALLSHEET", ["exec-native", "callsheet"]);
    let binary = BINARY.get_or_init(|| built().map_err(|error| error.to_string()));
    binary.as_deref().map_err(|error| error.clone().into())
}

/// Returns the stand-in agent: what `STAND_IN` names, or the one that cargo builds.
pub fn stand_in() -> Answer<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = || built("STAND_IN", ["examples", "stand-in"]);
    let binary = BINARY.get_or_init(|| built().map_err(|error| error.to_string()));
    binary.as_deref().map_err(|error| error.clone().into())
}

fn built(variable: &str, [package, binary]: [&str; 2]) -> Answer<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(PathBuf::from(named));
    }
    cargo_text(&["build", "--quiet", "-p", package, "--bin", binary])?;
    let metadata = cargo_text(&["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata = json::read(&metadata)?;
    let target = metadata.get_str("target_directory");
    let target = target.ok_or("cargo names no target directory")?;
    Ok(Path::new(target).join("debug").join(binary))
}

/// Tells whether the tests run as root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// A place to run the binary in. Everything that it may write lies below one
/// directory.
#[derive(Debug)]
pub struct Stage {
    dir: TempDir,
    /// The user that everything runs as, when it is not ours, with a binary to run.
    user: Option<(u32, TempDir)>,
    variables: Vec<(String, OsString)>,
}

impl Stage {
    /// Creates an empty project with a home, a state directory and a `bin` on the path.
    pub fn new() -> Answer<Self> {
        let dir = tempfile::Builder::new().prefix("callsheet-it-").tempdir()?;
        for name in ["project", "home", "state", "bin"] {
            fs::create_dir(dir.path().join(name))?;
        }
        Ok(Self {
            dir,
            user: None,
            variables: Vec::new(),
        })
    }

    /// Gives everything to a user without rights, who then runs every call. Only root
    /// can do that.
    pub fn owned_by(mut self, user: u32) -> Answer<Self> {
        let bin = TempDir::new()?;
        fs::copy(callsheet()?, bin.path().join("callsheet"))?;
        fs::set_permissions(bin.path(), fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755))?;
        give(self.dir.path(), user)?;
        self.user = Some((user, bin));
        Ok(self)
    }

    /// Tells whether a command can be run on this machine.
    pub fn can(command: &[&str]) -> bool {
        let Some((program, arguments)) = command.split_first() else {
            return false;
        };
        let ended = Command::new(program).args(arguments).output();
        ended.is_ok_and(|ended| ended.status.success())
    }

    /// Returns a path below the whole place.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Returns the project.
    pub fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// Writes a file of the project.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Answer<Self> {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, content)?;
        Ok(self)
    }

    /// Makes a symbolic link in the project.
    pub fn link(self, path: &str, target: &str) -> Answer<Self> {
        symlink(target, self.project().join(path))?;
        Ok(self)
    }

    /// Puts a shell script on the path.
    pub fn script(self, name: &str, body: &str) -> Answer<Self> {
        let path = self.path("bin").join(name);
        // A name of its own until it is whole: a file open for writing cannot be run.
        let draft = self.path("draft");
        fs::write(&draft, format!("#!/bin/sh\n{body}\n"))?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755))?;
        fs::rename(draft, path)?;
        Ok(self)
    }

    /// Sets a variable for all calls.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Starts a call of the binary in the project.
    pub fn call(&self, arguments: &[&str]) -> Answer<Call> {
        let mut command = match &self.user {
            Some((user, bin)) => {
                let mut command = Command::new(bin.path().join("callsheet"));
                command.uid(*user).gid(*user);
                command
            }
            None => Command::new(callsheet()?),
        };
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        command
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("CALLSHEET_STATE_HOME", self.path("state"))
            .envs(self.variables.iter().cloned());
        Ok(Call {
            command,
            stdin: None,
        })
    }

    /// Returns every entry below the whole place: its mode and its content. The lock
    /// that runs share says nothing about any of them.
    pub fn snapshot(&self) -> Answer<BTreeMap<PathBuf, String>> {
        let mut entries = BTreeMap::new();
        record(self.dir.path(), &mut entries)?;
        for shared in ["state/runs/.gate", "state/runs"] {
            entries.remove(&self.path(shared));
        }
        Ok(entries)
    }

    /// As [`Stage::snapshot`], without the home, where scripts leave their notes.
    pub fn traces(&self) -> Answer<BTreeMap<PathBuf, String>> {
        let mut entries = self.snapshot()?;
        let home = self.path("home");
        entries.retain(|path, _| !path.starts_with(&home));
        Ok(entries)
    }

    /// As [`Stage::snapshot`], of the project alone: a failed command's output is kept
    /// in the state directory.
    pub fn tree(&self) -> Answer<BTreeMap<PathBuf, String>> {
        let mut entries = self.snapshot()?;
        let project = self.project();
        entries.retain(|path, _| path.starts_with(&project));
        Ok(entries)
    }

    /// Reads what a script noted in the home.
    pub fn note(&self, name: &str) -> Answer<String> {
        let path = self.path("home").join(name);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Leaves a note in the home.
    pub fn leave(&self, name: &str) -> Answer<()> {
        Ok(fs::write(self.path("home").join(name), "")?)
    }

    /// Waits until something holds.
    pub fn until(&self, holds: impl Fn(&Self) -> Answer<bool>) -> Answer<()> {
        wait(|| Ok(holds(self)?.then_some(())))
    }

    /// Waits until a script has left a note in the home.
    pub fn wait_for(&self, name: &str) -> Answer<()> {
        let path = self.path("home").join(name);
        wait(|| Ok(path.exists().then_some(()))).map_err(|_| format!("no note `{name}`").into())
    }
}

fn give(path: &Path, user: u32) -> Answer<()> {
    lchown(path, Some(user), Some(user))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(())
}

fn record(at: &Path, entries: &mut BTreeMap<PathBuf, String>) -> Answer<()> {
    for entry in fs::read_dir(at)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        let mode = metadata.permissions().mode();
        let content = if metadata.is_dir() {
            record(&path, entries)?;
            String::new()
        } else if metadata.is_symlink() {
            fs::read_link(&path)?.display().to_string()
        } else {
            plan_core::base::digest::of_bytes(&fs::read(&path).unwrap_or_default())
        };
        entries.insert(path, format!("{mode:o} {content}"));
    }
    Ok(())
}

/// Asks again and again until there is an answer.
fn wait<T>(mut question: impl FnMut() -> Answer<Option<T>>) -> Answer<T> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(answer) = question()? {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err("it took too long".into())
}

/// A call of the binary that is put together.
#[derive(Debug)]
pub struct Call {
    command: Command,
    stdin: Option<String>,
}

impl Call {
    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Starts the call in a directory.
    #[must_use]
    pub fn at(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Takes every variable away.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.command.arg(argument.into());
        self
    }

    /// Runs the call under a tool, such as a tracer.
    #[must_use]
    pub fn under(mut self, tool: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(tool);
        command
            .args(arguments)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear();
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        if let Some(dir) = self.command.get_current_dir() {
            command.current_dir(dir);
        }
        self.command = command;
        self
    }

    /// Gives a text to read.
    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// Starts the call.
    pub fn start(mut self) -> Answer<Running> {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        // Without a text the input stays open until `end`.
        if let Some(text) = &self.stdin
            && let Some(mut stdin) = child.stdin.take()
        {
            stdin.write_all(text.as_bytes())?;
        }
        Ok(Running {
            child,
            stdout,
            stderr,
        })
    }

    /// Runs the call to its end.
    pub fn run(self) -> Answer<Ended> {
        self.start()?.end()
    }
}

/// Reads a stream aside, so that no pipe fills up.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (done, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What came before an error is what there is.
            stream.read_to_end(&mut bytes).ok();
        }
        // Whoever asked may have given up.
        done.send(bytes).ok();
    });
    receiver
}

/// A call that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

impl Running {
    /// Returns the call's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by its name.
    pub fn signal(&self, name: &str) -> Answer<()> {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status()?;
        if !status.success() {
            return Err("no such process".into());
        }
        if name != "KILL" {
            return Ok(());
        }
        // It holds its locks until the kernel has ended it, on a busy machine a while later.
        wait(|| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let state = stat
                .rsplit_once(") ")
                .map(|(_, rest)| rest.starts_with('Z'));
            Ok(state.unwrap_or(true).then_some(()))
        })
    }

    /// Closes what the call reads, and waits for its end.
    pub fn end(mut self) -> Answer<Ended> {
        drop(self.child.stdin.take());
        self.ended()
    }

    /// Waits for the call's end; what it reads stays open until then.
    pub fn ended(mut self) -> Answer<Ended> {
        let stdin = self.child.stdin.take();
        let child = &mut self.child;
        let ended = wait(|| Ok(child.try_wait()?));
        if ended.is_err() {
            child.kill()?;
        }
        drop(stdin);
        // A program that outlived the call may hold its pipes.
        let read = |stream: Receiver<Vec<u8>>| {
            let bytes = stream.recv_timeout(PATIENCE);
            bytes.map_err(|_| "a program that was left behind holds a pipe")
        };
        Ok(Ended {
            status: ended?,
            stdout: read(self.stdout)?,
            stderr: read(self.stderr)?,
        })
    }
}

/// A call that is over.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Ended {
    /// Returns the exit code; a signal that killed the call gives none.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns what was printed.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns what was told on standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns the envelope that was printed.
    pub fn envelope(&self) -> Answer<Value<'static>> {
        let text = self.stdout();
        let value = json::read(&text).map_err(|error| format!("{error}: {text}"))?;
        Ok(value.to_owned_value())
    }

    /// Tells whether standard error says something, however its lines are broken.
    pub fn says(&self, fragment: &str) -> bool {
        squeezed(&self.stderr()).contains(&squeezed(fragment))
    }
}

/// Leaves out what depends on the width of the terminal.
fn squeezed(text: &str) -> String {
    let frame = |letter: char| letter.is_whitespace() || "│╭╰─·".contains(letter);
    text.chars().filter(|letter| !frame(*letter)).collect()
}
