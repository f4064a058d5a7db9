//! Arguments that several commands share.

use std::time::Duration;

use clap::{Args, ValueEnum};
use plan_core::base::edition::Edition;
use plan_core::persona::skills::cache::CheckInterval;

use super::failure::Failure;
use super::session::Terms;
use crate::apply::COMMAND_LIMIT;
use crate::skills::SkillUse;

use crate::mount::ViewChoice;

/// The dialect of plans and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EditionArg {
    /// What today's command lines accept; the default.
    #[value(name = "2026")]
    V2026,
    /// Recorded behaviour of persona-kit 4.1.59, byte for byte.
    #[value(name = "persona-kit-4")]
    PersonaKit4,
}

impl From<EditionArg> for Edition {
    fn from(edition: EditionArg) -> Self {
        match edition {
            EditionArg::V2026 => Edition::V2026,
            EditionArg::PersonaKit4 => Edition::PersonaKit4,
        }
    }
}

/// How a run sees the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ViewArg {
    /// The project itself without rules about hidden and read-only paths; with them a
    /// layer where one works, else a copy.
    Auto,
    /// A private layer over the project, at its own path; the kernel enforces the rules.
    Overlay,
    /// A copy; what is hidden can still be found where the project is.
    Copy,
    /// The project itself; nothing is hidden or protected.
    #[value(name = "inplace")]
    InPlace,
}

impl From<ViewArg> for ViewChoice {
    fn from(view: ViewArg) -> Self {
        match view {
            ViewArg::Auto => ViewChoice::Auto,
            ViewArg::Overlay => ViewChoice::Overlay,
            ViewArg::Copy => ViewChoice::Copy,
            ViewArg::InPlace => ViewChoice::InPlace,
        }
    }
}

/// Which persona, and what its plan depends on.
#[derive(Debug, Args)]
pub(super) struct PersonaArgs {
    /// A persona file, a selection file, or the id of a persona.
    pub(super) persona: String,
    /// The dialect of the plan.
    #[arg(long, value_name = "EDITION", default_value = "2026")]
    pub(super) edition: EditionArg,
    /// A JSON file with plan options (`processEnv`, `inputValues`, `envOverrides`, …).
    #[arg(long, value_name = "FILE")]
    pub(super) options: Option<String>,
    /// The value of an input; may be repeated.
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) inputs: Vec<(String, String)>,
    /// The task of a one-shot run; `-` reads it from standard input.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(super) task: Option<String>,
    /// A file that holds the task.
    #[arg(long, value_name = "FILE", conflicts_with = "task")]
    pub(super) task_file: Option<String>,
    /// A title for the session of a one-shot run.
    #[arg(long, value_name = "TEXT")]
    pub(super) title: Option<String>,
    /// The project directory; the current one by default.
    #[arg(long, short = 'C', value_name = "DIR")]
    pub(super) cwd: Option<String>,
}

/// Where skills come from.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct SkillArgs {
    /// Installs skills again although they are in the cache.
    #[arg(long)]
    refresh_skills: bool,
    /// Installs skills for this run alone; also by `CALLSHEET_NO_SKILL_CACHE=1`.
    #[arg(long, conflicts_with = "refresh_skills")]
    no_skill_cache: bool,
    /// Looks now whether the sources of cached skills have changed; else once a day, or as
    /// `CALLSHEET_SKILL_CACHE_CHECK_INTERVAL` says.
    #[arg(long)]
    check_upstream: bool,
    /// Does not look whether they have changed.
    #[arg(long, conflicts_with = "check_upstream")]
    no_check_upstream: bool,
}

impl SkillArgs {
    /// Returns how skills are provided.
    pub(super) fn skills(&self) -> Result<SkillUse, Failure> {
        let mut skills = SkillUse::from_env()?;
        skills.refresh = self.refresh_skills;
        if self.no_skill_cache {
            skills.cache = None;
        }
        if self.check_upstream {
            skills.check = CheckInterval::Every(0.0);
        }
        if self.no_check_upstream {
            skills.check = CheckInterval::Never;
        }
        Ok(skills)
    }
}

/// How the programs of a plan are run that install something.
#[derive(Debug, Args)]
pub(super) struct CommandArgs {
    /// Ends a skill's installer after so many seconds, 600 by default; 0 waits for ever.
    #[arg(long, value_name = "SECONDS")]
    command_timeout: Option<u64>,
    /// Passes a variable on to installers, which get none that may hold a secret; may be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    allow_env: Vec<String>,
    /// Shows what the harness and installers print, as it comes.
    #[arg(long, short)]
    pub(super) verbose: bool,
}

impl CommandArgs {
    /// Returns the terms of a run.
    pub(super) fn terms(
        &self,
        skills: &SkillArgs,
        (hold, entered): (&HoldArgs, bool),
    ) -> Result<Terms, Failure> {
        let mut skills = skills.skills()?;
        skills.allow_env.clone_from(&self.allow_env);
        let limit = self.command_timeout.map(Duration::from_secs);
        Ok(Terms {
            skills,
            command_limit: Some(limit.unwrap_or(COMMAND_LIMIT)).filter(|limit| !limit.is_zero()),
            verbose: self.verbose,
            wait: hold.wait.map(Duration::from_secs),
            until_exit: hold.until_exit,
            view: hold.view.into(),
            entered,
            live: hold.live,
        })
    }
}

/// How a run works in its project, and gets on with others.
#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// How the agent sees the project.
    #[arg(long, value_name = "VIEW", default_value = "auto")]
    pub(super) view: ViewArg,
    /// Waits for runs that work on the same files, for at most so many seconds.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "3600")]
    pub(super) wait: Option<u64>,
    /// Ends, and takes everything back, as soon as this process has ended.
    #[arg(long, value_name = "PID")]
    pub(super) until_exit: Option<u32>,
    /// Brings what the agent does in its view into the project as it works, looking every
    /// second or so many. Deletions come at the end.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1")]
    pub(super) live: Option<u64>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("`{text}` is not NAME=VALUE"))
}
