//! From a profile to a roster: names, flags, and the summary for people.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::library::{LayerIndex, Library, PersonaLayer, RoleFile};
use super::profile::{self, Profile};
use super::roster::{Roster, Seat};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Severity};
use crate::base::record::record;

/// A seat that was provisioned, with what a version 1 roster cannot say.
#[derive(Debug, Clone, PartialEq)]
pub struct Provisioned {
    /// The seat.
    pub seat: Seat,
    /// The class it reports to.
    pub reports_to: Option<String>,
    /// Where its persona comes from.
    pub layer: PersonaLayer,
}

/// What a fleet is staffed with; which harnesses there are is for others to say.
#[derive(Debug, Clone, Copy)]
pub struct Staffing<'s> {
    /// The harness of every seat.
    pub runtime: &'s str,
    /// The harnesses that every roster names, each with the command that clears a context.
    pub runtimes: &'s [(&'s str, &'s str)],
    /// The harnesses that can be started, with that command.
    pub known: &'s [(&'s str, &'s str)],
}

impl Staffing<'_> {
    /// Tells whether a harness can be started.
    pub fn knows(&self, runtime: &str) -> bool {
        self.known.iter().any(|(name, _)| *name == runtime)
    }

    /// Returns the command that clears the context of a harness.
    pub fn reset(&self, runtime: &str) -> Option<&str> {
        let mut all = self.runtimes.iter().chain(self.known);
        Some(all.find(|(name, _)| *name == runtime)?.1)
    }
}

record! {
    /// What a new roster is made of.
    pub struct ProvisionInput {
        /// The profile's file.
        pub profile: RoleFile => "profile",
        /// Whether all seats are staffed, not just those of the floor.
        pub full: Option<bool> => "full",
        /// The personas that come with the product.
        pub roles: Vec<RoleFile> => "roles",
        /// The operator's.
        pub roles_local: Option<Vec<RoleFile>> => "roles_local",
    }
}

record! {
    /// A new roster.
    pub struct Provision {
        /// Its text, byte for byte as Mosaic writes it.
        pub roster: String => "roster",
        /// Its seats for people, a line each.
        pub summary: String => "summary",
        /// What looks like a mistake in the profile.
        pub diagnostics: Vec<Diagnostic> => "diagnostics",
    }
}

/// Why a roster cannot be made of a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvisionError {
    /// A class has no file.
    #[error("Cannot provision: roster class \"{0}\" does not resolve to a readable persona.")]
    Unreadable(String),
    /// There is nothing to staff at all.
    #[error("Profile \"{0}\" produced no seats. Its roster is empty.")]
    Empty(String),
    /// There is nothing that stays staffed.
    #[error("Profile \"{0}\" produced no seats. No floor seats are defined — try --full.")]
    NoFloor(String),
}

/// The number of seats that are numbered; none when there is one seat, which is not.
///
/// A fraction is cut off, but what is above 1 is numbered, as Mosaic does it.
pub fn seat_count(multiplicity: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cut off on purpose, and above 1"
    )]
    let count = multiplicity as u64;
    (multiplicity > 1.0).then_some(count)
}

/// The names of the seats of a class.
pub fn seat_names(class: &str, multiplicity: f64) -> Vec<String> {
    let Some(count) = seat_count(multiplicity) else {
        return alloc::vec![class.to_string()];
    };
    let numbers = 0..count;
    numbers.map(|number| format!("{class}{number}")).collect()
}

/// Makes the seats of a profile: those of the floor, or all.
///
/// # Errors
/// A class has no readable persona, or there is no seat.
pub fn provision(
    profile: &Profile,
    library: &Library,
    (staffing, full): (Staffing<'_>, bool),
) -> Result<Vec<Provisioned>, ProvisionError> {
    let mut seats = Vec::new();
    let chosen = profile.roster.iter();
    for entry in chosen.filter(|entry| full || profile.is_floor(&entry.class)) {
        let class = &*entry.class;
        let persona = library.resolve(class);
        let persona = persona.ok_or_else(|| ProvisionError::Unreadable(class.to_string()))?;
        let stays = profile.is_floor(class) || profile.is_lead(class);
        for name in seat_names(class, entry.multiplicity) {
            let mut seat = Seat::new(name, staffing.runtime, class);
            seat.persistent_persona = stays.then_some(true);
            seat.reset_between_tasks = (!stays).then_some(true);
            seats.push(Provisioned {
                seat,
                reports_to: entry.reports_to.clone(),
                layer: persona.layer,
            });
        }
    }
    match (seats.is_empty(), full) {
        (false, _) => Ok(seats),
        (true, true) => Err(ProvisionError::Empty(profile.id.clone())),
        (true, false) => Err(ProvisionError::NoFloor(profile.id.clone())),
    }
}

/// Makes the roster of seats.
pub fn roster(seats: &[Provisioned], staffing: Staffing<'_>) -> Roster {
    let own = seats.iter().map(|seat| &*seat.seat.runtime);
    let named = staffing.runtimes.iter().map(|(name, _)| *name).chain(own);
    let reset = |name: &str| Some((name.to_string(), staffing.reset(name)?.to_string()));
    Roster {
        runtimes: named.filter_map(reset).collect(),
        agents: seats.iter().map(|seat| seat.seat.clone()).collect(),
        ..Roster::default()
    }
}

/// Tells who reports to whom, a line a seat.
pub fn summary(seats: &[Provisioned]) -> String {
    let mut text = format!("Topology ({} seat(s)):", seats.len());
    for Provisioned {
        seat,
        reports_to,
        layer,
    } in seats
    {
        let manager = reports_to.as_deref().unwrap_or("- (lead)");
        let columns = [
            format!("\n  - {}", seat.name),
            format!("class={}", seat.class),
            format!("runtime={}", seat.runtime),
            format!("reports_to={manager}"),
            format!("persona={}", layer.as_str()),
        ];
        text.push_str(&columns.join("\t"));
    }
    text
}

/// Makes a new roster of texts.
///
/// # Errors
/// What is wrong with the profile, or why there is no roster of it.
pub fn provision_texts(
    input: &ProvisionInput,
    staffing: Staffing<'_>,
) -> Result<Provision, Vec<Diagnostic>> {
    let file = &*input.profile.name;
    let within = |found: Vec<Diagnostic>| -> Vec<Diagnostic> {
        let found = found.into_iter();
        found.map(|problem| problem.within(file)).collect()
    };
    let library = Library {
        base: LayerIndex::scan(&input.roles),
        over: LayerIndex::scan(input.roles_local.as_deref().unwrap_or_default()),
    };
    let stem = file.strip_suffix(".yaml").unwrap_or(file);
    let parsed = profile::parse(&input.profile.text, Some(stem)).map_err(within)?;
    let diagnostics = within(parsed.check(&library));
    if diagnostics
        .iter()
        .any(|one| one.severity == Severity::Error)
    {
        return Err(diagnostics);
    }
    let full = input.full.unwrap_or(false);
    let seats = provision(&parsed.profile, &library, (staffing, full)).map_err(|error| {
        alloc::vec![Diagnostic::error(
            Code::PROFILE_CLASS_UNKNOWN,
            error.to_string()
        )]
    })?;
    Ok(Provision {
        roster: roster(&seats, staffing).emit(),
        summary: summary(&seats),
        diagnostics,
    })
}
