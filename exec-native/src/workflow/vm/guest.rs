//! What the prelude may ask of us, and how a script becomes a function.

use std::rc::Rc;

use plan_core::base::json::{self, Object as Record};
use plan_core::workflow::vm::{Start, code};
use rquickjs::context::EvalOptions;
use rquickjs::{Ctx, Exception, Function, Object, Persistent, Result, Value};

use super::shared::Shared;

const PRELUDE: &str = include_str!("prelude.js");
const HELPERS: &str = include_str!("helpers.js");
const LOCKDOWN: &str = include_str!("lockdown.js");
/// The file that stacks never show.
const OWN_FILE: &str = "callsheet:prelude";
/// What stands around a script, on lines of its own: the engine counts the columns of the
/// first line in another way. The outer function gets the arguments; the inner one is the
/// body, in which a script may still declare an `args` of its own. A script that closes a
/// brace too many does not get out of the round ones.
const BEFORE: &str = "((args)=>async()=>{\n";
const AFTER: &str = "\n})";

/// A function that lives as long as the engine.
pub(super) type Kept = Persistent<Function<'static>>;

/// The functions by which the host drives a script.
pub(super) struct Guest {
    pub(super) begin: Kept,
    pub(super) settle: Kept,
    pub(super) turn: Kept,
    pub(super) describe: Kept,
}

/// Prepares the world of a script and closes it.
pub(super) fn prepare(ctx: &Ctx<'_>, start: &Start, shared: &Rc<Shared>) -> Result<Guest> {
    let host = host(ctx, start, shared)?;
    let prelude: Function<'_> = ctx.eval_with_options(PRELUDE, named(OWN_FILE))?;
    let core: Object<'_> = prelude.call((host,))?;
    let helpers: Function<'_> = ctx.eval_with_options(HELPERS, named(OWN_FILE))?;
    let helpers: Object<'_> = helpers.call((core.clone(),))?;
    let lockdown: Function<'_> = ctx.eval_with_options(LOCKDOWN, named(OWN_FILE))?;
    lockdown.call::<_, ()>((core.clone(), helpers))?;
    let keep = |name: &str| -> Result<Kept> {
        let function: Function<'_> = core.get(name)?;
        Ok(Persistent::save(ctx, function))
    };
    Ok(Guest {
        begin: keep("begin")?,
        settle: keep("settle")?,
        turn: keep("turn")?,
        describe: keep("describe")?,
    })
}

fn named(file: &str) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.filename = Some(file.to_owned());
    options
}

/// Builds the object that the prelude gets.
fn host<'js>(ctx: &Ctx<'js>, start: &Start, shared: &Rc<Shared>) -> Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    host.set("config", config(start))?;
    host.set("file", OWN_FILE)?;
    let noted = Rc::clone(shared);
    let emit = move |ctx: Ctx<'js>, text: String| {
        let taken = noted.take(&text);
        taken.map_err(|problem| Exception::throw_type(&ctx, &problem))
    };
    host.set("emit", Function::new(ctx.clone(), emit)?)?;
    let noted = Rc::clone(shared);
    let finish = move |ctx: Ctx<'js>, text: String| {
        let taken = noted.finish(&text);
        taken.map_err(|problem| Exception::throw_type(&ctx, &problem))
    };
    host.set("finish", Function::new(ctx.clone(), finish)?)?;
    let noted = Rc::clone(shared);
    let fail = move |text: String| noted.fail(&text, code::SCRIPT_ERROR);
    host.set("fail", Function::new(ctx.clone(), fail)?)?;
    let noted = Rc::clone(shared);
    host.set(
        "outOfMemory",
        Function::new(ctx.clone(), move || noted.starve())?,
    )?;
    host.set("compile", Function::new(ctx.clone(), compile)?)?;
    Ok(host)
}

/// Prints what a run starts with.
fn config(start: &Start) -> String {
    let mut config = Record::new();
    config.insert("args", start.args.as_str().to_owned());
    config.insert("cwd", start.cwd.clone());
    let phases = start.phases.iter().map(|title| title.clone().into());
    config.insert("phases", json::Value::Array(phases.collect()));
    let mut budget = Record::new();
    let number = |tokens: u64| {
        #[expect(
            clippy::cast_precision_loss,
            reason = "what crosses as JSON is a double"
        )]
        json::Value::Number(tokens as f64)
    };
    if let Some(total) = start.budget.total {
        budget.insert("total", number(total));
    }
    budget.insert("spent", number(start.budget.spent));
    config.insert("budget", json::Value::Object(budget));
    json::print(&config)
}

/// Turns the text of a script into a function, with its meta statement left out.
fn compile<'js>(
    ctx: Ctx<'js>,
    script: String,
    from: usize,
    to: usize,
    name: String,
) -> Result<Value<'js>> {
    let body = blanked(&script, from, to);
    let Some(body) = body.filter(|body| !body.contains('\0')) else {
        return Err(Exception::throw_syntax(
            &ctx,
            "the script holds a NUL character",
        ));
    };
    let source = format!("{BEFORE}{body}{AFTER}");
    ctx.eval_with_options(source, named(&name))
}

/// Puts blanks in place of a range; lines and columns behind it stay.
fn blanked(script: &str, from: usize, to: usize) -> Option<String> {
    let (before, after) = (script.get(..from)?, script.get(to..)?);
    let statement = script.get(from..to)?;
    let ends_line = |char: &char| matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    let blanks = statement
        .chars()
        .map(|char| if ends_line(&char) { char } else { ' ' });
    Some(before.chars().chain(blanks).chain(after.chars()).collect())
}
