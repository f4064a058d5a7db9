//! Our half of `tests/bench/persona.sh`: does what it is asked on standard input, one
//! request a line, and answers with one line.
//!
//! `examples` prints the example cases. `load CASE` adds a case and answers its number.
//! `show OP N` prints what an operation gives for a case; `time OP N CALLS` prints the
//! nanoseconds that one call takes.

use std::hint::black_box;
use std::io::{self, BufRead as _, Write as _};
use std::time::Instant;

use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Value, print};
use tests::bench::{Case, Inputs, examples};
use tests::repo::Answer;

const KIT: Edition = Edition::PersonaKit4;

fn main() -> Answer<()> {
    let mut cases: Vec<Case> = Vec::new();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.split_once(' ') {
            None if line == "examples" => list(&examples(KIT)?),
            Some(("load", text)) => {
                cases.push(case(&json::read(text)?));
                (cases.len() - 1).to_string()
            }
            Some(("show", request)) => show(&cases, request)?,
            Some(("time", request)) => time(&cases, request)?.to_string(),
            _ => return Err(format!("no such request: {line}").into()),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn list(cases: &[Case]) -> String {
    let list = cases.iter().map(|case| {
        let mut object = Object::new();
        object.insert("name", &*case.name);
        object.insert("document", &*case.document);
        if let Some(options) = &case.options {
            object.insert("options", &**options);
        }
        Value::Object(object)
    });
    print(&Value::Array(list.collect()))
}

fn case(value: &Value<'_>) -> Case {
    let text = |key| value.get_str(key).map(ToOwned::to_owned);
    Case {
        name: text("name").unwrap_or_default(),
        document: text("document").unwrap_or_default(),
        options: text("options"),
    }
}

fn find<'c>(cases: &'c [Case], number: Option<&str>) -> Answer<&'c Case> {
    let number: usize = number.unwrap_or_default().parse()?;
    Ok(cases.get(number).ok_or("no case has this number")?)
}

/// Prints what an operation gives, to be compared with the peer.
fn show(cases: &[Case], request: &str) -> Answer<String> {
    let mut words = request.split(' ');
    let operation = words.next();
    let inputs = find(cases, words.next())?.read()?;
    match operation {
        Some("plan") => inputs.plan(KIT, |plan| print(plan)),
        Some("parse") => inputs.parse(|object| print(object)),
        _ => Err(format!("no such operation: {request}").into()),
    }
}

/// Measures one batch of calls.
fn time(cases: &[Case], request: &str) -> Answer<f64> {
    let mut words = request.split(' ');
    let operation = words.next();
    let case = find(cases, words.next())?;
    let calls: u32 = words.next().unwrap_or("1").parse()?;
    let inputs = case.read()?;
    let call = match operation {
        Some("plan") => |_: &Case, inputs: &Inputs<'_>| inputs.plan(KIT, |plan| plan.args.len()),
        Some("text") => |case: &Case, _: &Inputs<'_>| case.text(KIT).map(|text| text.len()),
        Some("parse") => |_: &Case, inputs: &Inputs<'_>| inputs.parse(count),
        Some("parse-text") => |case: &Case, _: &Inputs<'_>| case.parse_text(),
        _ => return Err(format!("no such operation: {request}").into()),
    };
    let mut start = Instant::now();
    // The first half warms the caches and does not count; the peer does the same.
    for half in [calls, calls] {
        start = Instant::now();
        for _ in 0..half {
            black_box(call(black_box(case), black_box(&inputs))?);
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
}

/// Returns the number of members.
fn count(object: &Object<'_>) -> usize {
    object.len()
}
