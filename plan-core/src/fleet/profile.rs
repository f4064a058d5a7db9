//! System-type profiles: which seats a kind of system has, and who reports to whom.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::fields::{Codes, Fields, find, problem, whole};
use super::library::Library;
use super::provision::{seat_count, seat_names};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::map::{Map, Set};
use crate::base::record::record;
use crate::base::text::nearest;
use crate::base::yaml::{Entry, Limits, Scalar, Span, read};

/// The most seats of one class.
pub const MAX_MULTIPLICITY: u64 = 100;

const CODES: Codes = Codes {
    field_type: Code::PROFILE_FIELD_TYPE,
    field_missing: Code::PROFILE_FIELD_MISSING,
    key_unknown: Code::PROFILE_KEY_UNKNOWN,
};

record! {
    /// One entry of a profile's roster.
    pub struct ProfileSeat {
        /// The persona class.
        pub class: String => "class",
        /// The class it reports to; the lead has none.
        pub reports_to: Option<String> => "reports_to",
        /// How many seats there are of it: a whole number, but for profiles that were read
        /// as Mosaic reads them.
        pub multiplicity: f64 => "multiplicity",
        /// The harness, where the profile decides it.
        pub runtime: Option<String> => "runtime",
        /// The model, where the profile decides it.
        pub model: Option<String> => "model",
    }
}

record! {
    /// A system-type profile.
    pub struct Profile {
        /// Its name, which is its file's.
        pub id: String => "id",
        /// Its name for people.
        pub title: String => "title",
        /// What kind of system it is.
        pub description: String => "description",
        /// The class of the coordinating seat.
        pub lead: String => "lead",
        /// The classes that stay staffed.
        pub floor: Vec<String> => "floor",
        /// Every seat, in order.
        pub roster: Vec<ProfileSeat> => "roster",
        /// What else there is to know.
        pub notes: Option<String> => "notes",
    }
}

/// A profile with the places of what it says, for diagnostics.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedProfile {
    /// The profile.
    pub profile: Profile,
    places: Places,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Places {
    id: Span,
    lead: Span,
    floor: Vec<Span>,
    seats: Vec<SeatPlaces>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct SeatPlaces {
    class: Span,
    reports_to: Span,
}

impl Profile {
    /// Returns the number of seats.
    pub fn seats(&self) -> u64 {
        let counts = self.roster.iter().map(|seat| seat_count(seat.multiplicity));
        counts.map(|count| count.unwrap_or(1)).sum()
    }

    /// Tells whether a class stays staffed.
    pub fn is_floor(&self, class: &str) -> bool {
        self.floor.iter().any(|floor| floor == class)
    }

    /// Tells whether a class coordinates.
    pub fn is_lead(&self, class: &str) -> bool {
        self.lead == class
    }
}

const KEYS: &[&str] = &[
    "id",
    "title",
    "description",
    "lead",
    "floor",
    "roster",
    "notes",
];
const SEAT_KEYS: &[&str] = &["class", "reports_to", "multiplicity", "runtime", "model"];

/// How a profile is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// What is not known is a mistake.
    #[default]
    Strict,
    /// As Mosaic reads it: any multiplicity, and keys that nobody knows.
    Mosaic,
}

/// Reads a profile; the file's stem must be its id.
///
/// # Errors
/// Every problem of its form, each with its place.
pub fn parse(text: &str, stem: Option<&str>) -> Result<ParsedProfile, Vec<Diagnostic>> {
    parse_as(Form::Strict, text, stem)
}

/// As [`parse`], in one form or the other.
///
/// # Errors
/// As [`parse`].
pub fn parse_as(
    form: Form,
    text: &str,
    stem: Option<&str>,
) -> Result<ParsedProfile, Vec<Diagnostic>> {
    let root = read(text, Limits::default()).map_err(|problem| [problem])?;
    let mut fields = Fields::new(CODES);
    fields.lenient = form == Form::Mosaic;
    let entries = fields.map(&root, "a profile");
    fields.refuse_unknown(entries, KEYS, "a profile");
    let mut places = Places::default();
    let mut text_of = |key: &str| {
        let Some(entry) = find(entries, key) else {
            fields.missing(root.span, key);
            return (String::new(), root.span);
        };
        let text = match key {
            "title" | "description" => fields.prose(&entry.value, key),
            _ => fields.text(&entry.value, key),
        };
        (text.unwrap_or_default(), entry.value.span)
    };
    let (id, id_span) = text_of("id");
    let (title, _) = text_of("title");
    let (description, _) = text_of("description");
    let (lead, lead_span) = text_of("lead");
    (places.id, places.lead) = (id_span, lead_span);
    let floor = floor(entries, &mut fields, &mut places);
    let roster = roster(entries, root.span, &mut fields, &mut places);
    let notes = find(entries, "notes").and_then(|entry| fields.prose(&entry.value, "notes"));
    if let Some(stem) = stem.filter(|stem| *stem != id && !id.is_empty()) {
        let message = format!("id is `{id}`, but the file is called `{stem}`");
        fields.note(Code::PROFILE_ID_MISMATCH, places.id, message);
    }
    if !fields.problems.is_empty() {
        return Err(fields.problems);
    }
    let profile = Profile {
        id,
        title,
        description,
        lead,
        floor,
        roster,
        notes,
    };
    Ok(ParsedProfile { profile, places })
}

fn floor(entries: &[Entry<'_>], fields: &mut Fields, places: &mut Places) -> Vec<String> {
    let Some(entry) = find(entries, "floor") else {
        return Vec::new();
    };
    let mut floor = Vec::new();
    for item in fields.list(&entry.value, "floor") {
        if let Some(class) = fields.text(item, "a class of floor") {
            floor.push(class);
            places.floor.push(item.span);
        }
    }
    floor
}

fn roster(
    entries: &[Entry<'_>],
    root: Span,
    fields: &mut Fields,
    places: &mut Places,
) -> Vec<ProfileSeat> {
    let Some(entry) = find(entries, "roster") else {
        fields.missing(root, "roster");
        return Vec::new();
    };
    let mut seats = Vec::new();
    for item in fields.list(&entry.value, "roster") {
        let members = fields.map(item, "an entry of roster");
        fields.refuse_unknown(members, SEAT_KEYS, "an entry of roster");
        let Some(class) = find(members, "class") else {
            fields.missing(item.span, "class");
            continue;
        };
        let reports_to = find(members, "reports_to");
        let mut word =
            |key: &str| find(members, key).and_then(|entry| fields.text(&entry.value, key));
        let seat = ProfileSeat {
            class: word("class").unwrap_or_default(),
            reports_to: word("reports_to"),
            runtime: word("runtime"),
            model: word("model"),
            multiplicity: multiplicity(members, fields),
        };
        places.seats.push(SeatPlaces {
            class: class.value.span,
            reports_to: reports_to.map_or(item.span, |entry| entry.value.span),
        });
        seats.push(seat);
    }
    seats
}

fn multiplicity(members: &[Entry<'_>], fields: &mut Fields) -> f64 {
    let Some(entry) = find(members, "multiplicity") else {
        return 1.0;
    };
    let Some(Scalar::Number(number)) = entry.value.as_scalar() else {
        return refuse_multiplicity(entry, fields);
    };
    let good = whole(&entry.value).is_some_and(|whole| (1..=MAX_MULTIPLICITY).contains(&whole));
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let small = *number <= MAX_MULTIPLICITY as f64;
    if good || fields.lenient && small {
        return *number;
    }
    refuse_multiplicity(entry, fields)
}

fn refuse_multiplicity(entry: &Entry<'_>, fields: &mut Fields) -> f64 {
    let message = format!("multiplicity must be a whole number from 1 to {MAX_MULTIPLICITY}");
    let code = Code::PROFILE_MULTIPLICITY_INVALID;
    fields.note(code, entry.value.span, message);
    1.0
}

impl ParsedProfile {
    /// Checks what a profile says against the library and against itself: first what
    /// stops provisioning, then what merely looks like a mistake, as warnings.
    pub fn check(&self, library: &Library) -> Vec<Diagnostic> {
        let mut found = self.check_classes(library);
        found.extend(self.check_graph());
        found
    }

    /// The classes that are named must be known.
    fn check_classes(&self, library: &Library) -> Vec<Diagnostic> {
        let Self { profile, places } = self;
        let mut found = Vec::new();
        let mut need = |code, what: &str, class: &str, span| {
            if library.contains(class) {
                return;
            }
            let message = format!("{what} `{class}` is not in the persona library");
            let mut unknown = problem(code, span, message);
            if let Some(near) = nearest(class, library.classes()) {
                unknown = unknown.help(format!("did you mean `{near}`?"));
            }
            found.push(unknown);
        };
        need(
            Code::PROFILE_LEAD_UNKNOWN,
            "lead",
            &profile.lead,
            places.lead,
        );
        for (class, span) in profile.floor.iter().zip(&places.floor) {
            need(Code::PROFILE_FLOOR_UNKNOWN, "floor class", class, *span);
        }
        let seats = || profile.roster.iter().zip(&places.seats);
        for (seat, at) in seats() {
            need(Code::PROFILE_CLASS_UNKNOWN, "class", &seat.class, at.class);
        }
        for (seat, at) in seats() {
            if let Some(manager) = &seat.reports_to {
                let code = Code::PROFILE_REPORTS_TO_UNKNOWN;
                need(code, "reports_to", manager, at.reports_to);
            }
        }
        let classes: Set<&str> = profile.roster.iter().map(|seat| &*seat.class).collect();
        for (seat, at) in seats() {
            let manager = seat.reports_to.as_deref();
            let absent =
                manager.filter(|manager| library.contains(manager) && !classes.contains(manager));
            if let Some(manager) = absent {
                let message = format!("reports_to `{manager}` has no seat in the roster");
                let code = Code::PROFILE_REPORTS_TO_ABSENT;
                found.push(problem(code, at.reports_to, message));
            }
        }
        found
    }

    /// The graph must be one tree below the lead, with the floor in it.
    fn check_graph(&self) -> Vec<Diagnostic> {
        let Self { profile, places } = self;
        let mut found = Vec::new();
        let mut warn = |code, span: Span, message: String| {
            found.push(Diagnostic::warning(code, message).standing(span.place()));
        };
        let has_seat = |class: &str| profile.roster.iter().any(|seat| seat.class == class);
        if !has_seat(&profile.lead) && !profile.roster.is_empty() {
            let message = format!("lead `{}` has no seat in the roster", profile.lead);
            warn(Code::PROFILE_LEAD_ABSENT, places.lead, message);
        }
        let mut seen = Set::new();
        for (class, span) in profile.floor.iter().zip(&places.floor) {
            if !seen.insert(class) {
                let message = format!("`{class}` stands in the floor twice");
                warn(Code::PROFILE_FLOOR_DUPLICATE, *span, message);
            } else if !has_seat(class) && !profile.roster.is_empty() {
                let message = format!("floor class `{class}` has no seat in the roster");
                warn(Code::PROFILE_FLOOR_ABSENT, *span, message);
            }
        }
        let mut roots = 0;
        for (seat, at) in profile.roster.iter().zip(&places.seats) {
            match &seat.reports_to {
                Some(_) if profile.is_lead(&seat.class) => {
                    let message = format!("the lead `{}` reports to somebody", seat.class);
                    warn(Code::PROFILE_LEAD_REPORTS, at.reports_to, message);
                }
                Some(_) => {}
                None => {
                    roots += 1;
                    if roots == 2 {
                        let message =
                            format!("`{}` reports to nobody and is not alone", seat.class);
                        warn(Code::PROFILE_ROOTS_SEVERAL, at.class, message);
                    }
                }
            }
        }
        self.check_names(&mut warn);
        self.check_cycles(&mut warn);
        found
    }

    /// Seats that would get one name.
    fn check_names(&self, warn: &mut impl FnMut(Code, Span, String)) {
        let mut names: Map<String, &str> = Map::new();
        for (seat, at) in self.profile.roster.iter().zip(&self.places.seats) {
            for name in seat_names(&seat.class, seat.multiplicity) {
                if let Some(first) = names.insert(name.clone(), &seat.class) {
                    let message = format!(
                        "the seat `{name}` of `{}` is already there, of `{first}`",
                        seat.class
                    );
                    warn(Code::PROFILE_SEAT_DUPLICATE, at.class, message);
                    break;
                }
            }
        }
    }

    fn check_cycles(&self, warn: &mut impl FnMut(Code, Span, String)) {
        let seats = &self.profile.roster;
        let manager = |class: &str| {
            let seat = seats.iter().find(|seat| seat.class == class)?;
            seat.reports_to.as_deref()
        };
        let mut told: Set<&str> = Set::new();
        for (seat, at) in seats.iter().zip(&self.places.seats) {
            let mut way: Vec<&str> = alloc::vec![&*seat.class];
            while let Some(next) = way.last().and_then(|last| manager(last)) {
                if next == seat.class {
                    if way.iter().all(|class| !told.contains(class)) {
                        way.push(next);
                        let message = format!("the seats report in a circle: {}", way.join(" -> "));
                        warn(Code::PROFILE_CYCLE, at.reports_to, message);
                        told.extend(way.iter().copied());
                    }
                    break;
                }
                if way.contains(&next) {
                    break;
                }
                way.push(next);
            }
        }
    }
}

/// Finds profiles that have one id.
pub fn check_ids<'p>(profiles: impl Iterator<Item = (&'p str, &'p Profile)>) -> Vec<Diagnostic> {
    let mut files: Map<&str, &str> = Map::new();
    let mut found = Vec::new();
    for (file, profile) in profiles {
        if let Some(first) = files.insert(&profile.id, file) {
            let message = format!("profile id `{}` is also that of {first}", profile.id);
            found.push(
                Diagnostic::error(Code::PROFILE_ID_DUPLICATE, message).within(file.to_string()),
            );
        }
    }
    found
}
