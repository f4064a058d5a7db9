//! What a process gets: arguments, environment, directory, standard input, files.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

/// The surroundings of one start.
#[derive(Debug, Clone)]
pub struct Host {
    /// The name that the program was called by, without directory and extension.
    pub name: String,
    /// The arguments behind it.
    pub args: Vec<String>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The working directory.
    pub cwd: PathBuf,
}

impl Host {
    /// Collects what this process got.
    pub fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let mut args = env::args_os().map(text);
        let name = args.next().unwrap_or_default();
        let stem = Path::new(&name).file_stem();
        Self {
            name: stem.map_or_else(String::new, |stem| text(stem.to_owned())),
            args: args.collect(),
            env: env::vars_os()
                .map(|(key, value)| (text(key), text(value)))
                .collect(),
            cwd: env::current_dir().unwrap_or_default(),
        }
    }

    /// Returns an environment variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        let value = self.env.get(name)?.as_str();
        (!value.is_empty()).then_some(value)
    }

    /// Returns the home directory.
    pub fn home(&self) -> PathBuf {
        PathBuf::from(self.var("HOME").unwrap_or("/nonexistent"))
    }

    /// Reads standard input to its end, unless a person types there.
    pub fn stdin(&self) -> String {
        let mut bytes = Vec::new();
        if !io::stdin().is_terminal() {
            // A closed standard input reads as an empty one.
            drop(io::stdin().read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Tells whether a person sits at both ends.
    pub fn is_terminal(&self) -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Reads a file named relative to the working directory.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        fs::read_to_string(self.cwd.join(path)).ok()
    }

    /// Reads an option that is a file or the text itself.
    pub fn text_or_file(&self, value: &str) -> Option<String> {
        if value.trim_start().starts_with('{') {
            return Some(value.to_owned());
        }
        self.read(value)
    }

    /// Lists the names in a directory below which `SKILL.md` lies, sorted.
    pub fn skills_in(&self, dir: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.cwd.join(dir)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join("SKILL.md").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    }

    /// Reads the files of a directory that have an extension, in the order of their names.
    pub fn texts_in(&self, dir: impl AsRef<Path>, extension: &str) -> Vec<String> {
        let entries = fs::read_dir(self.cwd.join(dir)).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        paths.sort_unstable();
        paths.iter().filter_map(|path| self.read(path)).collect()
    }

    /// Tells whether a program can be started.
    pub fn has_program(&self, program: &str) -> bool {
        if program.contains('/') {
            return self.cwd.join(program).is_file();
        }
        let path = self.var("PATH").unwrap_or_default();
        env::split_paths(path).any(|dir| dir.join(program).is_file())
    }

    /// Tells whether the process belongs to the administrator.
    pub fn is_root(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
        }
        #[cfg(not(unix))]
        false
    }

    /// Tells whether the working directory lies in a git repository.
    pub fn is_repository(&self) -> bool {
        self.cwd.ancestors().any(|dir| dir.join(".git").exists())
    }

    /// Makes an id in the form of a UUID.
    pub fn session_id(&self) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let tail = u64::from(std::process::id()) << 16 | u64::from(now.subsec_micros() & 0xffff);
        let seconds = now.as_secs() & 0xffff_ffff;
        format!("{seconds:08x}-57a4-4d10-8000-{tail:012x}")
    }

    /// Returns the time in milliseconds, for events that carry it.
    pub fn millis(&self) -> f64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        (now.as_secs_f64() * 1000.0).floor()
    }
}
