//! How the fleet should be: the merged roster, its text, and its seats.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::edits::{edit, refused};
use super::{Edit, EditKind, EnvWrite, Input, PlannedSeat, Variable, lock_of};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Severity};
use crate::base::digest::{of_bytes, of_json};
use crate::base::map::Map;
use crate::base::record::record;
use crate::base::sort::sort_by;
use crate::base::text::nearest;
use crate::fleet::amend::amend;
use crate::fleet::envfile;
use crate::fleet::generate::{Generated, Rules, Source, Why, generate};
use crate::fleet::library::{LayerIndex, Library, RoleFile};
use crate::fleet::lock::{Lock, Selection};
use crate::fleet::merge::{Conflict, Field, Fields, Kind, Units, merge};
use crate::fleet::policy::{self, Policy};
use crate::fleet::profile::{self, Profile};
use crate::fleet::provision::Staffing;
use crate::fleet::roster::{self, Roster, Seat, is_safe_name};
use crate::fleet::topology::{managers, waves};

/// How the fleet should be.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The merged roster.
    pub roster: Roster,
    /// Its text, with the operator's lines as they were.
    pub text: String,
    /// What is recorded of it; its generation counts when something is written.
    pub lock: Lock,
    /// The seats.
    pub seats: Vec<PlannedSeat>,
    /// The environment files that are not as they should be.
    pub env: Vec<EnvWrite>,
    /// The policy.
    pub policy: Policy,
    /// What the operator must decide.
    pub conflicts: Vec<Conflict>,
    /// What else there is to know.
    pub diagnostics: Vec<Diagnostic>,
}

record! {
    /// What the digest of a seat is made of.
    pub struct Hashed {
        /// The class.
        pub class: String => "class",
        /// The harness.
        pub runtime: String => "runtime",
        /// The model.
        pub model: Option<String> => "model",
        /// Where it works.
        pub working_directory: String => "working_directory",
        /// The digest of the persona's text.
        pub role: Option<String> => "role",
        /// The digest of the persona's file.
        pub persona: Option<String> => "persona",
        /// The digest of the environment file, once it is written.
        pub env: String => "env",
        /// The seat that it reports to: its prompt names it.
        pub manager: Option<String> => "manager",
    }
}

/// What the texts of an input say.
struct Read {
    library: Library,
    policy: Policy,
    profile: Option<Profile>,
    lock: Lock,
    roster: Option<Roster>,
    diagnostics: Vec<Diagnostic>,
}

impl Read {
    fn of(input: &Input) -> Result<Self, Vec<Diagnostic>> {
        let library = Library {
            base: LayerIndex::scan(&input.roles),
            over: LayerIndex::scan(&input.roles_local),
        };
        let mut diagnostics = library.base.warnings.clone();
        diagnostics.extend(library.over.warnings.iter().cloned());
        let policy = input.policy.as_deref().map(policy::parse).transpose()?;
        let profile = match &input.profile {
            None => None,
            Some(file) => {
                let within = |found: Vec<Diagnostic>| -> Vec<Diagnostic> {
                    let found = found.into_iter();
                    found.map(|problem| problem.within(&*file.name)).collect()
                };
                let stem = file.name.strip_suffix(".yaml").unwrap_or(&file.name);
                let parsed = profile::parse(&file.text, Some(stem)).map_err(within)?;
                let found = within(parsed.check(&library));
                let errors = found.iter().filter(|one| one.severity == Severity::Error);
                let errors: Vec<Diagnostic> = errors.cloned().collect();
                if !errors.is_empty() {
                    return Err(errors);
                }
                diagnostics.extend(found);
                Some(parsed.profile)
            }
        };
        let roster = input.roster.as_deref().map(roster::parse).transpose();
        let roster = roster.map_err(|found| {
            let found = found.into_iter();
            found
                .map(|problem| problem.within(roster::FILE))
                .collect::<Vec<_>>()
        })?;
        Ok(Self {
            library,
            policy: policy.unwrap_or_default(),
            profile,
            lock: lock_of(input.lock.as_deref())?,
            roster,
            diagnostics,
        })
    }

    /// Which seats of the profile are staffed, after the edits.
    fn selection(&self, input: &Input) -> Result<Selection, Vec<Diagnostic>> {
        let mut selection = self.lock.selection.clone();
        if let Some(profile) = &self.profile {
            if selection.profile.as_ref() != Some(&profile.id) {
                selection = Selection::default();
            }
            selection.profile = Some(profile.id.clone());
        }
        selection.full = input.full.unwrap_or(selection.full);
        for edit in input
            .edits
            .iter()
            .filter(|edit| edit.kind == EditKind::Scale)
        {
            let entries = self.profile.iter().flat_map(|profile| &profile.roster);
            let classes: Vec<&str> = entries.map(|entry| &*entry.class).collect();
            if !classes.contains(&&*edit.name) {
                let what = format!("no profile of this fleet has the class `{}`", edit.name);
                let usual =
                    "seats that were added by hand come and go by `fleet add` and `fleet remove`";
                return Err(refused(what, nearest(&edit.name, classes), usual));
            }
            let count = edit.count.unwrap_or(1);
            if count > profile::MAX_MULTIPLICITY {
                let most = profile::MAX_MULTIPLICITY;
                let what = format!("{count} seats of `{}` are more than {most}", edit.name);
                return Err(refused(what, None, "scale to fewer"));
            }
            selection.scale.insert(edit.name.clone(), count);
        }
        Ok(selection)
    }
}

impl Desired {
    /// Finds out how the fleet should be.
    ///
    /// # Errors
    /// What stops the fleet as a whole.
    pub fn of(input: &Input, staffing: Staffing<'_>) -> Result<Self, Vec<Diagnostic>> {
        let mut read = Read::of(input)?;
        let selection = read.selection(input)?;
        let generated = generated(&read, &selection, staffing)?;
        let base = read.lock.base.as_ref().map(Units::of);
        let current = read.roster.as_ref().map(Units::of);
        let theirs = generated.as_ref().map(|(_, roster)| Units::of(roster));
        let mine = current.clone().or_else(|| theirs.clone());
        let Some(mine) = mine.or_else(|| base.clone()) else {
            let what = String::from("there is neither a roster nor a profile");
            let usual = "name one: `callsheet fleet plan --profile ID`; `callsheet fleet profile list` shows them";
            return Err(refused(what, None, usual));
        };
        let base = base.unwrap_or_default();
        // Without a profile there is nobody but the operator.
        let theirs = theirs.unwrap_or_else(|| mine.clone());
        let mut merged = merge(&base, &mine, &theirs, &input.terms);
        edit(&mut merged, &mine, &input.edits, staffing)?;
        complete_runtimes(&mut merged.units, &theirs, staffing);
        let roster = merged.units.roster();
        let (text, warning) = match (&input.roster, &current) {
            (Some(text), Some(current)) => amend(text, current, &merged.units),
            _ => (roster.emit(), None),
        };
        read.diagnostics.extend(warning);
        let seats = generated
            .as_ref()
            .map(|(seats, _)| &**seats)
            .unwrap_or_default();
        let lock = Lock {
            base: generated
                .as_ref()
                .map(|(_, roster)| roster.clone())
                .or(read.lock.base.take()),
            selection,
            managers: chains(&roster, seats, &read.lock, &input.edits),
            ..read.lock.clone()
        };
        let mut desired = Self {
            roster,
            text,
            lock,
            seats: Vec::new(),
            env: Vec::new(),
            policy: read.policy.clone(),
            conflicts: merged.conflicts,
            diagnostics: read.diagnostics.clone(),
        };
        desired.staff(&read.library, input, (seats, staffing))?;
        Ok(desired)
    }

    /// The commands that clear a context.
    pub fn resets(&self, staffing: Staffing<'_>) -> Map<String, String> {
        let mut resets = self.roster.runtimes.clone();
        for seat in &self.seats {
            if let Some(reset) = staffing.reset(&seat.runtime) {
                resets.or_insert_with(seat.runtime.clone(), || reset.to_string());
            }
        }
        resets
    }

    fn staff(
        &mut self,
        library: &Library,
        input: &Input,
        (generated, staffing): (&[Generated], Staffing<'_>),
    ) -> Result<(), Vec<Diagnostic>> {
        let names: Vec<&str> = self.roster.agents.iter().map(|seat| &*seat.name).collect();
        let waves = waves(&names, &self.lock.managers);
        for (seat, wave) in self.roster.agents.iter().zip(waves) {
            if !is_safe_name(&seat.name) {
                let what = format!("`{}` cannot be the name of a session", seat.name);
                let found = Diagnostic::error(Code::ROSTER_NAME_UNSAFE, what)
                    .help("rename the class, or give the seat another name in the roster");
                return Err(alloc::vec![found]);
            }
            let (env, write) = environment(seat, &self.roster, &input.env)?;
            self.env.extend(write);
            let persona = library.resolve(&seat.class);
            let hindrance = hindrance(seat, persona.is_some(), library, staffing);
            let made = generated.iter().find(|made| made.seat.name == seat.name);
            let place = seat.working_directory.as_ref();
            let place = place.unwrap_or(&self.roster.working_directory);
            let manager = self.lock.managers.get(&seat.name).cloned();
            let hashed = Hashed {
                class: seat.class.clone(),
                runtime: seat.runtime.clone(),
                model: seat.model_hint.clone(),
                working_directory: place.clone(),
                role: persona.map(|persona| persona.digest),
                persona: digest(&input.personas, &seat.class, ".json"),
                env,
                manager: manager.clone(),
            };
            self.seats.push(PlannedSeat {
                name: seat.name.clone(),
                class: seat.class.clone(),
                runtime: seat.runtime.clone(),
                model: seat.model_hint.clone(),
                working_directory: place.clone(),
                domain: library.domain(&seat.class).to_string(),
                persistent: seat.persistent_persona == Some(true),
                reports_to: manager,
                wave,
                hash: of_json(&hashed),
                startable: hindrance.is_none(),
                why: why(seat, made, &input.edits),
            });
            self.diagnostics.extend(hindrance);
        }
        Ok(())
    }
}

/// The seats and the roster of the profile, if the fleet has one.
fn generated(
    read: &Read,
    selection: &Selection,
    staffing: Staffing<'_>,
) -> Result<Option<(Vec<Generated>, Roster)>, Vec<Diagnostic>> {
    let Some(profile) = &read.profile else {
        return Ok(None);
    };
    let rules = Rules {
        library: &read.library,
        policy: &read.policy,
        staffing,
    };
    let seats = generate(profile, selection, &rules).map_err(|error| {
        let found = Diagnostic::error(Code::PROFILE_CLASS_UNKNOWN, error.to_string());
        alloc::vec![found]
    })?;
    let mut names: Vec<&str> = seats.iter().map(|made| &*made.seat.name).collect();
    sort_by(&mut names, &Ord::cmp);
    let mut pairs = names.iter().zip(names.iter().skip(1));
    if let Some((double, _)) = pairs.find(|(one, other)| one == other) {
        let what = format!(
            "two seats of profile `{}` would be called `{double}`",
            profile.id
        );
        let found = Diagnostic::error(Code::PROFILE_SEAT_DUPLICATE, what)
            .help("give one of the classes another name or another multiplicity");
        return Err(alloc::vec![found]);
    }
    let usual = staffing.runtimes.iter();
    let roster = Roster {
        agents: seats.iter().map(|made| made.seat.clone()).collect(),
        runtimes: usual
            .map(|(name, reset)| ((*name).to_string(), (*reset).to_string()))
            .collect(),
        ..Roster::default()
    };
    let mut units = Units::of(&roster);
    complete_runtimes(&mut units, &Units::default(), staffing);
    Ok(Some((seats, units.roster())))
}

/// Adds the harnesses that seats use. One that is generated and still not there was taken
/// away by the operator.
fn complete_runtimes(units: &mut Units, generated: &Units, staffing: Staffing<'_>) {
    let used: Vec<String> = units
        .roster()
        .agents
        .into_iter()
        .map(|seat| seat.runtime)
        .collect();
    for runtime in used {
        let known = [&*units, generated]
            .iter()
            .any(|units| units.get(Kind::Runtime, &runtime).is_some());
        if let Some(reset) = staffing.reset(&runtime).filter(|_| !known) {
            let fields = Fields::from([("reset_command", Field::Text(reset.to_string()))]);
            units.0.push((Kind::Runtime, runtime, fields));
        }
    }
    sort_by(&mut units.0, &|(kind, ..), (other, ..)| kind.cmp(other));
}

/// The seat that each seat reports to: by the profile, else as it was said.
fn chains(
    roster: &Roster,
    generated: &[Generated],
    lock: &Lock,
    edits: &[Edit],
) -> Map<String, String> {
    let seats = roster.agents.iter().map(|seat| (&*seat.name, &*seat.class));
    let seats: Vec<(&str, &str)> = seats.collect();
    let mut found = managers(&seats, |name| {
        let made = generated.iter().find(|made| made.seat.name == name)?;
        made.reports_to.as_deref()
    });
    let exists = |name: &str| seats.iter().any(|(other, _)| *other == name);
    let said = edits.iter().filter(|edit| edit.kind == EditKind::Add);
    let said = said.filter_map(|edit| Some((&edit.name, edit.reports_to.as_ref()?)));
    for (seat, manager) in lock.managers.iter().chain(said) {
        let by_hand = !generated.iter().any(|made| made.seat.name == *seat);
        if by_hand && exists(seat) && exists(manager) {
            found.insert(seat.clone(), manager.clone());
        }
    }
    found
}

/// The digest that the environment file of a seat should have, and how it gets there.
fn environment(
    seat: &Seat,
    roster: &Roster,
    files: &[RoleFile],
) -> Result<(String, Option<EnvWrite>), Vec<Diagnostic>> {
    let name = format!("{}.env", seat.name);
    let existing = files.iter().find(|file| file.name == name);
    let text = existing.map_or("", |file| &*file.text);
    let variables = envfile::of_seat(seat, roster);
    let merged = envfile::merge(text, &variables).map_err(|error| {
        let found = Diagnostic::error(Code::ENV_LINE_INVALID, format!("{name}: {error}"));
        alloc::vec![found]
    })?;
    let digest = of_bytes(merged.as_bytes());
    if existing.is_some() && merged == text {
        return Ok((digest, None));
    }
    let variables = variables.iter().map(|(name, value)| Variable {
        name: (*name).to_string(),
        value: (*value).to_string(),
    });
    let write = EnvWrite {
        path: format!("agents/{name}"),
        before: existing.map(|file| of_bytes(file.text.as_bytes())),
        variables: variables.collect(),
    };
    Ok((digest, Some(write)))
}

fn digest(files: &[RoleFile], stem: &str, extension: &str) -> Option<String> {
    let named = |file: &&RoleFile| file.name.strip_suffix(extension) == Some(stem);
    let file = files.iter().find(named)?;
    Some(of_bytes(file.text.as_bytes()))
}

/// Tells what keeps a seat from being started.
fn hindrance(
    seat: &Seat,
    readable: bool,
    library: &Library,
    staffing: Staffing<'_>,
) -> Option<Diagnostic> {
    if !staffing.knows(&seat.runtime) {
        let known: Vec<&str> = staffing.known.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "seat `{}`: runtime `{}` cannot be started",
            seat.name, seat.runtime
        );
        let help = nearest(&seat.runtime, known.iter().copied()).map_or_else(
            || format!("runtimes that can be: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        return Some(Diagnostic::error(Code::ROSTER_RUNTIME_UNKNOWN, message).help(help));
    }
    if readable {
        return None;
    }
    let class = &seat.class;
    let message = format!(
        "seat `{}`: class `{class}` has no readable persona",
        seat.name
    );
    let help = nearest(class, library.classes())
        .filter(|near| near != class)
        .map_or_else(
            || format!("write one: `callsheet fleet persona customize {class} --new`"),
            |near| format!("did you mean `{near}`?"),
        );
    Some(Diagnostic::error(Code::PROFILE_CLASS_UNKNOWN, message).help(help))
}

/// The whole chain of reasons: what the operator said stands before what was generated.
fn why(seat: &Seat, made: Option<&Generated>, edits: &[Edit]) -> Vec<Why> {
    let mut chain = Vec::new();
    let fields = [
        ("runtime", Some(&seat.runtime)),
        ("model_hint", seat.model_hint.as_ref()),
        ("working_directory", seat.working_directory.as_ref()),
    ];
    for (field, value) in fields {
        let said = made.iter().flat_map(|made| &made.why);
        let mut said: Vec<Why> = said.filter(|why| why.field == field).cloned().collect();
        let used = said
            .iter()
            .find(|why| why.used)
            .and_then(|why| why.value.as_ref());
        if used != value {
            for why in &mut said {
                why.used = false;
            }
            let typed = edits.iter().any(|edit| {
                let given = match field {
                    "runtime" => &edit.runtime,
                    "model_hint" => &edit.model,
                    _ => &edit.working_directory,
                };
                edit.name == seat.name && given.as_ref() == value
            });
            let (source, at) = if typed {
                (Source::CommandLine, None)
            } else {
                (Source::Roster, Some(roster::FILE.to_string()))
            };
            said.insert(
                0,
                Why {
                    field: field.to_string(),
                    value: value.cloned(),
                    source,
                    at,
                    used: true,
                },
            );
        }
        chain.append(&mut said);
    }
    chain
}
