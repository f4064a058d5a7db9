//! The environment file of a seat: lines that are generated, and lines of the operator.
//!
//! It is read as systemd reads an `EnvironmentFile`, and what is generated means the same
//! to a shell: that is why a value with a single quote gets double quotes, since systemd
//! does not know the shell's `'\''`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::roster::{Roster, Seat};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Place};

/// The class of a seat that names none.
const DEFAULT_CLASS: &str = "worker";

/// A variable of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value. It may be a secret, so it is not printed.
    pub value: String,
    /// Its line, from 1.
    pub line: u64,
}

impl core::fmt::Debug for Variable {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{}=… (line {})", self.name, self.line)
    }
}

/// A value that cannot stand in a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of {0} has a line break or a NUL in it")]
pub struct ValueError(pub String);

/// A part of a file: one assignment, which may be several lines, or one other line.
struct Part<'t> {
    /// The text with its line end.
    raw: &'t str,
    line: u64,
    kind: Kind,
}

enum Kind {
    /// Nothing, or a comment.
    Aside,
    /// `NAME=value`.
    Assignment { name: String, value: String },
    /// Anything else, with the variable that a shell would set by it.
    Bad {
        problem: &'static str,
        name: Option<String>,
    },
}

/// Reads the variables of a file, in order; of one name the last one counts. Lines that
/// are no assignment are diagnostics.
pub fn read(text: &str) -> (Vec<Variable>, Vec<Diagnostic>) {
    let (mut variables, mut problems) = (Vec::new(), Vec::new());
    for part in parts(text) {
        match part.kind {
            Kind::Aside => {}
            Kind::Assignment { name, value } => variables.push(Variable {
                name,
                value,
                line: part.line,
            }),
            Kind::Bad { problem, .. } => problems.push(bad(part.raw, part.line, problem)),
        }
    }
    (variables, problems)
}

fn bad(raw: &str, line: u64, problem: &'static str) -> Diagnostic {
    let first = raw.lines().next().unwrap_or_default();
    let indent = first.chars().take_while(|letter| letter.is_whitespace());
    let place = Place {
        file: None,
        line,
        column: 1 + indent.count() as u64,
        length: first.trim().len() as u64,
    };
    Diagnostic::error(Code::ENV_LINE_INVALID, problem)
        .help("write NAME=value; quote a value with blanks")
        .standing(place)
}

/// Puts generated variables into a file: each takes the place of the first line of its
/// name, or comes behind the one before it; further lines of its name go. Every other
/// line stays as it is, byte for byte.
///
/// # Errors
/// A value cannot stand in a line.
pub fn merge(existing: &str, generated: &[(&str, &str)]) -> Result<String, ValueError> {
    // A mark at the beginning would end up inside, where it is part of a name.
    let existing = existing.strip_prefix('\u{feff}').unwrap_or(existing);
    let parts = parts(existing);
    let end = if existing.contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let rank = |part: &Part<'_>| {
        let name = match &part.kind {
            Kind::Assignment { name, .. } => Some(name),
            Kind::Bad { name, .. } => name.as_ref(),
            Kind::Aside => None,
        }?;
        generated.iter().position(|(own, _)| own == name)
    };
    let ranks: Vec<Option<usize>> = parts.iter().map(rank).collect();
    let mut lines = Vec::new();
    for (name, value) in generated {
        lines.push(format!("{name}={}{end}", quoted(name, value)?));
    }
    // What has no line yet goes behind its forerunner, or to the top.
    let has_line = |rank: usize| ranks.contains(&Some(rank));
    let mut out = String::new();
    let followers = |rank: Option<usize>, out: &mut String| {
        let next = rank.map_or(0, |rank| rank + 1);
        let rest = lines.iter().enumerate().skip(next);
        for (_, line) in rest.take_while(|(place, _)| !has_line(*place)) {
            out.push_str(line);
        }
    };
    followers(None, &mut out);
    let mut seen = Vec::new();
    for (part, rank) in parts.iter().zip(&ranks) {
        let Some(rank) = rank else {
            out.push_str(part.raw);
            if !part.raw.ends_with('\n') {
                out.push_str(end);
            }
            continue;
        };
        if !seen.contains(rank) {
            seen.push(*rank);
            out.push_str(lines.get(*rank).map_or("", String::as_str));
            followers(Some(*rank), &mut out);
        }
    }
    Ok(out)
}

/// The variables that are generated for a seat, in order.
pub fn of_seat<'s>(seat: &'s Seat, roster: &'s Roster) -> [(&'static str, &'s str); 6] {
    let class = Some(&*seat.class).filter(|class| !class.is_empty());
    let workdir = seat.working_directory.as_deref();
    [
        ("MOSAIC_AGENT_NAME", &seat.name),
        ("MOSAIC_AGENT_CLASS", class.unwrap_or(DEFAULT_CLASS)),
        ("MOSAIC_TMUX_SOCKET", &roster.tmux.socket_name),
        ("MOSAIC_AGENT_RUNTIME", &seat.runtime),
        (
            "MOSAIC_AGENT_MODEL",
            seat.model_hint.as_deref().unwrap_or_default(),
        ),
        (
            "MOSAIC_AGENT_WORKDIR",
            workdir.unwrap_or(&roster.working_directory),
        ),
    ]
}

/// Quotes a value so that systemd and a shell read the same. An empty value is bare.
fn quoted(name: &str, value: &str) -> Result<String, ValueError> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(ValueError(name.to_string()));
    }
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    if value.bytes().all(safe) {
        return Ok(value.to_owned());
    }
    if !value.contains('\'') {
        return Ok(format!("'{value}'"));
    }
    let mut out = String::from("\"");
    for letter in value.chars() {
        if ESCAPED.contains(&letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
    Ok(out)
}

/// What a backslash takes its meaning from between double quotes.
const ESCAPED: [char; 4] = ['"', '\\', '`', '$'];

/// Splits a file into its parts.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while !rest.is_empty() {
        let (length, kind) = part(rest, line == 1);
        let (raw, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        parts.push(Part { raw, line, kind });
        line += raw.matches('\n').count() as u64;
        rest = after;
    }
    parts
}

/// Reads the part that a text begins with: its length and what it is.
fn part(text: &str, is_first: bool) -> (usize, Kind) {
    let first = text.find('\n').map_or(text.len(), |at| at + 1);
    let line = text.get(..first).unwrap_or(text);
    let mark = if is_first { "\u{feff}" } else { "" };
    let body = line.strip_prefix(mark).unwrap_or(line);
    let trimmed = body.trim();
    if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
        return (first, Kind::Aside);
    }
    let refused = |problem, name: Option<&str>| {
        let name = name.map(ToOwned::to_owned);
        (first, Kind::Bad { problem, name })
    };
    let Some((name, _)) = body.split_once('=') else {
        return refused("the line is no assignment", None);
    };
    let name = name.trim();
    if let Some(exported) = name.strip_prefix("export ") {
        let problem = "`export` is for shells; systemd does not read the line";
        return refused(problem, Some(exported.trim()));
    }
    if !is_name(name) {
        return refused("this cannot be the name of a variable", None);
    }
    let start = line.find('=').map_or(first, |at| at + 1);
    let Some((value, length)) = value(text.get(start..).unwrap_or_default()) else {
        return refused("the quote is not closed", Some(name));
    };
    if value.contains('\0') {
        return refused("there is a NUL in the value", Some(name));
    }
    let name = name.to_owned();
    (start + length, Kind::Assignment { name, value })
}

fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = name.bytes().next();
    starts.is_some_and(|first| word(first) && !first.is_ascii_digit()) && name.bytes().all(word)
}

/// Where in a value the reader is, by the names of systemd's own reader.
#[derive(Clone, Copy, PartialEq)]
enum State {
    PreValue,
    Value,
    ValueEscape,
    Single,
    Double,
    DoubleEscape,
}

/// Reads a value up to the end of its last line; `None` when a quote is not closed.
fn value(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    // Blanks at the end go, unless they were escaped or quoted.
    let mut kept = 0;
    let mut state = State::PreValue;
    let mut end = text.len();
    for (at, letter) in text.char_indices() {
        let breaks = letter == '\n';
        state = match state {
            State::PreValue | State::Value if breaks => {
                end = at + 1;
                break;
            }
            State::PreValue if letter == '\'' => State::Single,
            State::PreValue if letter == '"' => State::Double,
            State::PreValue if letter.is_ascii_whitespace() => State::PreValue,
            State::PreValue | State::Value if letter == '\\' => State::ValueEscape,
            State::PreValue | State::Value => {
                value.push(letter);
                if !letter.is_ascii_whitespace() {
                    kept = value.len();
                }
                State::Value
            }
            State::ValueEscape => {
                // A line that goes on below.
                if !breaks && letter != '\r' {
                    value.push(letter);
                    kept = value.len();
                }
                if letter == '\r' {
                    State::ValueEscape
                } else {
                    State::Value
                }
            }
            State::Single if letter == '\'' => State::PreValue,
            State::Double if letter == '"' => State::PreValue,
            State::Double if letter == '\\' => State::DoubleEscape,
            State::DoubleEscape => {
                if !breaks {
                    if !ESCAPED.contains(&letter) {
                        value.push('\\');
                    }
                    value.push(letter);
                }
                kept = value.len();
                State::Double
            }
            State::Single | State::Double => {
                value.push(letter);
                kept = value.len();
                state
            }
        };
    }
    if matches!(state, State::Single | State::Double | State::DoubleEscape) {
        return None;
    }
    value.truncate(kept);
    Some((value, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let (variables, problems) = read(text);
        assert_eq!(problems, [], "{text}");
        let pairs = variables.into_iter();
        pairs
            .map(|variable| (variable.name, variable.value))
            .collect()
    }

    fn value_of(text: &str) -> String {
        let pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{text}");
        pairs.into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn values_are_read_as_systemd_does() {
        for (line, value) in [
            ("A=", ""),
            ("A=b", "b"),
            ("  A = b c  ", "b c"),
            ("A='b c '", "b c "),
            ("A=\"b $ c\"", "b $ c"),
            ("A=\"\\\"\\\\\\`\\$\\n\"", "\"\\`$\\n"),
            ("A='b\\'", "b\\"),
            ("A=b\\ \\'", "b '"),
            ("A='b'\"c\"d", "bcd"),
            ("A=it's", "it's"),
            ("A=b # c", "b # c"),
            ("A=b\\\nc", "bc"),
            ("A='b\nc'", "b\nc"),
            ("A=b\r\n", "b"),
            ("A=b\\\r\nc\r\n", "bc"),
            ("\u{feff}A=b", "b"),
        ] {
            assert_eq!(value_of(line), value, "{line}");
        }
    }

    #[test]
    fn bad_lines_are_told_and_the_rest_is_read() {
        let text = "A=1\n# note\n; note\n\n  word\n1A=2\nexport B=3\nC='open\nD=4";
        let (variables, problems) = read(text);
        let names = variables.iter();
        let names: Vec<_> = names
            .map(|variable| (&*variable.name, variable.line))
            .collect();
        assert_eq!(names, [("A", 1), ("D", 9)]);
        let told: Vec<_> = problems
            .iter()
            .map(|problem| {
                let place = problem.place.as_ref().expect("a place");
                (place.line, place.column, place.length, &*problem.message)
            })
            .collect();
        assert_eq!(
            told,
            [
                (5, 3, 4, "the line is no assignment"),
                (6, 1, 4, "this cannot be the name of a variable"),
                (
                    7,
                    1,
                    10,
                    "`export` is for shells; systemd does not read the line"
                ),
                (8, 1, 7, "the quote is not closed"),
            ]
        );
    }

    #[test]
    fn a_seat_has_six_variables_in_order() {
        let roster = Roster::default();
        let mut seat = Seat::new("code0", "pi", "");
        seat.model_hint = Some("it's $5".into());
        let text = merge("", &of_seat(&seat, &roster)).expect("lines");
        assert_eq!(
            text,
            "MOSAIC_AGENT_NAME=code0
MOSAIC_AGENT_CLASS=worker
MOSAIC_TMUX_SOCKET=mosaic-fleet
MOSAIC_AGENT_RUNTIME=pi
MOSAIC_AGENT_MODEL=\"it's \\$5\"
MOSAIC_AGENT_WORKDIR='~'
"
        );
        seat.model_hint = None;
        seat.class = "code".into();
        seat.working_directory = Some("/a b".into());
        let again = merge(&text, &of_seat(&seat, &roster)).expect("lines");
        assert_eq!(
            again,
            "MOSAIC_AGENT_NAME=code0
MOSAIC_AGENT_CLASS=code
MOSAIC_TMUX_SOCKET=mosaic-fleet
MOSAIC_AGENT_RUNTIME=pi
MOSAIC_AGENT_MODEL=
MOSAIC_AGENT_WORKDIR='/a b'
"
        );
        seat.name = "a\nb".into();
        assert_eq!(
            merge("", &of_seat(&seat, &roster)),
            Err(ValueError("MOSAIC_AGENT_NAME".into()))
        );
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for value in [
            "",
            "a",
            "~/x",
            "it's",
            "\"",
            "a'b\"c\\d`e$f",
            " a ",
            "#",
            "é 😀",
            "a;b",
        ] {
            let text = merge("", &[("A", value)]).expect("a line");
            assert_eq!(
                pairs(&text),
                [("A".to_string(), value.to_string())],
                "{text}"
            );
        }
    }

    #[test]
    fn lines_of_the_operator_stay_in_place() {
        let generated = [("A", "1"), ("B", "2"), ("C", "3")];
        let cases = [
            ("", "A=1\nB=2\nC=3\n"),
            ("X=9", "A=1\nB=2\nC=3\nX=9\n"),
            (
                "# top\nX='a\nA=no'\nB=old\n\n# end\n",
                "A=1\n# top\nX='a\nA=no'\nB=2\nC=3\n\n# end\n",
            ),
            (
                "C=x\nX=1\nA=x\nA=y\nexport B=x\n; k\n",
                "C=3\nX=1\nA=1\nB=2\n; k\n",
            ),
            ("X=1\r\nA=0\r\n", "X=1\r\nA=1\r\nB=2\r\nC=3\r\n"),
            ("a word\nB='open\n", "A=1\na word\nB=2\nC=3\n"),
        ];
        for (before, after) in cases {
            let merged = merge(before, &generated).expect("lines");
            assert_eq!(merged, after, "{before}");
            assert_eq!(merge(&merged, &generated).expect("lines"), after);
        }
    }
}
