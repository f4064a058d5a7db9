//! `callsheet fleet profile`.

use clap::{Args, Subcommand};
use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::base::text::nearest;
use plan_core::fleet::library::Library;
use plan_core::fleet::profile::Profile;
use plan_core::fleet::provision::seat_count;

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::super::report::Located;
use super::{HomeArgs, about_profile, is_error, one_line, raised, read_roles};
use crate::fleet::home::{Home, LoadedProfile};

/// Lists and shows profiles.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  callsheet fleet profile list
  callsheet fleet profile show business --json")]
pub(super) enum ProfileCommand {
    /// Lists the profiles, and what is wrong with those that cannot be used.
    List(ListCommand),
    /// Shows a profile with its seats.
    Show(ShowCommand),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet profile list --json
  callsheet fleet profile list --strict")]
pub(super) struct ListCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Takes what looks like a mistake for one.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet profile show software-delivery")]
pub(super) struct ShowCommand {
    /// The profile.
    id: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Takes what looks like a mistake for one.
    #[arg(long)]
    strict: bool,
}

impl ProfileCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let home = place.home()?;
        match self {
            ProfileCommand::List(command) => command.answer(&home, output),
            ProfileCommand::Show(command) => command.answer(&home, output),
        }
    }
}

/// Reads the profiles of a home.
fn read_profiles(
    home: &Home,
    library: &Library,
    strict: bool,
) -> Result<Vec<LoadedProfile>, Failure> {
    let mut profiles = home.profiles(library)?;
    if strict {
        for profile in &mut profiles {
            profile.problems = profile.problems.iter().map(raised).collect();
        }
    }
    Ok(profiles)
}

/// Finds a profile that can be used; it has warnings at most.
pub(super) fn find_profile(
    home: &Home,
    id: &str,
    (library, strict): (&Library, bool),
) -> Result<LoadedProfile, Failure> {
    let profiles = read_profiles(home, library, strict)?;
    let mut found = profiles.iter().filter(|profile| profile.stem == id);
    if let Some(profile) = found.next() {
        return Ok(profile.clone());
    }
    let mut problem = Diagnostic::error(
        Code::PROFILE_UNKNOWN,
        format!("there is no profile `{}`", one_line(id)),
    );
    let ids = profiles.iter().map(|profile| &*profile.stem);
    problem.help = Some(match nearest(id, ids) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`callsheet fleet profile list` lists them".to_owned(),
    });
    Err(Failure::of(problem))
}

/// Tells the problems of a profile that do not stop it.
pub(super) fn warn(profile: &LoadedProfile, output: &Output) {
    for problem in profile.problems.iter().filter(|problem| !is_error(problem)) {
        output.note(&about_profile(problem, profile).render(output));
    }
}

fn is_valid(profile: &LoadedProfile) -> bool {
    profile.parsed.is_some() && !profile.problems.iter().any(is_error)
}

fn print_profile(loaded: &LoadedProfile, out: &mut Writer) {
    out.begin_object();
    out.field("id", loaded.id());
    if let Some(Profile {
        title,
        description,
        lead,
        floor,
        roster,
        notes,
        ..
    }) = loaded.parsed.as_ref().map(|parsed| &parsed.profile)
    {
        out.field("title", title);
        out.field("description", description);
        out.field("lead", lead);
        out.field("floor", floor);
        out.field("roster", roster);
        if let Some(notes) = notes {
            out.field("notes", notes);
        }
    }
    let seats = loaded.parsed.as_ref().map(|parsed| parsed.profile.seats());
    out.field("seats", &seats);
    out.field("file", &loaded.path);
    out.field("valid", &is_valid(loaded));
    out.field("problems", &loaded.problems);
    out.end_object();
}

impl ListCommand {
    fn answer(&self, home: &Home, output: &Output) -> Answer {
        let roles = read_roles(home, false)?;
        let profiles = read_profiles(home, &roles.library, self.strict)?;
        let code = u8::from(!profiles.iter().all(is_valid));
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.key("profiles");
                out.begin_array();
                for profile in &profiles {
                    print_profile(profile, out);
                }
                out.end_array();
                out.end_object();
            });
            let problems = profiles.iter().flat_map(|profile| &profile.problems);
            let problems: Vec<_> = problems.cloned().collect();
            output.envelope(&data, &problems)?;
            return Ok(code);
        }
        for loaded in &profiles {
            let Some(parsed) = loaded.parsed.as_ref().filter(|_| is_valid(loaded)) else {
                output.line(&format!("{:<20} invalid", one_line(&loaded.stem)))?;
                continue;
            };
            let profile = &parsed.profile;
            output.line(&format!(
                "{:<20} {:>3} seats  lead {:<20} {}",
                profile.id,
                profile.seats(),
                profile.lead,
                one_line(&profile.title)
            ))?;
        }
        if profiles.is_empty() {
            output.note("no profiles here; put profile files into fleet/profiles/");
        }
        for loaded in &profiles {
            for problem in loaded.problems.iter().filter(|problem| is_error(problem)) {
                output.problem(&about_profile(problem, loaded).render(output));
            }
            warn(loaded, output);
        }
        Ok(code)
    }
}

impl ShowCommand {
    fn answer(&self, home: &Home, output: &Output) -> Answer {
        let roles = read_roles(home, false)?;
        let loaded = find_profile(home, &self.id, (&roles.library, self.strict))?;
        let Some(parsed) = loaded.parsed.as_ref().filter(|_| is_valid(&loaded)) else {
            let problems = loaded.problems.iter();
            let located = problems.map(|problem| about_profile(problem, &loaded));
            return Err(Failure::Refused {
                problems: located.collect::<Vec<Located>>(),
                json: self.json,
            });
        };
        if self.json {
            let data = Shape(|out: &mut Writer| print_profile(&loaded, out));
            output.envelope(&data, &loaded.problems)?;
            return Ok(0);
        }
        warn(&loaded, output);
        let profile = &parsed.profile;
        output.note(&format!("from {}", loaded.path));
        output.line(&format!("{}  {}", profile.id, one_line(&profile.title)))?;
        output.line(&one_line(&profile.description))?;
        output.line(&format!("lead   {}", profile.lead))?;
        output.line(&format!("floor  {}", profile.floor.join(", ")))?;
        output.line(&format!("seats  {}", profile.seats()))?;
        for seat in &profile.roster {
            let count = seat_count(seat.multiplicity);
            let count = count.map_or_else(String::new, |count| format!(" x{count}"));
            let manager = seat.reports_to.as_ref();
            let manager = manager.map_or_else(String::new, |manager| format!(" -> {manager}"));
            output.line(&format!("  {}{count}{manager}", seat.class))?;
        }
        if let Some(notes) = &profile.notes {
            output.line(&one_line(notes))?;
        }
        Ok(0)
    }
}
