//! Calls of the binary that are stopped or failed at one system call, by strace.
#![expect(clippy::print_stdout, reason = "says what is skipped")]

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::program::{Call, Ended, Stage};
use crate::repo::Answer;
use crate::tree::{Tree, differences, tree};

/// The system calls that change files, start something or end something.
const CALLS: &[&str] = &[
    "chmod",
    "clone",
    "clone3",
    "connect",
    "copy_file_range",
    "creat",
    "fchmod",
    "fchmodat",
    "fchown",
    "fchownat",
    "ftruncate",
    "ioctl",
    "kill",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "mknodat",
    "open",
    "openat",
    "openat2",
    "pwrite64",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "setxattr",
    "symlink",
    "symlinkat",
    "truncate",
    "unlink",
    "unlinkat",
    "utimensat",
    "vfork",
    "write",
    "writev",
];

/// Returns the calls that this strace knows; `None` when it cannot be used.
fn known() -> Option<&'static str> {
    static KNOWN: OnceLock<Option<String>> = OnceLock::new();
    let ask = || {
        // A question mark leaves out what a machine does not have.
        let set: Vec<String> = CALLS.iter().map(|call| format!("?{call}")).collect();
        let set = set.join(",");
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={set}")]);
        let ended = strace.arg("true").output().ok()?;
        ended.status.success().then_some(set)
    };
    KNOWN.get_or_init(ask).as_deref()
}

/// Tells whether strace can be used, and says so when it cannot.
pub fn is_possible() -> bool {
    let possible = known().is_some();
    if !possible {
        println!("skipped: strace is not installed or may not trace here");
    }
    possible
}

/// A system call of a recorded call of the binary: the first, second, … of its name.
#[derive(Debug, Clone)]
pub struct Point {
    name: String,
    nth: usize,
    /// The call as strace shows it.
    pub line: String,
}

impl Point {
    /// Tells whether the call would take space.
    pub fn takes_space(&self) -> bool {
        let creates = [
            "mkdir",
            "mkdirat",
            "link",
            "linkat",
            "symlinkat",
            "copy_file_range",
        ];
        let named = creates.contains(&&*self.name) || self.name.contains("write");
        named || self.name.starts_with("open")
    }

    /// Tells whether the call is a record of the journal.
    pub fn is_record(&self) -> bool {
        self.name == "write" && self.line.contains("journal.log>")
    }
}

/// Runs a call and lists the system calls by which its main thread changed files, or started or
/// ended something.
pub fn points(stage: &Stage, call: Call) -> Answer<(Ended, Vec<Point>)> {
    let log = stage.path("trace");
    let log = log.to_str().ok_or("no text")?;
    let trace = format!("trace={}", known().ok_or("no strace")?);
    let ended = call
        .under(
            "strace",
            &["-qq", "-y", "-s", "60", "-o", log, "-e", &trace],
        )
        .run()?;
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    std::fs::remove_file(log)?;
    Ok((ended, parse(&text)))
}

fn parse(text: &str) -> Vec<Point> {
    let mut counts = std::collections::BTreeMap::new();
    let mut points = Vec::new();
    for line in text.lines() {
        let Some((name, arguments)) = line.split_once('(') else {
            continue;
        };
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        let nth = counts.entry(name.to_owned()).or_insert(0);
        *nth += 1;
        if changes(name, arguments) {
            points.push(Point {
                name: name.to_owned(),
                nth: *nth,
                line: line.to_owned(),
            });
        }
    }
    points
}

/// Tells whether a system call changed something: it succeeded, and it was more than a look.
fn changes(name: &str, arguments: &str) -> bool {
    if arguments.contains(") = -1 E") {
        return false;
    }
    match name {
        "open" | "openat" | "openat2" => arguments.contains("O_CREAT"),
        "ioctl" => arguments.contains("FICLONE"),
        // What is told goes to pipes.
        "write" | "writev" => arguments.contains("</") && !arguments.contains("<pipe:"),
        _ => true,
    }
}

/// Stops a call with SIGKILL just before it makes a system call.
pub fn killed_at(call: Call, point: &Point) -> Answer<Ended> {
    injected(call, &point.name, "signal=SIGKILL", point.nth)
}

/// Lets one system call of a call fail.
pub fn failed_at(call: Call, point: &Point, error: &str) -> Answer<Ended> {
    injected(call, &point.name, &format!("error={error}"), point.nth)
}

/// Stops a call just before its nth system call of one kind that changes files.
pub fn killed_somewhere(call: Call, nth: usize) -> Answer<Ended> {
    let set = "write,mkdirat,unlinkat,renameat,?renameat2,linkat,symlinkat,fchmod,fsync";
    injected(call, set, "signal=SIGKILL", nth)
}

fn injected(call: Call, set: &str, what: &str, nth: usize) -> Answer<Ended> {
    let (trace, inject) = (
        format!("trace={set}"),
        format!("inject={set}:{what}:when={nth}"),
    );
    let tool = ["-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    call.under("strace", &tool).run()
}

/// What a sweep went through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// How often the call was stopped.
    pub points: usize,
    /// How many of these were records of the journal.
    pub records: usize,
    /// How often the recovery was stopped as well.
    pub recoveries: usize,
}

/// A call of the binary that is stopped at every system call by which it changes files.
/// Afterwards recovery is stopped once, then runs to its end.
#[derive(Debug)]
pub struct Sweep<'s> {
    /// Where the call runs.
    pub stage: &'s Stage,
    /// Arguments of the call.
    pub arguments: &'s [&'s str],
    /// Whether the project must be as it was even before recovery.
    pub never_touched: bool,
}

impl Sweep<'_> {
    fn call(&self) -> Answer<Call> {
        self.stage.call(self.arguments)
    }

    /// Goes through the points and complains of the first after which anything differs.
    pub fn run(&self) -> Answer<Swept> {
        let before = tree(&self.stage.project())?;
        let (ended, points) = points(self.stage, self.call()?)?;
        if ended.code() != Some(0) {
            return Err(format!("it fails by itself: {}", ended.stderr()).into());
        }
        let mut swept = Swept::default();
        for (place, point) in points.iter().enumerate() {
            let ended = killed_at(self.call()?, point)?;
            let at = |problem: String| format!("killed at {}\n{problem}", point.line);
            if ended.code().is_none() {
                swept.points += 1;
                swept.records += usize::from(point.is_record());
            } else if ended.code() != Some(0) {
                return Err(at(format!("{:?}: {}", ended.code(), ended.stderr())).into());
            }
            if self.never_touched {
                self.compare(&before)
                    .map_err(|problem| at(problem.to_string()))?;
            }
            let recover = self.stage.call(&["recover"])?;
            let stopped = killed_somewhere(recover, 1 + place % 6)?;
            swept.recoveries += usize::from(stopped.code().is_none());
            self.recover(&before)
                .map_err(|problem| at(problem.to_string()))?;
        }
        Ok(swept)
    }

    /// Recovers and compares.
    pub fn recover(&self, before: &Tree) -> Answer<()> {
        let ended = self.stage.call(&["recover"])?.run()?;
        if ended.code() != Some(0) {
            return Err(format!("recovery: {:?} {}", ended.code(), ended.stderr()).into());
        }
        self.compare(before)?;
        clear_interrupted(self.stage)?;
        let left = runs(&self.stage.path("state/runs"))?;
        if left.is_empty() {
            return Ok(());
        }
        Err(format!("left in the state directory: {left:?}").into())
    }

    fn compare(&self, before: &Tree) -> Answer<()> {
        let found = differences(before, &tree(&self.stage.project())?);
        if found.is_empty() {
            return Ok(());
        }
        Err(found.join("\n").into())
    }
}

/// Clears away what is left of runs that were interrupted in an installer: what stood in its
/// place is kept until then.
pub fn clear_interrupted(stage: &Stage) -> Answer<()> {
    let place = stage.path("state/runs");
    let left = runs(&place)?;
    let is_kept = |run: &String| place.join(run).join("interrupted").is_dir();
    if left.is_empty() || !left.iter().all(is_kept) {
        return Ok(());
    }
    let cleared = stage.call(&["gc", "--older-than", "0"])?.run()?;
    match cleared.code() {
        Some(0) => Ok(()),
        code => Err(format!("gc: {code:?} {}", cleared.stderr()).into()),
    }
}

/// Lists the runs of a state directory, and what is left of runs.
pub fn runs(dir: &Path) -> Answer<Vec<String>> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Ok(Vec::new());
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    Ok(names.filter(|name| name != ".gate").collect())
}
