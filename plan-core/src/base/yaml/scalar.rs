//! Scalars by the core schema of YAML 1.2.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::base::json::Text;

/// The value of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// `null`, `~` or an empty place.
    Null,
    /// `true` or `false`, in three spellings each.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Anything else, and everything in quotes.
    Text(Text<'a>),
}

/// Tells what a scalar without quotes means.
pub fn resolve_plain(text: Cow<'_, str>) -> Scalar<'_> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    match number(&text) {
        Some(number) => Scalar::Number(number),
        None => Scalar::Text(text),
    }
}

fn number(text: &str) -> Option<f64> {
    if let Some(digits) = text.strip_prefix("0o") {
        return digits_in(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return digits_in(digits, 16);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(f64::NAN);
    }
    let (sign, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('-') => (-1.0, rest),
        Some(rest) => (1.0, rest),
        None => (1.0, text),
    };
    if matches!(rest, ".inf" | ".Inf" | ".INF") {
        return Some(sign * f64::INFINITY);
    }
    is_decimal(rest).then(|| sign * rest.parse::<f64>().unwrap_or(f64::NAN))
}

/// Reads the digits of a whole number in a base; past 2^53 as near as a double comes.
fn digits_in(digits: &str, base: u32) -> Option<f64> {
    if digits.is_empty() {
        return None;
    }
    let mut number = 0.0_f64;
    for digit in digits.chars() {
        number = number * f64::from(base) + f64::from(digit.to_digit(base)?);
    }
    Some(number)
}

/// Tells whether a text without sign is a decimal number: `12`, `1.5`, `.5`, `5.`, `1e3`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_mantissa = match mantissa.split_once('.') {
        None => !mantissa.is_empty() && digits(mantissa),
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
    };
    let is_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    is_mantissa && is_exponent
}

/// Tells whether a text without quotes would be read as something else.
pub(super) fn is_special(text: &str) -> bool {
    !matches!(resolve_plain(Cow::Borrowed(text)), Scalar::Text(_))
}

impl Scalar<'_> {
    /// Returns the scalar without borrowing.
    pub fn into_owned(self) -> Scalar<'static> {
        match self {
            Scalar::Null => Scalar::Null,
            Scalar::Bool(value) => Scalar::Bool(value),
            Scalar::Number(value) => Scalar::Number(value),
            Scalar::Text(text) => Scalar::Text(Cow::Owned(String::from(text))),
        }
    }
}
