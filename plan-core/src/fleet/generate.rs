//! From a profile, the library and the policy to seats, with the reasons for what they run.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::library::Library;
use super::lock::Selection;
use super::policy::{self, Policy, Subject};
use super::profile::{Profile, ProfileSeat};
use super::provision::{ProvisionError, Staffing, provision, seat_names};
use super::roster::Seat;
use crate::base::record::{record, words};

words! {
    /// Who decided a value, the strongest first.
    pub enum Source {
        /// An option of the command.
        CommandLine = "command line",
        /// The operator, in the roster.
        Roster = "roster",
        /// The entry of the profile.
        Profile = "profile",
        /// A rule of the policy.
        Policy = "policy",
        /// A marker in the text of the persona.
        Persona = "persona",
        /// Nobody else.
        Default = "default",
    }
}

record! {
    /// One link of the chain that decided a field of a seat.
    pub struct Why {
        /// The field.
        pub field: String => "field",
        /// The value; none where it was taken away.
        pub value: Option<String> => "value",
        /// Who wanted it.
        pub source: Source => "source",
        /// Where that stands.
        pub at: Option<String> => "at",
        /// Whether it is what the seat has.
        pub used: bool => "used",
    }
}

/// A seat as profile and policy want it.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The seat.
    pub seat: Seat,
    /// The class that it reports to.
    pub reports_to: Option<String>,
    /// Why it runs what it runs.
    pub why: Vec<Why>,
}

/// Everything that decides what a seat runs.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'r> {
    /// The personas.
    pub library: &'r Library,
    /// The policy.
    pub policy: &'r Policy,
    /// What is used when nobody says anything.
    pub staffing: Staffing<'r>,
}

/// Makes the seats of a profile. A class whose number of seats was chosen is staffed with
/// so many, also outside the floor.
///
/// # Errors
/// A class has no readable persona, or there is no seat.
pub fn generate(
    profile: &Profile,
    selection: &Selection,
    rules: &Rules<'_>,
) -> Result<Vec<Generated>, ProvisionError> {
    let chosen = chosen(profile, selection);
    let seats = provision(&chosen, rules.library, (rules.staffing, true));
    let seats = seats.map_err(|error| match error {
        ProvisionError::Empty(id) if !selection.full => ProvisionError::NoFloor(id),
        other => other,
    })?;
    let mut made = Vec::with_capacity(seats.len());
    // A class may have several entries, each with its own wishes.
    let entries = chosen.roster.iter();
    let entries = entries.flat_map(|entry| {
        seat_names(&entry.class, entry.multiplicity)
            .into_iter()
            .map(move |_| entry)
    });
    for (provisioned, entry) in seats.into_iter().zip(entries) {
        let mut seat = provisioned.seat;
        let why = decide(&mut seat, entry, profile, rules);
        made.push(Generated {
            seat,
            reports_to: provisioned.reports_to,
            why,
        });
    }
    Ok(made)
}

/// The profile with the entries that are staffed, as often as they are.
fn chosen(profile: &Profile, selection: &Selection) -> Profile {
    let mut chosen = profile.clone();
    chosen.roster.retain_mut(|entry| {
        let Some(count) = selection.scale.get(&entry.class) else {
            return selection.full || profile.is_floor(&entry.class);
        };
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
        let number = *count as f64;
        entry.multiplicity = number;
        *count > 0
    });
    chosen
}

/// Decides harness, model and place of a seat; returns the whole chain of reasons.
fn decide(seat: &mut Seat, entry: &ProfileSeat, profile: &Profile, rules: &Rules<'_>) -> Vec<Why> {
    let class = seat.class.clone();
    let subject = Subject {
        class: &class,
        domain: rules.library.domain(&class),
        floor: profile.is_floor(&class),
        lead: profile.is_lead(&class),
    };
    let persona = rules.library.resolve(&class);
    let marker = |value: Option<&String>| {
        let at = persona.as_ref().map(|persona| persona.file.clone());
        value.map(|value| (value.clone(), Source::Persona, at))
    };
    let own = |value: Option<&String>| {
        let at = format!("{}, class {class}", profile.id);
        value.map(|value| (value.clone(), Source::Profile, Some(at)))
    };
    let rule = |pick: fn(&policy::Rule) -> Option<&String>| {
        let mut fitting = rules.policy.rules.iter().filter(|rule| rule.fits(&subject));
        let (rule, value) = fitting.find_map(|rule| Some((rule, pick(rule)?)))?;
        let at = format!("{}:{}", policy::FILE, rule.line);
        Some((value.clone(), Source::Policy, Some(at)))
    };
    let usual = (
        rules.staffing.runtime.to_string(),
        Source::Default,
        None::<String>,
    );
    let mut why = Vec::new();
    let mut chain = |field: &str, candidates: [Option<(String, Source, Option<String>)>; 4]| {
        let mut used = None;
        for (value, source, at) in candidates.into_iter().flatten() {
            why.push(Why {
                field: field.to_string(),
                value: Some(value.clone()),
                source,
                at,
                used: used.is_none(),
            });
            used.get_or_insert(value);
        }
        used
    };
    let persona = persona.as_ref();
    let runtime = [
        own(entry.runtime.as_ref()),
        rule(|rule| rule.runtime.as_ref()),
        marker(persona.and_then(|persona| persona.runtime.as_ref())),
        Some(usual),
    ];
    seat.runtime = chain("runtime", runtime).unwrap_or_default();
    let model = [
        own(entry.model.as_ref()),
        rule(|rule| rule.model.as_ref()),
        marker(persona.and_then(|persona| persona.model.as_ref())),
        None,
    ];
    seat.model_hint = chain("model_hint", model);
    let place = [
        None,
        rule(|rule| rule.working_directory.as_ref()),
        None,
        None,
    ];
    seat.working_directory = chain("working_directory", place);
    why
}
