//! Arguments that several commands share.

use clap::{Args, ValueEnum};
use plan_core::base::edition::Edition;

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

/// How a run gets on with others.
#[derive(Debug, Args)]
pub(super) struct HoldArgs {
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
