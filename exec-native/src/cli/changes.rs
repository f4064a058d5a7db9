//! `callsheet changes`, `apply`, `discard` and `revert`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use plan_core::base::json::Writer;

use super::Answer;
use super::output::{Output, Shape};
use super::run::kept;
use super::session::tell_kept;
use crate::changes::{
    ApplyChanges, BroughtBack, ChangeKind, ChangeSet, Conflict, Conflicts, apply_changes, changes,
    discard_changes, revert,
};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::env;
use crate::os::proc::Cancel;
use crate::os::signal::cancel_on_request;
use crate::state::{RunId, StateHome};

/// The exit code when there are changes to bring back.
const PENDING: u8 = 2;
/// The exit code when both versions of something were kept.
const CONFLICTS: u8 = 3;

/// Shows what was done in a run's view.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet changes r-01m7z5d68w-j19e318sf4
  callsheet changes r-01m7z5d68w-j19e318sf4 --json

Exit codes: 0 when there are none, 2 when there are some, 77 when the view is not the one
that the run made.")]
pub(super) struct ChangesCommand {
    /// The run.
    id: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What happens where the project has changed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// The project's version stays; the agent's is not brought back.
    Ours,
    /// The agent's version replaces the project's.
    Theirs,
    /// The project's version stays; the agent's is put beside it.
    KeepBoth,
}

/// Brings what was done in a run's view into the project.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
#[command(
    after_help = "All of it or nothing: a failure, or a crash, takes everything back. Commits come
as refs/callsheet/ID/… and touch no branch. `callsheet revert` takes it back later.

Examples:
  callsheet apply r-01m7z5d68w-j19e318sf4 --dry-run
  callsheet apply r-01m7z5d68w-j19e318sf4
  callsheet apply r-01m7z5d68w-j19e318sf4 --conflicts theirs src docs/plan.md

Exit codes: 0 when everything was brought back; 3 when both versions of something were
kept; 5 when another run works on the same files; 77 when a guard refused."
)]
pub(super) struct ApplyCommand {
    /// The run.
    id: String,
    /// Only these paths and what is below them, relative to the project.
    paths: Vec<PathBuf>,
    /// What happens where the project has changed too.
    #[arg(long, value_enum, default_value = "keep-both")]
    conflicts: Policy,
    /// Allows many deletions.
    #[arg(long)]
    confirm_deletions: bool,
    /// Puts edited files that the run itself had written beside the project's.
    #[arg(long)]
    generated: bool,
    /// Only says what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Waits for runs that work on the same files, for at most so many seconds.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Gives up what was done in a run's view.
#[derive(Debug, Args)]
#[command(
    after_help = "Removes the view and the names refs/callsheet/ID/… of its commits.

Examples:
  callsheet discard r-01m7z5d68w-j19e318sf4 --yes

Exit codes: 64 when there are changes and --yes is missing; 5 when the run lives."
)]
pub(super) struct DiscardCommand {
    /// The run.
    id: String,
    /// Gives changes up that are nowhere else.
    #[arg(long)]
    yes: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Takes back what `callsheet apply` brought into a project.
#[derive(Debug, Args)]
#[command(
    after_help = "What was changed since stays, beside what was there before.

Examples:
  callsheet revert r-01m7z5d68w-j19e318sf4

Exit codes: 5 when a live run works on the same files; 6 when something could not be taken
back."
)]
pub(super) struct RevertCommand {
    /// The run that `callsheet apply` named.
    id: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

fn run_id(text: &str) -> Result<RunId, ExecError> {
    RunId::parse(text).ok_or_else(|| {
        let message = format!("`{text}` is no run id");
        ExecError::new(ExecErrorKind::Usage, message).hint("`callsheet runs` lists the runs")
    })
}

impl ChangesCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let set = changes(&StateHome::from_env()?, &run_id(&self.id)?)?;
        if self.json {
            output.envelope(&set, &[])?;
        } else {
            show(&set, output)?;
        }
        Ok(if set.is_empty() { 0 } else { PENDING })
    }
}

fn show(set: &ChangeSet, output: &Output) -> Result<(), super::failure::Failure> {
    for change in &set.entries {
        let mut notes = Vec::new();
        if change.conflict {
            notes.push("conflict".to_owned());
        }
        if let Some(blocked) = change.blocked {
            notes.push(format!("stays: {}", blocked.as_str()));
        }
        let notes = if notes.is_empty() {
            String::new()
        } else {
            format!("  ({})", notes.join(", "))
        };
        output.line(&format!(
            "{}  {}{}{notes}",
            letter(change.kind),
            shown(&change.path),
            if change.what == "directory" { "/" } else { "" },
        ))?;
    }
    for commit in &set.commits {
        let name = shown(Path::new(&commit.name));
        output.line(&format!("C  {name} {}", commit.id))?;
    }
    if set.is_empty() {
        output.note("no changes");
    } else {
        output.note(&format!("{} in {}", set.describe(), set.view.display()));
    }
    Ok(())
}

/// Writes a path on one line, as git does: a name that an agent chose must not forge the
/// list that somebody looks at.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.chars().any(char::is_control) {
        return format!("\"{}\"", text.escape_debug());
    }
    text.into_owned()
}

fn letter(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Added => 'A',
        ChangeKind::Modified => 'M',
        ChangeKind::Deleted => 'D',
        ChangeKind::Mode => 'm',
        ChangeKind::Type => 'T',
    }
}

impl ApplyCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let cancel = Cancel::new();
        cancel_on_request(&cancel)?;
        let options = ApplyChanges {
            conflicts: match self.conflicts {
                Policy::Ours => Conflicts::Ours,
                Policy::Theirs => Conflicts::Theirs,
                Policy::KeepBoth => Conflicts::KeepBoth,
            },
            paths: self.paths()?,
            confirm_deletions: self.confirm_deletions,
            generated: self.generated,
            dry_run: self.dry_run,
            wait: self.wait.map(Duration::from_secs),
            cancel,
            ..ApplyChanges::default()
        };
        let id = run_id(&self.id)?;
        let done = apply_changes(&StateHome::from_env()?, &id, &options)?;
        let touched = (done.applied.len() + done.conflicts.len()) + done.left.len();
        if !self.paths.is_empty() && touched + done.missed.len() == 0 {
            let message = "nothing that was changed in the view matches these paths";
            let hint = "paths are relative to the project; `callsheet changes` lists them";
            return Err(ExecError::new(ExecErrorKind::Usage, message)
                .hint(hint)
                .into());
        }
        if self.json {
            let data = Shape(|out: &mut Writer| done.print(out, &id, self.dry_run));
            output.envelope(&data, &[])?;
        } else {
            self.tell(&id, &done, output)?;
        }
        Ok(if done.conflicts.is_empty() {
            0
        } else {
            CONFLICTS
        })
    }

    fn paths(&self) -> Result<Vec<PathBuf>, ExecError> {
        let plain = |path: &PathBuf| {
            let components = path.components();
            let rest: PathBuf = components
                .filter(|part| !matches!(part, std::path::Component::CurDir))
                .collect();
            let normal = |part| matches!(part, std::path::Component::Normal(_));
            if rest.components().all(normal) && !rest.as_os_str().is_empty() {
                return Ok(rest);
            }
            let message = "the path must be relative to the project, without `..`";
            Err(ExecError::new(ExecErrorKind::Usage, message).at(path))
        };
        self.paths.iter().map(plain).collect()
    }

    fn tell(
        &self,
        id: &RunId,
        done: &BroughtBack,
        output: &Output,
    ) -> Result<(), super::failure::Failure> {
        for (path, kind) in &done.applied {
            output.line(&format!("{}  {}", letter(*kind), shown(path)))?;
        }
        for commit in &done.commits {
            output.line(&format!("C  {}", commit.reference(id.as_str())))?;
        }
        tell_conflicts(&done.conflicts, output);
        for (path, why) in &done.left {
            let (path, why) = (shown(path), why.as_str());
            output.problem(&format!("stays in the view: {path} ({why})"));
        }
        for path in &done.missed {
            let path = shown(path);
            output.problem(&format!("changed meanwhile, apply again: {path}"));
        }
        if self.dry_run {
            output.note("nothing was changed");
        } else if let Some(run) = &done.run {
            output.note(&format!("take it back with: callsheet revert {run}"));
        } else if done.applied.is_empty() && done.commits.is_empty() {
            output.note("nothing to bring back");
        }
        Ok(())
    }
}

/// Says where the project had changed too.
pub(super) fn tell_conflicts(conflicts: &[Conflict], output: &Output) {
    for conflict in conflicts {
        let place = conflict.beside.as_ref().map_or_else(
            || "the project's version stays".to_owned(),
            |beside| format!("the agent's version is {}", shown(beside)),
        );
        output.problem(&format!("conflict: {}: {place}", shown(&conflict.path)));
    }
}

impl DiscardCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let id = run_id(&self.id)?;
        let cwd = env::current_dir()?;
        let gone = discard_changes(&StateHome::from_env()?, &id, (&cwd, self.yes))?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", id.as_str());
                out.field("discarded", &gone.changes);
                out.field("references", &gone.references);
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        for reference in &gone.references {
            output.line(&format!("removed  {reference}"))?;
        }
        if gone.changes.is_empty() {
            output.note(&format!("{id}: nothing is left of it"));
        } else {
            output.note(&format!("{id}: gone: {}", gone.changes));
        }
        Ok(0)
    }
}

impl RevertCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let id = run_id(&self.id)?;
        let report = revert(&StateHome::from_env()?, &id)?;
        let errors = report.errors();
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", id.as_str());
                out.field("clean", &report.is_clean());
                kept(out, &report);
                out.end_object();
            });
            output.envelope(&data, &[])?;
        }
        tell_kept(&report, output);
        for error in &errors {
            output.problem(&error.chain());
        }
        if errors.is_empty() {
            output.note(&format!("{id}: taken back"));
            if let Some(place) = &report.leftover {
                let place = place.join("reverted");
                output.note(&format!(
                    "what it had brought is in {} until `callsheet gc`",
                    place.display()
                ));
            }
            return Ok(0);
        }
        Ok(ExecErrorKind::NeedsRecovery.exit_code())
    }
}
