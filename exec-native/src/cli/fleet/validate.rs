//! `callsheet fleet validate`: every file of a home, checked.

use clap::Args;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::fleet::{envfile, roster};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::super::report::Located;
use super::{HomeArgs, about_profile, about_roles, is_error, raised};
use crate::fleet::home::{AGENTS, Home, ROSTER};
use crate::os::walk::text_of;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet validate
  callsheet fleet validate --home ./fleet-home --strict --json")]
pub(super) struct ValidateCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Takes what looks like a mistake for one.
    #[arg(long)]
    strict: bool,
}

/// What was found so far, and in how many files.
#[derive(Default)]
struct Found {
    files: u64,
    problems: Vec<Located>,
}

impl Found {
    fn add(&mut self, problems: Vec<Diagnostic>, (path, text): (&str, &str)) {
        let located = problems.into_iter().map(|problem| {
            let problem = problem.within(path);
            Located::from(problem).quoting(Some(text))
        });
        self.problems.extend(located);
    }
}

impl ValidateCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut found = self.check(&place.home()?)?;
        if self.strict {
            for problem in &mut found.problems {
                problem.diagnostic = raised(&problem.diagnostic);
            }
        }
        let problems = found.problems.iter();
        let code = u8::from(
            problems
                .clone()
                .any(|problem| is_error(&problem.diagnostic)),
        );
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("files", &found.files);
                out.end_object();
            });
            let problems: Vec<_> = problems.map(Located::named).collect();
            output.envelope(&data, &problems)?;
            return Ok(code);
        }
        for problem in problems {
            output.problem(&problem.render(output));
        }
        let count = found.problems.len();
        output.note(&format!("{} files, {count} problems", found.files));
        Ok(code)
    }

    fn check(&self, home: &Home) -> Result<Found, Failure> {
        let mut found = Found::default();
        let roles = home.roles()?;
        found.files += roles.count();
        let about = roles.problems.iter().chain(&roles.warnings);
        let about = about.map(|problem| about_roles(problem.clone(), &roles));
        found.problems.extend(about);
        for profile in home.profiles(&roles.library)? {
            found.files += 1;
            let about = profile.problems.iter();
            let about = about.map(|problem| about_profile(problem, &profile));
            found.problems.extend(about);
        }
        if let Some(stored) = home.read(ROSTER)? {
            found.files += 1;
            let path = text_of(&home.path(ROSTER));
            let problems = roster::parse(&stored.text).err().unwrap_or_default();
            found.add(problems, (&path, &stored.text));
        }
        for file in home.files(AGENTS, ".env")?.unwrap_or_default() {
            found.files += 1;
            match &file.text {
                Ok(text) => found.add(envfile::read(text).1, (&file.path, text)),
                Err(problem) => found.problems.push(problem.clone().into()),
            }
        }
        Ok(found)
    }
}
