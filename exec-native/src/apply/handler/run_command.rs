//! Running programs. What stands where a program will create something is moved into the
//! run's blobs first and returns when the run ends: nothing of the user's is overwritten.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use plan_core::base::path::join;
use plan_core::base::text::shell_join;
use plan_core::effect::{MoveBack, RemoveTrees, Undo};

use super::copy_tree::manifest_name;
use super::remove;
use super::write_file::parents_to_make;
use super::{Bench, Prepared};
use crate::apply::inject::{Moment, Steps};
use crate::apply::manifest::Manifest;
use crate::apply::options::Event;
use crate::error::{CommandFailure, ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::env::safe_vars;
use crate::os::fs::{is_dir, resolve};
use crate::os::proc::{self, Ended, Job, Stopped};

pub(super) struct RunCommand {
    argv: Vec<String>,
    cwd: String,
    undo: RemoveTrees,
}

pub(super) fn prepare(
    bench: &Bench<'_>,
    argv: &[String],
    cwd: &str,
    creates: &[String],
) -> Result<RunCommand, ExecError> {
    if !is_dir(Path::new(cwd)) {
        let message = "the directory to run in does not exist";
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(cwd));
    }
    let (mut paths, mut aside) = (Vec::new(), Vec::new());
    let mut dirs = BTreeSet::new();
    for path in creates.iter().map(|path| join(cwd, path)) {
        let place = resolve(Path::new(cwd), Path::new(&path)).at(&path)?;
        let there = place.map(|place| place.dir.stat(&place.name)).transpose();
        if there.at(&path)?.flatten().is_some() {
            aside.push(put_aside(bench, &path, cwd, aside.len()));
        } else {
            dirs.extend(parents_to_make(cwd, &path)?);
        }
        paths.push(path);
    }
    let undo = RemoveTrees {
        below: cwd.to_owned(),
        paths,
        existed: Vec::new(),
        aside: Some(aside).filter(|aside| !aside.is_empty()),
        // A parent sorts before what lies in it.
        dirs: dirs.into_iter().collect(),
        manifest: manifest_name(bench.id),
    };
    Ok(RunCommand {
        argv: argv.to_owned(),
        cwd: cwd.to_owned(),
        undo,
    })
}

/// Plans to put something aside. It moves away until the run ends; where what the program
/// makes is asked to stay, the program may as well work on it, and a copy is kept.
fn put_aside(bench: &Bench<'_>, path: &str, cwd: &str, number: usize) -> MoveBack {
    let (note, blob) = if bench.options.cleanup_skills_on_dispose {
        let note = format!("{path} exists; it is put aside until the run ends");
        (note, remove::aside_name(bench.id, number))
    } else {
        let note = format!("{path} exists; if an installer changes it, a copy is kept");
        (note, remove::copy_name(bench.id, number))
    };
    bench.notes.borrow_mut().push(note);
    MoveBack {
        path: path.to_owned(),
        below: cwd.to_owned(),
        blob,
    }
}

impl Prepared for RunCommand {
    fn undo(&self) -> Undo {
        Undo::RemoveTrees(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let steps = Steps::new(bench.options.faults, Moment::WithinAction);
        for original in self.undo.aside.iter().flatten() {
            if bench.options.cleanup_skills_on_dispose {
                remove::move_away(bench, original, &steps)?;
            } else {
                remove::copy_aside(bench, original)?;
            }
        }
        let (log, mark) = (bench.run.log(bench.id), bench.run.mark());
        let safe = safe_vars();
        let options = bench.options;
        let job = Job {
            argv: &self.argv,
            cwd: Path::new(&self.cwd),
            env: Some(options.command_env.as_ref().unwrap_or(&safe)),
            log: &log,
            mark: &mark,
            limit: options.command_limit,
            cancel: &options.cancel,
            guard: options.program.as_deref(),
            line: &|line| {
                options.tell(&Event::Output {
                    action: Some(bench.id),
                    line,
                });
            },
        };
        run_to_success(&job)?;
        let mut manifest = Manifest::default();
        for path in &self.undo.paths {
            let at = Path::new(path);
            if let Some(place) = resolve(Path::new(&self.cwd), at).at(at)? {
                let below = at.strip_prefix(&self.cwd).unwrap_or(at);
                manifest.capture(&place, below).at(at)?;
            }
        }
        manifest.save(&bench.run.blobs, &self.undo.manifest)?;
        Ok(None)
    }
}

/// Runs a program that must succeed.
///
/// # Errors
/// It cannot be started, failed, took too long or was stopped; the error has the last
/// part of its output and names its log.
pub(crate) fn run_to_success(job: &Job<'_>) -> Result<(), ExecError> {
    match proc::run(job) {
        Ok(ended) => judge(job, &ended),
        Err(error) => Err(not_started(job, error)),
    }
}

fn judge(job: &Job<'_>, ended: &Ended) -> Result<(), ExecError> {
    let line = shell_join(job.argv);
    let (kind, how) = match ended.stopped {
        None if ended.code == 0 => return Ok(()),
        None => (
            ExecErrorKind::Failed,
            format!("failed (exit {})", ended.code),
        ),
        Some(Stopped::Limit) => {
            let seconds = job.limit.unwrap_or_default().as_secs_f64();
            let how = format!("took too long: it was ended after {seconds} s");
            (ExecErrorKind::Failed, how)
        }
        Some(Stopped::Cancelled(signal)) => {
            (ExecErrorKind::Cancelled(signal), "was stopped".into())
        }
    };
    let failure = CommandFailure {
        argv: job.argv.to_owned(),
        code: ended.code,
        output: String::from_utf8_lossy(&ended.tail).into_owned(),
        log: job.log.to_owned(),
    };
    let hint = format!("its whole output is in {}", job.log.display());
    let error = ExecError::new(kind, format!("`{line}` {how}"));
    Err(error.with_command(failure).hint(hint))
}

fn not_started(job: &Job<'_>, error: io::Error) -> ExecError {
    let program = job.argv.first().map_or("", |program| program);
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ExecErrorKind::Missing,
        _ => ExecErrorKind::Failed,
    };
    let message = format!("`{program}` could not be run: {error}");
    ExecError::new(kind, message).because(error)
}
