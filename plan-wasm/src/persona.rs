//! Persona plans: texts in, one call of the core, text out.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use plan_core::base::code::Code;
use plan_core::base::diag::{Diagnostic, Path};
use plan_core::base::json::{Object, Value, Writer, print};
use plan_core::base::record::Scan as _;
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::lower::{PlacesDocument, lower};
use plan_core::persona::options::PlanOptions;
use plan_core::persona::parse;
use plan_core::persona::plan::PersonaSpawnPlan;
use plan_core::persona::selection::{Echo, Selection};
use spin::Mutex;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::document::{edition, give, read};
use crate::door::{Answer, pass};
use crate::failure::Failure;
use crate::region::{Kept, keep, leave};

/// Leaves `null` where a plan repeats the persona: the caller holds it.
pub const FLAG_HELD: u32 = 2;

/// Leaves a mark where a plan would repeat the persona's text letter by letter: the
/// caller puts it in. A persona whose text is not what a plan prints is repeated.
pub const FLAG_MARKED: u32 = 4;

/// Stands for the persona's text. JSON has no such character, in strings or outside.
const MARK: &str = "\u{2}";

static COMPILED: Mutex<Kept<Table>> = Mutex::new(Kept::of(Vec::new()));

/// Kept personas by their numbers.
type Table = Vec<Option<Kept<Compiled>>>;

/// A persona that is kept for repeated planning.
struct Compiled {
    value: Value<'static>,
    printed: Option<String>,
}

/// Plans a persona: its text, and that of the options.
#[wasm_bindgen]
pub fn plan(flags: u32, persona: usize, options: usize) -> u32 {
    pass(&[persona, options], &|[persona, options, _]| {
        let persona = read("persona", persona)?;
        let options = read_options(options)?;
        let answer = build(flags, Selection::from(&persona), &options).map(Some);
        leave((persona, options));
        answer
    })
}

/// Plans every persona of a list with the same options.
#[wasm_bindgen(js_name = planAll)]
pub fn plan_all(flags: u32, personas: usize, options: usize) -> u32 {
    pass(&[personas, options], &|[personas, options, _]| {
        build_all(flags, personas, options)
    })
}

/// Keeps a persona for repeated planning; the answer is its number.
#[wasm_bindgen]
pub fn compile(persona: usize) -> u32 {
    pass(&[persona], &|[persona, ..]| keep_persona(persona))
}

/// Plans a persona that is kept.
#[wasm_bindgen(js_name = planCompiled)]
pub fn plan_compiled(flags: u32, number: u32, options: usize) -> u32 {
    pass(&[options], &|[options, ..]| {
        build_kept(flags, number, options)
    })
}

/// Forgets a persona that is kept.
#[wasm_bindgen]
pub fn release(number: u32) {
    let mut kept = COMPILED.lock();
    let place = usize::try_from(number).ok();
    if let Some(place) = place.and_then(|place| kept.get_mut(place)) {
        *place = None;
    }
}

/// Checks that a plan is whole and unchanged.
#[wasm_bindgen(js_name = checkPlan)]
pub fn check_plan(plan: usize) -> u32 {
    pass(&[plan], &|[plan, ..]| {
        PersonaSpawnPlan::read(&read("plan", plan)?.value)?;
        Ok(None)
    })
}

/// Lists the actions that carry a plan out, with a line for people each.
#[wasm_bindgen(js_name = planEffects)]
pub fn plan_effects(plan: usize, places: usize) -> u32 {
    pass(&[plan, places], &|[plan, places, _]| effects(plan, places))
}

/// Parses a persona file; an empty intent stands for the file's own.
#[wasm_bindgen(js_name = parsePersona)]
pub fn parse_persona(flags: u32, document: usize, intent: usize) -> u32 {
    pass(&[document, intent], &|[document, intent, _]| {
        let document = read("persona", document)?.value;
        let own = document.get_str("intent").unwrap_or_default();
        let intent = if intent.is_empty() { own } else { intent };
        let parsed = parse::parse_persona(&document, intent, edition(flags));
        give(&parsed.map_err(Failure::all)?.as_object())
    })
}

/// Parses an agent file.
#[wasm_bindgen(js_name = parseAgent)]
pub fn parse_agent(flags: u32, document: usize) -> u32 {
    pass(&[document], &|[document, ..]| {
        let document = read("agent", document)?.value;
        let parsed = parse::parse_agent(&document, "agent", edition(flags));
        give(&parsed.map_err(Failure::all)?)
    })
}

/// Reads options; an empty text stands for none.
fn read_options(text: &str) -> Result<Value<'_>, Failure> {
    if text.is_empty() {
        return Ok(Value::Object(Object::new()));
    }
    Ok(read("options", text)?.value)
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
    let text = print(&plan);
    leave(plan);
    Ok(text)
}

fn build_all(flags: u32, personas: &str, options: &str) -> Answer {
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

fn keep_persona(persona: &str) -> Answer {
    let source = read("persona", persona)?;
    let compiled = keep(&|| Compiled {
        value: source.value.to_owned_value(),
        printed: source.printed.map(String::from),
    });
    let mut kept = COMPILED.lock();
    let free = kept.iter().position(Option::is_none);
    let number = free.unwrap_or(kept.len());
    if number == kept.capacity() {
        let room = number * 2 + 4;
        let mut larger = keep(&|| Table::with_capacity(room));
        larger.append(&mut kept);
        *kept = larger;
    }
    match kept.get_mut(number) {
        Some(place) => *place = Some(compiled),
        None => kept.push(Some(compiled)),
    }
    Ok(Some(number.to_string()))
}

fn build_kept(flags: u32, number: u32, options: &str) -> Answer {
    let options = read_options(options)?;
    let kept = COMPILED.lock();
    let place = usize::try_from(number).ok();
    let compiled = place.and_then(|place| kept.get(place)?.as_ref());
    let Some(compiled) = compiled else {
        let message = "the compiled persona was disposed of";
        return Err(Diagnostic::error(Code::RECORD_INVALID, message).into());
    };
    let selection = Selection::printed(&compiled.value, compiled.printed.as_deref());
    let answer = build(flags, selection, &options).map(Some);
    leave(options);
    answer
}

fn effects(plan: &str, places: &str) -> Answer {
    let plan = read("plan", plan)?;
    let plan = PersonaSpawnPlan::read(&plan.value)?;
    let places = read("places", places)?;
    let places = PlacesDocument::scan(&places.value, &Path::root("places"))?;
    let actions = places.with(&plan, |places| lower(&plan, places));
    let actions = actions.map_err(Failure::all)?;
    give(&actions)
}
