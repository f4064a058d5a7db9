//! The bodies of the fuzz targets, and a small mutating driver that runs them on
//! the stable compiler.
//!
//! `tests/fuzz/` hands the same bodies to cargo-fuzz.

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Print, Value};
use plan_core::effect::{ActionList, describe_action};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::lower::{Places, lower};
use plan_core::persona::mount::plain_view;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::parse::{parse_agent, parse_persona};
use plan_core::persona::plan::PersonaSpawnPlan;

/// Feeds one text to everything that reads text. It must return, whatever the text.
///
/// # Errors
/// A property that does not hold for this text.
pub fn exercise(text: &str) -> Result<(), String> {
    let Ok(value) = json::read(text) else {
        return Ok(());
    };
    round_trip(&value)?;
    for edition in Edition::ALL.iter().copied() {
        let answer = answers(&value, edition)?;
        if answer != answers(&value, edition)? {
            return Err(format!("two answers in edition {}", edition.as_str()));
        }
    }
    Ok(())
}

/// Everything that one edition says about a value, as text.
fn answers(value: &Value<'_>, edition: Edition) -> Result<Vec<String>, String> {
    let intent = value.get_str("intent").unwrap_or("review");
    let persona = parse_persona(value, intent, edition).map(|persona| {
        let mut selection = persona.as_object().clone();
        selection.insert("personaId", persona.id().to_owned());
        Value::Object(selection)
    });
    let agent = parse_agent(value, "agent", edition);
    let mut said = vec![
        text_of(persona.as_ref()),
        text_of(agent.as_ref()),
        text_of(PersonaSpawnPlan::read(value).as_ref()),
    ];
    for selection in persona.iter().chain([value]) {
        said.extend(plan(selection, value, edition)?);
    }
    if let Ok(plan) = PersonaSpawnPlan::read(value) {
        lowered(&plan).ok();
    }
    Ok(said)
}

/// Plans a selection: with the options that stand beside it, and for a task.
fn plan(selection: &Value<'_>, value: &Value<'_>, edition: Edition) -> Result<[String; 2], String> {
    let nothing = Object::new();
    let given = value.get("options").unwrap_or(value);
    let given = if edition.switches().strict_parse {
        PlanOptions::strict(given, &nothing).unwrap_or_default()
    } else {
        PlanOptions::lenient(given, &nothing)
    };
    let task = PlanOptions {
        task: Some("Do it."),
        repo_root: Some("/repo/project"),
        ..given.clone()
    };
    let mut said = [String::new(), String::new()];
    for (said, options) in said.iter_mut().zip([given, task]) {
        let built = build_persona_spawn_plan(selection, &options, edition);
        if let Ok(plan) = &built {
            check_plan(plan)?;
        }
        *said = text_of(built.as_ref());
    }
    Ok(said)
}

/// Checks what holds of every plan that was built: it reads back as it was, and what
/// it is lowered to passes the executor's checks.
///
/// # Errors
/// What does not hold.
pub fn check_plan(plan: &PersonaSpawnPlan<'_>) -> Result<(), String> {
    let text = json::print(plan);
    let value = json::read(&text).map_err(|error| format!("the plan is no JSON: {error}"))?;
    let again = PersonaSpawnPlan::read(&value).map_err(|why| format!("{why}: {text}"))?;
    if json::print(&again) != text {
        return Err(format!("the plan reads back as another: {text}"));
    }
    let actions = match lowered(plan) {
        Ok(actions) => actions,
        // persona-kit 4 plans what it cannot carry out.
        Err(_) if !plan.edition().switches().safe_arguments => return Ok(()),
        Err(problems) => return Err(format!("{}: {text}", words(&problems))),
    };
    let mut lines = actions.iter().map(|action| describe_action(&action.kind));
    if lines.any(|line| line.is_empty() || line.contains('\n')) {
        return Err(format!("an action is not one line: {text}"));
    }
    let checked = actions.check();
    checked.map_err(|problems| format!("{}: {text}", words(&problems)))
}

/// Lowers a plan to actions in a project that does not exist.
fn lowered(plan: &PersonaSpawnPlan<'_>) -> Result<ActionList, Vec<Diagnostic>> {
    let links = plan.private_links.iter().flatten();
    let link_targets: Vec<_> = links.map(|_| Some("/home/u/file".to_owned())).collect();
    let places = Places {
        cwd: "/repo/project",
        stage: "/state/runs/r/stage",
        mount: "/state/runs/r/mount",
        include_git: true,
        view: plain_view(plan.mount.as_ref()),
        ignored: &[],
        readonly: &[],
        link_targets: &link_targets,
        inherited: &[],
        kept_skills: &[],
    };
    lower(plan, &places)
}

fn text_of<T: Print, E: std::fmt::Debug>(answer: Result<&T, &E>) -> String {
    answer.map_or_else(|error| format!("{error:?}"), json::print)
}

/// What is printed reads back as the same value and prints as the same text. Numbers
/// beyond a double print as `null`, as in JavaScript, and do not come back.
fn round_trip(value: &Value<'_>) -> Result<(), String> {
    let printed = json::print(value);
    let again = json::read(&printed).map_err(|error| format!("printed text unread: {error}"))?;
    let same = (again == *value || !is_finite(value)) && json::print(&again) == printed;
    same.then_some(())
        .ok_or_else(|| format!("print and read disagree: {printed}"))
}

fn is_finite(value: &Value<'_>) -> bool {
    let members = value.as_object().is_none_or(|object| {
        let mut members = object.iter();
        members.all(|(_, member)| is_finite(member))
    });
    members
        && value.as_number().is_none_or(f64::is_finite)
        && value.as_array().unwrap_or_default().iter().all(is_finite)
}

/// A small generator of repeatable noise (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// Creates a generator; equal seeds give equal noise.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> Option<&'t T> {
        let place = self.below(from.len());
        from.get(place).copied()
    }
}

/// Values that parsers of this repository have an opinion about.
const VALUES: [&str; 27] = [
    "{}",
    "[]",
    "[[]]",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "0.5",
    "1e21",
    "\"\"",
    "\" \"",
    "\"..\"",
    "\"a/../b.md\"",
    "\"/etc/passwd\"",
    "\"-x\"",
    "\"$NAME\"",
    "\"${A}${\"",
    "\"\\u0000\"",
    "\"claude\"",
    "\"opencode\"",
    "\"bypassPermissions\"",
    "\"extend\"",
    "\"é😀\\u2028\"",
    "{\"a b\": {\"type\": \"stdio\", \"command\": \"$C\"}}",
    "{\"A\": \"\", \"1\": {}}",
    "[{\"id\": \"x\", \"source\": \"x/..\", \"description\": \"d\"}]",
];

/// Keys that mean something.
const KEYS: [&str; 16] = [
    "id",
    "intent",
    "harness",
    "extends",
    "skills",
    "inputs",
    "env",
    "mcpServers",
    "permissions",
    "mount",
    "claudeMd",
    "agentsMdContent",
    "memory",
    "onEvent",
    "__proto__",
    "0",
];

/// Texts that are no value.
const PIECES: [&str; 8] = [",", ":", "{", "}", "\"", "[[[[[[[[", "\"a\":1,", "\u{2028}"];

/// Changes a text a little. Where it is JSON it mostly stays JSON.
pub fn mutate(seed_text: &str, noise: &mut Noise) -> String {
    if let (1.., Ok(value)) = (noise.below(5), json::read(seed_text)) {
        let mut value = value.to_owned_value();
        for _ in 0..=noise.below(3) {
            value = change(&value, noise);
        }
        return json::print(&value);
    }
    let mut text = seed_text.to_owned();
    for _ in 0..=noise.below(3) {
        text = edit(&text, noise);
    }
    text
}

/// Changes one place of a value tree.
fn change(value: &Value<'static>, noise: &mut Noise) -> Value<'static> {
    let members = value.as_object().map_or(0, Object::len);
    let items = value.as_array().map_or(0, <[_]>::len);
    if members + items == 0 || noise.below(8) == 0 {
        return other(noise);
    }
    let chosen = noise.below(members + items);
    let deed = noise.below(10);
    if let Some(object) = value.as_object() {
        let mut new = Object::new();
        for (place, (key, member)) in object.entries().iter().enumerate() {
            match (place == chosen, deed) {
                (true, 0) => {}
                (true, 1) => new.insert(noise.pick(&KEYS).unwrap_or_default(), member.clone()),
                (true, 2) => new.insert(noise.pick(&KEYS).unwrap_or_default(), other(noise)),
                (true, _) => new.insert(key.clone(), change(member, noise)),
                (false, _) => new.insert(key.clone(), member.clone()),
            }
        }
        return new.into();
    }
    let mut new = value.as_array().unwrap_or_default().to_vec();
    if let Some(item) = new.get_mut(chosen) {
        *item = change(item, noise);
    }
    new.into()
}

/// One of the values.
fn other(noise: &mut Noise) -> Value<'static> {
    let text = noise.pick(&VALUES).unwrap_or("null");
    json::read(text).unwrap_or_default()
}

fn edit(text: &str, noise: &mut Noise) -> String {
    let from = boundary(text, noise.below(text.len() + 1));
    let to = boundary(text, from + noise.below(24)).max(from);
    let (head, tail) = text.split_at(from);
    let cut = text.get(to..).unwrap_or_default();
    let middle = text.get(from..to).unwrap_or_default();
    match noise.below(5) {
        0 => format!("{head}{cut}"),
        1 => format!("{head}{middle}{tail}"),
        2 => head.to_owned(),
        3 => format!("{head}{}{cut}", noise.pick(&PIECES).unwrap_or_default()),
        _ => format!("{head}{}{tail}", noise.pick(&PIECES).unwrap_or_default()),
    }
}

fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Runs `exercise` on each seed text and `rounds` mutations of it; returns how many
/// mutations ran.
///
/// # Errors
/// The first property that does not hold, or panic, with the text.
pub fn drive(seeds: &[String], seed: u64, rounds: usize) -> Result<usize, String> {
    let mut noise = Noise::new(seed);
    let mut done = 0;
    for text in seeds {
        exercise(text).map_err(|why| format!("{why}\nfor the seed {text}"))?;
        for _ in 0..rounds {
            let mutant = mutate(text, &mut noise);
            guarded(&mutant).map_err(|why| format!("{why}\nseed {seed}, text:\n{mutant}"))?;
            done += 1;
        }
    }
    Ok(done)
}

/// Turns a panic into an answer, so that the text which caused it is shown.
fn guarded(text: &str) -> Result<(), String> {
    std::panic::catch_unwind(|| exercise(text)).unwrap_or_else(|_| Err("it panicked".to_owned()))
}

/// Joins the messages of several problems.
fn words(problems: &[Diagnostic]) -> String {
    let messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
    messages.join("; ")
}
