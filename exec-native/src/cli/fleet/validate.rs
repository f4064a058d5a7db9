//! `callsheet fleet validate`: every file of a home, checked.

use clap::Args;
use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::base::text::nearest;
use plan_core::base::yaml::{self, Limits, Node};
use plan_core::fleet::library::{INDEX, PersonaLayer};
use plan_core::fleet::{envfile, roster};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::super::report::Located;
use super::{HomeArgs, about_profile, about_roles, is_error, one_line, raised};
use crate::fleet::STAFFING;
use crate::fleet::gather::POLICY;
use crate::fleet::home::{AGENTS, Home, LoadedProfile, ROLES_LOCAL, ROSTER, Roles};
use crate::fleet::ready::check_policy;
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
        let mut found = check(&place.home()?)?;
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
        let problems = match found.problems.len() {
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        };
        output.note(&format!("{} files, {problems}", found.files));
        Ok(code)
    }
}

fn check(home: &Home) -> Result<Found, Failure> {
    let mut found = Found::default();
    let roles = home.roles()?;
    found.files += roles.count();
    let about = roles.problems.iter().chain(&roles.warnings);
    let about = about.map(|problem| about_roles(problem.clone(), &roles));
    found.problems.extend(about);
    // A home with roles of its own need not have those of built-in profiles.
    let profiles = home.profiles(&roles.library)?;
    found.problems.extend(unused(home, &roles, &profiles)?);
    let profiles = profiles.into_iter();
    for profile in profiles.filter(|profile| !profile.is_built_in()) {
        found.files += 1;
        let about = profile.problems.iter();
        let about = about.map(|problem| about_profile(problem, &profile));
        found.problems.extend(about);
    }
    for (below, check) in [
        (POLICY, check_policy as fn(&str) -> Vec<Diagnostic>),
        (ROSTER, check_roster),
    ] {
        if let Some(stored) = home.read(below)? {
            found.files += 1;
            let path = text_of(&home.path(below));
            found.add(check(&stored.text), (&path, &stored.text));
        }
    }
    for file in home.files(AGENTS, ".env")?.unwrap_or_default() {
        found.files += 1;
        match &file.text {
            Ok(text) => found.add(envfile::read(text).1, (&file.path, &hidden(text))),
            Err(problem) => found.problems.push(problem.clone().into()),
        }
    }
    Ok(found)
}

/// Finds the operator's roles that nobody has a seat for: perhaps a name is mistyped.
fn unused(home: &Home, roles: &Roles, profiles: &[LoadedProfile]) -> Result<Vec<Located>, Failure> {
    let stored = home.read(ROSTER)?;
    let roster = stored.and_then(|stored| roster::parse(&stored.text).ok());
    let parsed = profiles
        .iter()
        .filter_map(|profile| profile.parsed.as_ref());
    let entries = parsed.flat_map(|parsed| &parsed.profile.roster);
    let seats = roster.iter().flat_map(|roster| &roster.agents);
    let mut used: Vec<&str> = entries.map(|entry| &*entry.class).collect();
    used.extend(seats.map(|seat| &*seat.class));
    let mut found = Vec::new();
    for file in roles.files(PersonaLayer::Override) {
        let mut classes = roles.library.classes().filter(|class| {
            let persona = roles.library.resolve(class);
            persona.is_some_and(|persona| {
                persona.layer == PersonaLayer::Override && persona.file == file.name
            })
        });
        if file.name == INDEX || classes.any(|class| used.contains(&class)) {
            continue;
        }
        let message = format!("no profile and no roster has a seat for {}", file.name);
        let path = text_of(&home.path(&format!("{ROLES_LOCAL}/{}", file.name)));
        let warning = Diagnostic::warning(Code::LIBRARY_OVERRIDE_UNUSED, message)
            .help("name its class in a profile, or by a marker in the file: `class: NAME`")
            .within(path);
        found.push(Located::from(warning));
    }
    Ok(found)
}

/// Hides the values of an environment file, so that a line of it can be quoted. What is left
/// stands where it stood.
fn hidden(text: &str) -> String {
    let line = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or(("", line));
        let word = name.trim_start();
        let word = word.strip_prefix("export ").unwrap_or(word);
        // A line of a longer value must not pass for a name.
        let named = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let mask = |text: &str| "*".repeat(text.len());
        if !word.is_empty() && word.bytes().all(named) {
            return format!("{name}={}", mask(value));
        }
        mask(line)
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn check_roster(text: &str) -> Vec<Diagnostic> {
    let mut problems = roster::parse(text).err().unwrap_or_default();
    let Ok(root) = yaml::read(text, Limits::default()) else {
        return problems;
    };
    let seats = root.get("agents").and_then(Node::as_list);
    for node in seats.unwrap_or_default() {
        let Some((runtime, name)) = node
            .get("runtime")
            .and_then(|value| Some((value, value.as_str()?)))
            .filter(|(_, name)| !STAFFING.knows(name))
        else {
            continue;
        };
        // Another tool may start it: the roster is fine, only we cannot.
        let message = format!("the runtime `{}` cannot be started here", one_line(name));
        let known: Vec<&str> = STAFFING.known.iter().map(|(name, _)| *name).collect();
        let help = nearest(name, known.iter().copied()).map_or_else(
            || format!("runtimes that can be: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let warning = Diagnostic::warning(Code::ROSTER_RUNTIME_UNKNOWN, message);
        problems.push(warning.help(help).standing(runtime.span.place()));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_environments_are_hidden() {
        let text = "A_1=x y\n  export B='ü'\nc=1\nbroken line\nk3y==\n";
        let expected = "A_1=***\n  export B=****\n***\n***********\n*****\n";
        assert_eq!(hidden(text), expected);
    }
}
