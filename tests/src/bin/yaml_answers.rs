//! Our half of `tests/yaml-differential`: answers each request, a line of JSON on standard
//! input, with a line of JSON.
//!
//! `{"emit": TEXT}` is answered with the text as a value, an element and a key.
//! `{"read": DOCUMENT}` with its value, or the code and message of the refusal.
//! `{"roster": ROSTER}` with the roster as a document, and `{"parse": DOCUMENT}` with the
//! roster that a document holds.

use std::io::{self, BufRead as _, Write as _};

use plan_core::base::diag::{Diagnostic, Path};
use plan_core::base::json::{self, Print, Value, Writer, print};
use plan_core::base::record::Scan as _;
use plan_core::base::yaml::{Block, Content, Limits, Node, Scalar, emit, read};
use plan_core::fleet::roster::{self, Roster};
use tests::repo::Answer;

fn main() -> Answer<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        writeln!(out, "{}", answer(&json::read(&line?)?)?)?;
    }
    Ok(())
}

fn answer(request: &Value<'_>) -> Answer<String> {
    if let Some(text) = request.get_str("emit") {
        let value = Block::Map(vec![("k".into(), Block::text(text))]);
        let key = Block::Map(vec![(
            "k".into(),
            Block::Map(vec![(text.into(), Block::Number(1))]),
        )]);
        let item = Block::List(vec![Block::text(text)]);
        let texts = [emit(&value), emit(&item), emit(&key)];
        return Ok(print(&texts.to_vec()));
    }
    if let Some(document) = request.get_str("read") {
        let mut out = Writer::compact();
        out.begin_object();
        match read(document, Limits::default()) {
            Ok(node) => out.field("value", &Plain(&node)),
            Err(problem) => refused(&problem, &mut out),
        }
        out.end_object();
        return Ok(out.finish());
    }
    if let Some(value) = request.get("roster") {
        let made = Roster::scan(value, &Path::root("roster"))?;
        return Ok(print(&made.emit()));
    }
    let document = request.get_str("parse").ok_or("no such request")?;
    let mut out = Writer::compact();
    out.begin_object();
    match roster::parse(document) {
        Ok(roster) => out.field("roster", &roster),
        Err(problems) => problems
            .iter()
            .take(1)
            .for_each(|problem| refused(problem, &mut out)),
    }
    out.end_object();
    Ok(out.finish())
}

fn refused(problem: &Diagnostic, out: &mut Writer) {
    out.field("code", &problem.code);
    out.field("message", &problem.message);
}

/// A node as plain data. A number is an object with its digits, since JSON lacks some.
struct Plain<'n, 'a>(&'n Node<'a>);

impl Print for Plain<'_, '_> {
    fn print(&self, out: &mut Writer) {
        match &self.0.content {
            Content::Scalar(Scalar::Null) => out.raw("null"),
            Content::Scalar(Scalar::Bool(value)) => value.print(out),
            Content::Scalar(Scalar::Text(text)) => out.string(text),
            Content::Scalar(Scalar::Number(number)) => {
                out.begin_object();
                out.field("number", &*digits(*number));
                out.end_object();
            }
            Content::List(items) => {
                out.begin_array();
                for item in items {
                    Plain(item).print(out);
                }
                out.end_array();
            }
            // Pairs, since JavaScript's objects do not keep the order of every key.
            Content::Map(entries) => {
                out.begin_object();
                out.key("map");
                out.begin_array();
                for entry in entries {
                    entry.key.print(out);
                    Plain(&entry.value).print(out);
                }
                out.end_array();
                out.end_object();
            }
        }
    }
}

fn digits(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}Infinity");
    }
    if number == 0.0 && number.is_sign_negative() {
        return "-0".into();
    }
    print(&number)
}
