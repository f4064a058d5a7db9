//! Literals: objects, arrays, strings, numbers, and nothing that would have to be run.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Trouble;
use super::scan::Scanner;
use crate::base::json::{Object, Value, js_string, parse_number};

/// How deep literals may be nested.
const DEPTH: usize = 100;

/// Reads a literal; `path` names it in problems.
pub(super) fn value<'t>(scanner: &mut Scanner<'t>, path: &str) -> Result<Value<'t>, Trouble> {
    nested(scanner, path, 0)
}

fn nested<'t>(scanner: &mut Scanner<'t>, path: &str, depth: usize) -> Result<Value<'t>, Trouble> {
    scanner.blanks()?;
    if depth > DEPTH {
        let message = format!("{path} is nested too deeply");
        return Err(Trouble::new(message, scanner.here()));
    }
    let start = scanner.at();
    match scanner.peek() {
        Some('{') => object(scanner, path, depth),
        Some('[') => array(scanner, path, depth),
        Some(quote @ ('"' | '\'' | '`')) => {
            scanner.next();
            let text = scanner
                .quoted(quote)
                .map_err(|trouble| within(trouble, path))?;
            Ok(Value::String(text))
        }
        Some('-') => {
            scanner.next();
            scanner.blanks()?;
            match scanner.peek() {
                Some('0'..='9' | '.') => Ok(Value::Number(-number(scanner, path)?)),
                _ => Err(other(scanner, path, "UnaryExpression", start)),
            }
        }
        Some('0'..='9') => Ok(Value::Number(number(scanner, path)?)),
        Some('.') => {
            if scanner.take_all("...") {
                let message = format!("spread not allowed in {path}");
                return Err(Trouble::new(message, start..scanner.at()));
            }
            Ok(Value::Number(number(scanner, path)?))
        }
        Some('/') => regex(scanner, path),
        Some('(') => Err(other(scanner, path, "ParenthesizedExpression", start)),
        Some('+' | '!' | '~') => Err(other(scanner, path, "UnaryExpression", start)),
        _ => match scanner.word() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "null" => Ok(Value::Null),
            "" => {
                let message = format!("{path} has no value");
                Err(Trouble::new(message, scanner.here()))
            }
            word => {
                let kind = match word {
                    "function" => "FunctionExpression",
                    "class" => "ClassExpression",
                    "new" => "NewExpression",
                    "await" => "AwaitExpression",
                    "async" => "ArrowFunctionExpression",
                    "typeof" | "void" | "delete" => "UnaryExpression",
                    "this" => "ThisExpression",
                    _ => "Identifier",
                };
                Err(other(scanner, path, kind, start))
            }
        },
    }
}

fn other(scanner: &Scanner<'_>, path: &str, kind: &str, start: usize) -> Trouble {
    let message = format!("non-literal node type in {path}: {kind}");
    Trouble::new(message, start..scanner.at().max(start + 1))
}

fn within(trouble: Trouble, path: &str) -> Trouble {
    Trouble {
        message: format!("{} in {path}", trouble.message),
        at: trouble.at,
    }
}

fn number(scanner: &mut Scanner<'_>, path: &str) -> Result<f64, Trouble> {
    let start = scanner.at();
    let text = scanner.number();
    let bad = || Trouble::new(format!("{path} is not a number"), start..start + text.len());
    let radix = |radix: u32, digits: &str| {
        let digits = separated(digits).ok_or_else(bad)?;
        let mut number = 0.0;
        for digit in digits.chars() {
            let digit = digit.to_digit(radix).ok_or_else(bad)?;
            number = number * f64::from(radix) + f64::from(digit);
        }
        if digits.is_empty() {
            Err(bad())
        } else {
            Ok(number)
        }
    };
    match text.get(..2).unwrap_or_default() {
        "0x" | "0X" => return radix(16, text.get(2..).unwrap_or_default()),
        "0o" | "0O" => return radix(8, text.get(2..).unwrap_or_default()),
        "0b" | "0B" => return radix(2, text.get(2..).unwrap_or_default()),
        _ => {}
    }
    if text.ends_with('n') {
        let message = format!("{path} is a BigInt, which JSON cannot hold");
        return Err(Trouble::new(message, start..start + text.len()));
    }
    let digits = separated(text).ok_or_else(bad)?;
    let (whole, exponent) = match digits.split_once(['e', 'E']) {
        Some((whole, exponent)) => (whole, Some(exponent)),
        None => (&*digits, None),
    };
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, behind) = whole.split_once('.').unwrap_or((whole, ""));
    let power = exponent.map(|power| power.strip_prefix(['+', '-']).unwrap_or(power));
    let good = all(before)
        && all(behind)
        && !(before.is_empty() && behind.is_empty())
        && power.is_none_or(|power| !power.is_empty() && all(power))
        // Numbers with a leading zero are of another base in old scripts.
        && !(before.len() > 1 && before.starts_with('0'));
    if !good {
        return Err(bad());
    }
    Ok(parse_number(&digits))
}

/// Takes the separators out of a number; none where one stands at an end or twice.
fn separated(text: &str) -> Option<String> {
    let mut made = String::with_capacity(text.len());
    let mut parts = text.split('_').peekable();
    let single = !text.contains('_');
    while let Some(part) = parts.next() {
        let hex = |letter: char| letter.is_ascii_hexdigit();
        let inner = part.ends_with(hex) && part.starts_with(hex);
        if !single && !inner {
            return None;
        }
        made.push_str(part);
        if single || parts.peek().is_none() {
            return Some(made);
        }
    }
    None
}

/// A regular expression is a literal of JavaScript; as data it is an empty object.
fn regex<'t>(scanner: &mut Scanner<'t>, path: &str) -> Result<Value<'t>, Trouble> {
    let start = scanner.at();
    scanner.next();
    let mut class = false;
    loop {
        match scanner.next() {
            Some('\\') => {
                scanner.next();
            }
            Some('[') => class = true,
            Some(']') => class = false,
            Some('/') if !class => break,
            None | Some('\n' | '\r') => {
                let message = format!("unterminated regular expression in {path}");
                return Err(Trouble::new(message, start..scanner.at()));
            }
            Some(_) => {}
        }
    }
    scanner.word();
    Ok(Value::Object(Object::new()))
}

fn array<'t>(scanner: &mut Scanner<'t>, path: &str, depth: usize) -> Result<Value<'t>, Trouble> {
    scanner.next();
    let mut items = Vec::new();
    loop {
        scanner.blanks()?;
        if scanner.take(']') {
            return Ok(Value::Array(items));
        }
        if scanner.peek() == Some(',') {
            let message = format!("sparse arrays not allowed in {path}");
            return Err(Trouble::new(message, scanner.here()));
        }
        let inner = format!("{path}[{}]", items.len());
        if scanner.peek() == Some('.') {
            // A spread is told about the array, a number about its place.
            let at = scanner.at();
            if scanner.take_all("...") {
                let message = format!("spread not allowed in {path}");
                return Err(Trouble::new(message, at..scanner.at()));
            }
        }
        items.push(nested(scanner, &inner, depth + 1)?);
        more(scanner, ']', &inner)?;
    }
}

/// Takes the comma behind an item, unless its list ends there.
fn more(scanner: &mut Scanner<'_>, close: char, path: &str) -> Result<(), Trouble> {
    scanner.blanks()?;
    if scanner.peek() == Some(close) || scanner.take(',') {
        return Ok(());
    }
    let message = format!("non-literal node type in {path}: the value goes on behind the literal");
    Err(Trouble::new(message, scanner.here()))
}

fn object<'t>(scanner: &mut Scanner<'t>, path: &str, depth: usize) -> Result<Value<'t>, Trouble> {
    scanner.next();
    let mut object = Object::new();
    loop {
        scanner.blanks()?;
        if scanner.take('}') {
            return Ok(Value::Object(object));
        }
        let at = scanner.at();
        let refused = |scanner: &Scanner<'_>, what: &str| {
            let message = format!("{what} not allowed in {path}");
            Trouble::new(message, at..scanner.at().max(at + 1))
        };
        if scanner.take_all("...") {
            return Err(refused(scanner, "spread"));
        }
        if scanner.take('[') {
            return Err(refused(scanner, "computed keys"));
        }
        let plain = scanner
            .peek()
            .is_some_and(|letter| !matches!(letter, '"' | '\''));
        let key = key(scanner, path)?;
        scanner.blanks()?;
        if !scanner.take(':') {
            // A name alone stands for a variable; everything else is a function.
            if plain && matches!(scanner.peek(), Some(',' | '}')) {
                let inner = format!("{path}.{key}");
                return Err(other(scanner, &inner, "Identifier", at));
            }
            return Err(refused(scanner, "methods/accessors"));
        }
        if matches!(&*key, "__proto__" | "constructor" | "prototype") {
            return Err(refused(scanner, &format!("key name {key}")));
        }
        let inner = format!("{path}.{key}");
        let value = nested(scanner, &inner, depth + 1)?;
        object.insert(key, value);
        more(scanner, '}', &inner)?;
    }
}

fn key<'t>(scanner: &mut Scanner<'t>, path: &str) -> Result<alloc::borrow::Cow<'t, str>, Trouble> {
    match scanner.peek() {
        Some(quote @ ('"' | '\'')) => {
            scanner.next();
            scanner
                .quoted(quote)
                .map_err(|trouble| within(trouble, path))
        }
        Some('0'..='9' | '.') => {
            // A number as a key is its text, as JavaScript prints it.
            let number = Value::Number(number(scanner, path)?);
            Ok(js_string(&number).to_string().into())
        }
        _ => {
            let at = scanner.here();
            let word = scanner.word();
            if word.is_empty() {
                return Err(Trouble::new(
                    format!("{path} has a key that is no name"),
                    at,
                ));
            }
            Ok(word.into())
        }
    }
}
