//! Running programs.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use plan_core::base::path::join;
use plan_core::base::text::shell_join;
use plan_core::effect::{RemoveTrees, Undo};

use super::copy_tree::manifest_name;
use super::write_file::parents_to_make;
use super::{Bench, Prepared};
use crate::apply::manifest::Manifest;
use crate::error::{CommandFailure, ExecError, ExecErrorKind, IoResultExt as _};
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
    let (mut paths, mut existed) = (Vec::new(), Vec::new());
    let mut dirs = BTreeSet::new();
    for path in creates.iter().map(|path| join(cwd, path)) {
        let place = resolve(Path::new(cwd), Path::new(&path)).at(&path)?;
        let there = place.map(|place| place.dir.stat(&place.name)).transpose();
        if there.at(&path)?.flatten().is_some() {
            existed.push(path);
        } else {
            dirs.extend(parents_to_make(cwd, &path)?);
            paths.push(path);
        }
    }
    for path in &existed {
        let note = format!("{path} existed before the command and stays when the run ends");
        bench.notes.borrow_mut().push(note);
    }
    let undo = RemoveTrees {
        below: cwd.to_owned(),
        paths,
        existed,
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

impl Prepared for RunCommand {
    fn undo(&self) -> Undo {
        Undo::RemoveTrees(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let (log, mark) = (bench.run.log(bench.id), bench.run.mark());
        let job = Job {
            argv: &self.argv,
            cwd: Path::new(&self.cwd),
            env: bench.options.command_env.as_ref(),
            log: &log,
            mark: &mark,
            limit: bench.options.command_limit,
            cancel: &bench.options.cancel,
        };
        match proc::run(&job) {
            Ok(ended) => self.judge(&ended, &log)?,
            Err(error) => return Err(self.not_started(error)),
        }
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

impl RunCommand {
    fn judge(&self, ended: &Ended, log: &Path) -> Result<(), ExecError> {
        let line = shell_join(&self.argv);
        let (kind, how) = match ended.stopped {
            None if ended.code == 0 => return Ok(()),
            None => (
                ExecErrorKind::Failed,
                format!("failed (exit {})", ended.code),
            ),
            Some(Stopped::Limit) => (ExecErrorKind::Failed, "took too long".into()),
            Some(Stopped::Cancelled(signal)) => {
                (ExecErrorKind::Cancelled(signal), "was stopped".into())
            }
        };
        let failure = CommandFailure {
            code: ended.code,
            output: String::from_utf8_lossy(&ended.tail).into_owned(),
            log: log.to_owned(),
        };
        let hint = format!("its whole output is in {}", log.display());
        let error = ExecError::new(kind, format!("`{line}` {how}"));
        Err(error.with_command(failure).hint(hint))
    }

    fn not_started(&self, error: io::Error) -> ExecError {
        let program = self.argv.first().map_or("", |program| program);
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ExecErrorKind::Missing,
            _ => ExecErrorKind::Failed,
        };
        let message = format!("`{program}` could not be run: {error}");
        ExecError::new(kind, message).because(error)
    }
}
