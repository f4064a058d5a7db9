//! Servers of the model context protocol.

use alloc::format;

use crate::base::diag::Path;
use crate::base::json::Value;
use crate::persona::vocabulary::MCP_TYPES;

use super::cx::{Cx, Parsed};
use super::leaf::{TEXT, is_text, optional, required, required_word, string_map};
use super::section::{Section, Shape};

pub(super) const SERVER: Shape = Shape {
    problem: "must be an object",
    fields: REMOTE,
};

const REMOTE: &[&str] = &["type", "url", "headers"];

pub(super) const LOCAL: &[&str] = &["type", "command", "args", "env"];

/// The servers of a persona by name; the map may be empty.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(members) = cx.members(value, at, "must be an object if provided")? else {
        return Ok(None);
    };
    let servers = cx.entries(members, at, &|cx, (_, value), at| {
        server(cx, Some(value), at)
    })?;
    Ok(Some(servers.into()))
}

fn server<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut server) = Section::open(cx, value, at, &SERVER)? else {
        return Ok(None);
    };
    server.field("type", required_word(MCP_TYPES))?;
    let problem = |kind: &str| format!("{TEXT} for type={kind}");
    match server.get("type").and_then(Value::as_str) {
        Some("stdio") => {
            server.expect(LOCAL);
            server.field("command", required(is_text, &problem("stdio")))?;
            server.field(
                "args",
                optional(is_word_list, "must be an array of strings"),
            )?;
            server.field("env", string_map)?;
        }
        Some(kind @ ("http" | "sse")) => {
            server.field("url", required(is_text, &problem(kind)))?;
            server.field("headers", string_map)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(server.done()))
}

fn is_word_list(value: &Value<'_>) -> bool {
    value
        .as_array()
        .is_some_and(|words| words.iter().all(|word| word.as_str().is_some()))
}
