//! The process environment.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use plan_core::effect::is_inherited;

use super::proc::Cancel;

/// Returns a variable that is set to text and not empty.
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Returns a variable as it is set, also to nothing.
pub fn raw(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Returns every variable that is text, sorted by name.
pub fn vars() -> Vec<(String, String)> {
    let pairs = std::env::vars_os();
    let texts =
        pairs.map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    let mut vars: Vec<_> = texts.flatten().collect();
    vars.sort();
    vars
}

/// Variables of a process. Their values may be secrets and are not printed.
#[derive(Clone)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Returns those that a program gets when nobody says otherwise, and those named.
    pub fn inherited(&self, more: &[String]) -> BTreeMap<String, String> {
        let passed = |name: &String| is_inherited(name) || more.contains(name);
        let vars = self.0.iter().filter(|(name, _)| passed(name));
        vars.map(|(name, text)| (name.clone(), text.clone()))
            .collect()
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(vars: I) -> Self {
        Self(vars.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// Returns the variables that a program gets when nobody says otherwise.
pub fn safe_vars() -> BTreeMap<String, String> {
    Variables::from_iter(vars()).inherited(&[])
}

/// Returns the user's home directory.
pub fn home_dir() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// Returns the name of this machine.
pub fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// Returns the working directory.
///
/// # Errors
/// The directory is gone or may not be read.
pub fn current_dir() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// Reads standard input to its end.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_stdin() -> std::io::Result<String> {
    std::io::read_to_string(std::io::stdin())
}

/// Reads a line of standard input.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// Tells whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// Returns how many letters a line of standard error's terminal has.
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// Waits until standard input ends or a signal asks to stop, or has asked already;
/// returns the signal.
///
/// # Errors
/// A signal handler cannot be installed.
pub fn wait_for_end_of_input(cancel: &Cancel) -> std::io::Result<Option<i32>> {
    use std::io::Read as _;
    use std::sync::mpsc::{RecvTimeoutError, channel};

    let signals = super::spawn::Signals::listen()?;
    let (sender, ended) = channel::<()>();
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        // An input that cannot be read has ended for us.
        while std::io::stdin()
            .read(&mut chunk)
            .is_ok_and(|count| count > 0)
        {}
        drop(sender);
    });
    loop {
        if let Some(signal) = signals.take().or_else(|| cancel.asked()) {
            return Ok(Some(signal));
        }
        let wait = std::time::Duration::from_millis(25);
        if ended.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return Ok(None);
        }
    }
}

/// Waits until a signal asks to stop, or has asked already.
///
/// # Errors
/// A signal handler cannot be installed.
pub fn wait_for_signal(cancel: &Cancel) -> std::io::Result<i32> {
    let signals = super::spawn::Signals::listen()?;
    loop {
        if let Some(signal) = signals.take().or_else(|| cancel.asked()) {
            return Ok(signal);
        }
        super::clock::rest(std::time::Duration::from_millis(25));
    }
}

/// Returns the arguments of this process up to the first `--`.
pub fn arguments() -> impl Iterator<Item = String> {
    let arguments = std::env::args_os().skip(1);
    arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .take_while(|argument| argument != "--")
}
