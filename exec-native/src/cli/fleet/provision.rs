//! `callsheet fleet provision`: the texts, streams and exit codes of Mosaic's.

use clap::Args;
use plan_core::base::json::Writer;
use plan_core::fleet::profile::{Form, Profile};
use plan_core::fleet::provision::{Provisioned, provision, roster, summary};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::profile::{find_profile, warn};
use super::{HomeArgs, about_profile, is_error, read_roles};
use crate::error::{ExecError, ExecErrorKind};
use crate::fleet::STAFFING;
use crate::fleet::home::{Home, LoadedProfile, ROSTER};
use crate::fleet::lock::FleetLock;
use crate::fleet::write::{Change, Written, commit_changes, settle};
use crate::os::dir::Kind;
use crate::state::RunId;

#[derive(Debug, Args)]
#[command(
    after_help = "Without --write nothing is written. An existing roster is only replaced with
--force, and is kept in fleet/history/.

Examples:
  callsheet fleet provision --profile business
  callsheet fleet provision --profile business --full --write
  callsheet fleet provision --profile software-delivery --full --write --force"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ProvisionCommand {
    /// The profile; `callsheet fleet profile list` lists them.
    #[arg(long, value_name = "ID")]
    profile: Option<String>,
    /// All seats, not only those of the floor.
    #[arg(long)]
    full: bool,
    /// Writes the roster.
    #[arg(long)]
    write: bool,
    /// Replaces an existing roster.
    #[arg(long)]
    force: bool,
    /// Takes profiles as Mosaic takes them: any multiplicity, and keys that nobody knows.
    #[arg(long, conflicts_with = "strict")]
    lenient: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Takes what looks like a mistake for one.
    #[arg(long)]
    strict: bool,
}

impl ProvisionCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let Some(id) = &self.profile else {
            let text = "error: required option '--profile <id>' not specified";
            return Err(Failure::told(text));
        };
        let form = if self.lenient {
            Form::Mosaic
        } else {
            Form::Strict
        };
        let home = place.home()?.reading(form);
        let roles = read_roles(&home, self.strict)?;
        let loaded = find_profile(&home, id, (&roles.library, self.strict))?;
        let profile = usable(&loaded)?;
        let seats = provision(profile, &roles.library, (STAFFING, self.full))
            .map_err(|error| Failure::told(error.to_string()))?;
        let text = roster(&seats, STAFFING).emit();
        let written = if self.write {
            Some(self.write(&home, &text, place)?)
        } else {
            None
        };
        if self.json {
            let made = Made {
                profile: &loaded,
                seats: &seats,
                text: &text,
            };
            return self.print(&made, (&home, written.as_ref()), output);
        }
        warn(&loaded, output);
        if written.is_none() {
            output.line("# DRY RUN — no files written. Re-run with --write to persist.")?;
            output.line(text.trim_end())?;
        } else {
            let path = home.path(ROSTER);
            output.line(&format!("Wrote roster: {}", path.display()))?;
        }
        output.line("")?;
        output.line(&summary(&seats)).map(|()| 0)
    }

    /// Writes the roster; one that is there is replaced only when that is meant.
    fn write(&self, home: &Home, text: &str, place: &HomeArgs) -> Result<Written, Failure> {
        let options = place.write_options("fleet provision")?;
        // Looked at before the lock is taken too: a refusal leaves no directory.
        self.refuse_existing(home)?;
        let lock = FleetLock::take(home, &options.command, options.lock_timeout)?;
        settle(&lock, &options.state)?;
        self.refuse_existing(home)?;
        let change = Change {
            path: ROSTER.to_owned(),
            content: Some(text.to_owned()),
            before: home.digest(ROSTER)?,
            private: false,
        };
        let mut options = options.clone();
        options.lock = Some(&lock);
        Ok(commit_changes(home, &[change], &options)?)
    }

    fn refuse_existing(&self, home: &Home) -> Result<(), Failure> {
        let path = home.path(ROSTER);
        match home.kind(ROSTER)? {
            None => Ok(()),
            Some(Kind::File) if self.force => Ok(()),
            Some(Kind::File) => Err(Failure::told(format!(
                "Refusing to overwrite existing roster: {}. Pass --force to overwrite, or edit it by hand.",
                path.display()
            ))),
            Some(_) => {
                let message = "the roster is not a regular file";
                Err(ExecError::new(ExecErrorKind::Failed, message)
                    .at(path)
                    .into())
            }
        }
    }

    fn print(
        &self,
        made: &Made<'_>,
        (home, written): (&Home, Option<&Written>),
        output: &Output,
    ) -> Answer {
        let data = Shape(|out: &mut Writer| {
            out.begin_object();
            out.field("profile", made.profile.id());
            out.field("full", &self.full);
            out.field("written", &written.is_some());
            out.field("path", &*home.path(ROSTER).to_string_lossy());
            out.field(
                "run",
                &written
                    .and_then(|done| done.run.as_ref())
                    .map(RunId::as_str),
            );
            out.field("generation", &written.and_then(|done| done.generation));
            out.field("roster", made.text);
            out.key("seats");
            out.begin_array();
            for seat in made.seats {
                print_seat(seat, out);
            }
            out.end_array();
            out.end_object();
        });
        output.envelope(&data, &made.profile.problems)?;
        Ok(0)
    }
}

/// What was made of a profile.
struct Made<'m> {
    profile: &'m LoadedProfile,
    seats: &'m [Provisioned],
    text: &'m str,
}

fn print_seat(made: &Provisioned, out: &mut Writer) {
    out.begin_object();
    out.field("name", &made.seat.name);
    out.field("class", &made.seat.class);
    out.field("runtime", &made.seat.runtime);
    out.field("reports_to", &made.reports_to);
    out.field("persona", made.layer.as_str());
    out.field(
        "persistent_persona",
        &made.seat.persistent_persona.unwrap_or(false),
    );
    out.end_object();
}

/// Returns what a profile says, if nothing is wrong with it.
fn usable(loaded: &LoadedProfile) -> Result<&Profile, Failure> {
    let errors: Vec<_> = loaded
        .problems
        .iter()
        .filter(|problem| is_error(problem))
        .collect();
    if let Some(parsed) = loaded.parsed.as_ref().filter(|_| errors.is_empty()) {
        return Ok(&parsed.profile);
    }
    let mut text = format!("Profile \"{}\" is invalid; cannot provision:", loaded.stem);
    for problem in &errors {
        text += "\n  - ";
        text += &problem.message;
    }
    let located = errors.iter().map(|problem| about_profile(problem, loaded));
    Err(Failure::Told {
        text,
        problems: located.collect(),
        json: false,
    })
}
