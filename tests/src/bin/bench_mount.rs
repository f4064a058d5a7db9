//! Our half of `tests/bench/mount.sh`. Each command prints one line of JSON.
//!
//! `generate DIR FILES SPARE` makes a directory of files, always the same; with SPARE
//! above 0 a `node_modules` of so many MB too. `copy DIR STATE` copies a project, looks
//! for changes after one was made, and disposes another copy. `edit DIR STATE ROUNDS`
//! writes two files that exist and restores them, again and again.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use exec_native::os::durable;
use exec_native::{ApplyOptions, DisposeReport, Run, RunHandle, StateHome};
use plan_core::effect::{ActionKind, ActionList, Content, Document, Phase, View, WriteMode};
use rustix::time::{ClockId, clock_gettime};
use tests::repo::Answer;

const USAGE: &str =
    "usage: bench_mount generate DIR FILES SPARE | copy DIR STATE | edit DIR STATE ROUNDS";
/// How many files a directory has.
const FILES_PER_DIR: u64 = 16;
const SPARE_FILES: u64 = 50_000;

fn main() -> Answer<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let line = match *words {
        ["generate", dir, files, spare] => {
            generate(Path::new(dir), files.parse()?, spare.parse()?)?;
            String::from("{}")
        }
        ["copy", dir, state] => copy(Path::new(dir), &StateHome::at(state))?,
        ["edit", dir, state, rounds] => {
            edit(Path::new(dir), &StateHome::at(state), rounds.parse()?)?
        }
        _ => return Err(USAGE.into()),
    };
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A size between 200 bytes and 20 KiB, small ones more often.
    fn size(&mut self) -> usize {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes need no precision"
        )]
        let size =
            (200.0 * (20_480.0_f64 / 200.0).powf(self.next() as f64 / u64::MAX as f64)) as usize;
        size
    }
}

fn generate(root: &Path, files: u64, spare: u64) -> Answer<()> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let text = "The quick brown fox jumps over the lazy dog. 0123456789\n".repeat(400);
    for file in 0..files {
        let dir = file / FILES_PER_DIR;
        let dir = root.join(format!("src/m{:03}/p{dir:05}", dir / 25));
        fs::create_dir_all(&dir)?;
        let size = numbers.size();
        fs::write(
            dir.join(format!("file{file:06}.ts")),
            text.get(..size).ok_or("text")?,
        )?;
    }
    let each = usize::try_from((spare << 20) / SPARE_FILES)?;
    for file in 0..if spare > 0 { SPARE_FILES } else { 0 } {
        let dir = root.join(format!("node_modules/p{:04}", file / FILES_PER_DIR));
        fs::create_dir_all(&dir)?;
        fs::write(
            dir.join(format!("file{file:06}.js")),
            text.get(..each).ok_or("text")?,
        )?;
    }
    Ok(())
}

/// Wall and processor time in milliseconds.
struct Meter(Instant, f64);

impl Meter {
    fn start() -> Self {
        Self(Instant::now(), processor())
    }

    fn stop(&self, name: &str, out: &mut String) -> Answer<()> {
        let (wall, cpu) = (self.0.elapsed().as_secs_f64() * 1e3, processor() - self.1);
        write!(out, "\"{name}\":{{\"wall\":{wall:.3},\"cpu\":{cpu:.3}}},")?;
        Ok(())
    }
}

/// What this process and its threads used so far.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds need none")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds * 1e3
}

fn peak_kib() -> Answer<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM")?.parse()?)
}

fn copied(dir: &Path, state: &StateHome) -> Answer<RunHandle> {
    let run = Run::begin(state, dir)?;
    let mut list = ActionList::new();
    let text = |path: &Path| path.to_str().map(String::from).ok_or("a path is no text");
    list.push(
        Phase::Mount,
        ActionKind::Mount {
            from: text(dir)?,
            to: text(&run.mount_dir())?,
            view: View::Copy,
            ignored: Vec::new(),
            readonly: Vec::new(),
            include_git: true,
        },
    );
    Ok(run.apply(&list, &ApplyOptions::default())?)
}

fn copy(dir: &Path, state: &StateHome) -> Answer<String> {
    let mut out = String::from("{");
    let meter = Meter::start();
    let first = copied(dir, state)?;
    meter.stop("create", &mut out)?;
    let peak = peak_kib()?;
    fs::write(first.cwd().join("added"), "work")?;
    let meter = Meter::start();
    let report = first.dispose();
    meter.stop("detect", &mut out)?;
    let kept = report.leftover.clone().ok_or("the work was not kept")?;
    fs::remove_dir_all(kept)?;
    let second = copied(dir, state)?;
    let meter = Meter::start();
    check(&second.dispose())?;
    meter.stop("dispose", &mut out)?;
    write!(out, "\"rss\":{peak},\"all\":{}}}", peak_kib()?)?;
    Ok(out)
}

fn check(report: &DisposeReport) -> Answer<()> {
    if report.is_clean() && report.leftover.is_none() {
        return Ok(());
    }
    Err(format!("not clean: {report:?}").into())
}

fn edit(dir: &Path, state: &StateHome, rounds: usize) -> Answer<String> {
    fs::write(dir.join("opencode.json"), "{\"theme\":\"system\"}\n")?;
    fs::write(dir.join("AGENTS.md"), "word ".repeat(820))?;
    let write = |name: &str, how: WriteMode, text: String| -> Answer<ActionKind> {
        Ok(ActionKind::WriteFile {
            path: dir.join(name).to_str().ok_or("a path is no text")?.into(),
            below: dir.to_str().ok_or("a path is no text")?.into(),
            over: None,
            how,
            content: Content::Document(Document::text(text)),
            private: false,
        })
    };
    let mut list = ActionList::new();
    let config = write("opencode.json", WriteMode::Overwrite, "{}".into())?;
    list.push(Phase::ConfigFiles, config);
    let sidecar = write("AGENTS.md", WriteMode::Extend, "rule ".repeat(820))?;
    list.push(Phase::Sidecars, sidecar);
    let (mut execute, mut dispose) = (Vec::new(), Vec::new());
    let (cpu, flushed) = (processor(), durable::flushes());
    for _ in 0..rounds {
        let started = Instant::now();
        let handle = Run::begin(state, dir)?.apply(&list, &ApplyOptions::default())?;
        execute.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        check(&handle.dispose())?;
        dispose.push(started.elapsed().as_secs_f64() * 1e3);
    }
    #[expect(clippy::cast_precision_loss, reason = "a mean needs none")]
    let (cpu, flushes) = (
        (processor() - cpu) / rounds as f64,
        (durable::flushes() - flushed) as f64 / rounds as f64,
    );
    let mut out = String::new();
    write!(
        out,
        "{{\"execute\":{:.4},\"dispose\":{:.4},",
        middle(execute)?,
        middle(dispose)?
    )?;
    write!(out, "\"cpu\":{cpu:.4},\"flushes\":{flushes:.2}}}")?;
    Ok(out)
}

fn middle(mut times: Vec<f64>) -> Answer<f64> {
    times.sort_by(f64::total_cmp);
    Ok(*times.get(times.len() / 2).ok_or("no rounds")?)
}
