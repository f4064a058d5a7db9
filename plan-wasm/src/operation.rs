//! The operations: texts in, one call of the core, text out.

use std::cell::RefCell;

use plan_core::base::code::Code;
use plan_core::base::diag::{Diagnostic, Path};
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Print, Source, Value, Writer, print};
use plan_core::base::record::Scan as _;
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::lint;
use plan_core::persona::lower::{PlacesDocument, lower};
use plan_core::persona::options::PlanOptions;
use plan_core::persona::parse;
use plan_core::persona::plan::PersonaSpawnPlan;
use plan_core::persona::resolve::{self, Facts, Resolution, ResolveOptions};
use plan_core::persona::schema as schemas;
use plan_core::persona::selection::{Echo, Selection};

use crate::door::Answer;
use crate::failure::Failure;

/// Asks for edition `persona-kit-4`; without it the edition is 2026.
pub const FLAG_COMPAT: u32 = 1;

/// Leaves `null` where a plan repeats the persona: the caller holds it.
pub const FLAG_HELD: u32 = 2;

/// Leaves [`MARK`] where a plan would repeat the persona's text letter by letter: the
/// caller puts it in. A persona whose text is not what a plan prints is repeated.
pub const FLAG_MARKED: u32 = 4;

/// Stands for the persona's text. JSON has no such character, in strings or outside.
const MARK: &str = "\u{2}";

thread_local! {
    static COMPILED: RefCell<Vec<Option<Compiled>>> = const { RefCell::new(Vec::new()) };
}

/// A persona that is kept for repeated planning.
struct Compiled {
    value: Value<'static>,
    printed: Option<String>,
}

const fn edition(flags: u32) -> Edition {
    if flags & FLAG_COMPAT == 0 {
        Edition::V2026
    } else {
        Edition::PersonaKit4
    }
}

/// Reads a document that messages call `what`.
fn read<'t>(what: &str, text: &'t str) -> Result<Source<'t>, Failure> {
    json::read_source(text).map_err(|error| Failure::unread(what, text, &error))
}

/// Reads options; an empty text stands for none.
fn read_options(text: &str) -> Result<Value<'_>, Failure> {
    if text.is_empty() {
        return Ok(Value::Object(Object::new()));
    }
    Ok(read("options", text)?.value)
}

pub(crate) fn plan(flags: u32, [persona, options]: [&str; 2]) -> Answer {
    let persona = read("persona", persona)?;
    let options = read_options(options)?;
    build(flags, Selection::from(&persona), &options).map(Some)
}

pub(crate) fn plan_all(flags: u32, [personas, options]: [&str; 2]) -> Answer {
    let personas = read("personas", personas)?;
    let options = read_options(options)?;
    let Some(personas) = personas.value.as_array() else {
        let at = Path::root("personas");
        return Err(Diagnostic::at(Code::RECORD_INVALID, &at, "must be an array").into());
    };
    let mut out = Writer::compact();
    out.begin_array();
    for persona in personas {
        out.begin_object();
        match build(flags, Selection::from(persona), &options) {
            Ok(plan) => {
                out.field("ok", &true);
                out.key("plan");
                out.raw(&plan);
            }
            Err(failure) => {
                out.field("ok", &false);
                out.key("error");
                out.raw(&failure.print());
            }
        }
        out.end_object();
    }
    out.end_array();
    Ok(Some(out.finish()))
}

pub(crate) fn compile([persona]: [&str; 1]) -> Answer {
    let source = read("persona", persona)?;
    let compiled = Compiled {
        value: source.value.to_owned_value(),
        printed: source.printed.map(String::from),
    };
    let number = COMPILED.with_borrow_mut(|kept| {
        let free = kept.iter().position(Option::is_none);
        let number = free.unwrap_or(kept.len());
        match kept.get_mut(number) {
            Some(place) => *place = Some(compiled),
            None => kept.push(Some(compiled)),
        }
        number
    });
    Ok(Some(number.to_string()))
}

pub(crate) fn plan_compiled(flags: u32, number: u32, [options]: [&str; 1]) -> Answer {
    let options = read_options(options)?;
    COMPILED.with_borrow(|kept| {
        let place = usize::try_from(number).ok();
        let compiled = place.and_then(|place| kept.get(place)?.as_ref());
        let Some(Compiled { value, printed }) = compiled else {
            let message = "the compiled persona was disposed of";
            return Err(Diagnostic::error(Code::RECORD_INVALID, message).into());
        };
        let selection = Selection::printed(value, printed.as_deref());
        build(flags, selection, &options).map(Some)
    })
}

pub(crate) fn release(number: u32) {
    COMPILED.with_borrow_mut(|kept| {
        let place = usize::try_from(number).ok();
        if let Some(place) = place.and_then(|place| kept.get_mut(place)) {
            *place = None;
        }
    });
}

fn build<'s>(
    flags: u32,
    selection: Selection<'s>,
    options: &'s Value<'s>,
) -> Result<String, Failure> {
    let (edition, ambient) = (edition(flags), Object::new());
    let options = if edition.switches().strict_parse {
        PlanOptions::strict(options, &ambient)?
    } else {
        PlanOptions::lenient(options, &ambient)
    };
    let mut plan = build_persona_spawn_plan(selection, &options, edition)?;
    if flags & FLAG_HELD != 0 {
        plan.persona = Echo::held();
    } else if flags & FLAG_MARKED != 0 && plan.persona.has_text() {
        plan.persona = Echo::marked(MARK);
    }
    Ok(print(&plan))
}

pub(crate) fn check_plan([plan]: [&str; 1]) -> Answer {
    let plan = read("plan", plan)?;
    PersonaSpawnPlan::read(&plan.value)?;
    Ok(None)
}

pub(crate) fn plan_effects([plan, places]: [&str; 2]) -> Answer {
    let plan = read("plan", plan)?;
    let plan = PersonaSpawnPlan::read(&plan.value)?;
    let places = read("places", places)?;
    let places = PlacesDocument::scan(&places.value, &Path::root("places"))?;
    let actions = places.with(&plan, |places| lower(&plan, places));
    let actions = actions.map_err(Failure::all)?;
    give(&actions)
}

pub(crate) fn parse_persona(flags: u32, [document, intent]: [&str; 2]) -> Answer {
    let document = read("persona", document)?.value;
    let own = document.get_str("intent").unwrap_or_default();
    let intent = if intent.is_empty() { own } else { intent };
    let parsed = parse::parse_persona(&document, intent, edition(flags));
    let parsed = parsed.map_err(Failure::all)?;
    give(parsed.as_object())
}

pub(crate) fn parse_agent(flags: u32, [document]: [&str; 1]) -> Answer {
    let document = read("agent", document)?.value;
    let parsed = parse::parse_agent(&document, "agent", edition(flags));
    give(&parsed.map_err(Failure::all)?)
}

/// Checks a whole persona document.
fn validate(value: &Value<'_>, edition: Edition) -> Result<(), Vec<Diagnostic>> {
    let intent = value.get_str("intent").unwrap_or_default();
    parse::parse_persona(value, intent, edition).map(drop)
}

const fn resolve_options(flags: u32) -> ResolveOptions {
    ResolveOptions {
        edition: edition(flags),
        validate,
    }
}

pub(crate) fn resolve_persona(flags: u32, [reference, facts]: [&str; 2]) -> Answer {
    let facts = Facts::read(&read("facts", facts)?.value)?;
    let found = resolve::resolve(reference, &facts, &resolve_options(flags))?;
    Ok(Some(print_resolution(&found)))
}

fn print_resolution(found: &Resolution<'_>) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("spec", &found.spec);
    out.field("selection", &found.selection);
    out.field("source", &*found.source);
    if let Some(path) = &found.path {
        out.field("path", &**path);
    }
    out.field("warnings", &found.warnings);
    out.end_object();
    out.finish()
}

pub(crate) fn list_personas(flags: u32, [facts]: [&str; 1]) -> Answer {
    let facts = Facts::read(&read("facts", facts)?.value)?;
    let listed = resolve::resolve_listing(&facts, &resolve_options(flags));
    give(&listed)
}

pub(crate) fn lint_persona(flags: u32, [persona]: [&str; 1]) -> Answer {
    let persona = read("persona", persona)?.value;
    give(&lint::lint_scopes(&persona, edition(flags)))
}

pub(crate) fn lint_agent(flags: u32, [agent]: [&str; 1]) -> Answer {
    let agent = read("agent", agent)?.value;
    let issues = lint::lint_triggers(&agent, edition(flags));
    let named = |error| Failure::named(lint::TriggerLintError::NAME, error);
    give(&issues.map_err(named)?)
}

pub(crate) fn locate([document, pointer]: [&str; 2]) -> Answer {
    let Some((start, _)) = json::locate(document, pointer) else {
        return Ok(None);
    };
    let place = json::position(document, start);
    Ok(Some(format!(
        "{{\"line\":{},\"column\":{}}}",
        place.line, place.column
    )))
}

pub(crate) fn schema([name]: [&str; 1]) -> Answer {
    match schemas::find(name) {
        Some(text) => Ok(Some(String::from(text))),
        None => {
            let message = "there is a schema of `persona` and of `agent` files";
            Err(Diagnostic::error(Code::RECORD_INVALID, message).into())
        }
    }
}

/// Prints a value as an answer.
pub(crate) fn give(value: &(impl Print + ?Sized)) -> Answer {
    Ok(Some(print(value)))
}
