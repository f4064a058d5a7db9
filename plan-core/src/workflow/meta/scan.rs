//! The few words of JavaScript that a statement of literals is made of.

use alloc::borrow::Cow;
use alloc::string::String;
use core::ops::Range;

use super::Trouble;

/// Goes through a text once.
#[derive(Debug)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte's place.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The next character's place.
    pub(super) fn here(&self) -> Range<usize> {
        let length = self.peek().map_or(0, char::len_utf8);
        self.at..self.at + length
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Takes a character if it is the next one.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Takes a text if it comes next.
    pub(super) fn take_all(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// Passes blanks and comments; tells whether a line ended among them.
    pub(super) fn blanks(&mut self) -> Result<bool, Trouble> {
        let mut newline = false;
        loop {
            let start = self.at;
            match self.peek() {
                Some(letter) if is_line_end(letter) => {
                    newline = true;
                    self.next();
                }
                Some(letter) if letter.is_whitespace() || letter == '\u{feff}' => {
                    self.next();
                }
                Some('/') if self.take_all("//") => {
                    while self.peek().is_some_and(|letter| !is_line_end(letter)) {
                        self.next();
                    }
                }
                Some('/') if self.take_all("/*") => {
                    let Some(length) = self.rest().find("*/") else {
                        return Err(Trouble::new("unterminated comment", start..self.at));
                    };
                    let inside = self.rest().get(..length).unwrap_or_default();
                    newline |= inside.contains(is_line_end);
                    self.at += length + 2;
                }
                _ => return Ok(newline),
            }
        }
    }

    /// Takes the letters of a name; none if there is no name.
    pub(super) fn word(&mut self) -> &'t str {
        let start = self.at;
        if self.peek().is_some_and(is_first) {
            while self.peek().is_some_and(is_letter) {
                self.next();
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Takes digits, letters, points and what else a number may be written with.
    pub(super) fn number(&mut self) -> &'t str {
        let start = self.at;
        while let Some(letter) = self.peek() {
            let before = self.text.get(..self.at).unwrap_or_default();
            let signs = matches!(letter, '+' | '-') && before.ends_with(['e', 'E']);
            let hex = self.text.get(start..self.at).unwrap_or_default();
            let signs = signs && !hex.starts_with("0x") && !hex.starts_with("0X");
            if !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_') || signs) {
                break;
            }
            self.next();
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Takes a string or a template behind its opening quote.
    pub(super) fn quoted(&mut self, quote: char) -> Result<Cow<'t, str>, Trouble> {
        let open = self.at - 1;
        let start = self.at;
        let mut made: Option<String> = None;
        loop {
            let at = self.at;
            let unterminated = || Trouble::new("unterminated string", open..at);
            let letter = self.next().ok_or_else(unterminated)?;
            if letter == quote {
                let plain = self.text.get(start..at).unwrap_or_default();
                return Ok(made.map_or(Cow::Borrowed(plain), Cow::Owned));
            }
            if quote != '`' && matches!(letter, '\n' | '\r') {
                return Err(unterminated());
            }
            if quote == '`' && letter == '$' && self.peek() == Some('{') {
                let message = "template interpolation not allowed";
                return Err(Trouble::new(message, at..at + 2));
            }
            let is_return = quote == '`' && letter == '\r';
            if letter != '\\' && !is_return {
                if let Some(made) = &mut made {
                    made.push(letter);
                }
                continue;
            }
            let before = self.text.get(start..at).unwrap_or_default();
            let out = made.get_or_insert_with(|| String::from(before));
            if is_return {
                // A template has one kind of line end.
                self.take('\n');
                out.push('\n');
                continue;
            }
            self.escape(at, quote, out)?;
        }
    }

    fn escape(&mut self, at: usize, quote: char, out: &mut String) -> Result<(), Trouble> {
        let bad = |scanner: &Self| Trouble::new("invalid escape", at..scanner.at);
        let letter = self.next().ok_or_else(|| bad(self))?;
        let made = match letter {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '0' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => '\0',
            '\r' => {
                self.take('\n');
                return Ok(());
            }
            '\n' | '\u{2028}' | '\u{2029}' => return Ok(()),
            'x' => {
                let code = self.hex(2).ok_or_else(|| bad(self))?;
                char::from_u32(code).ok_or_else(|| bad(self))?
            }
            'u' => self.unicode().ok_or_else(|| bad(self))?,
            '0'..='9' if quote == '`' => return Err(bad(self)),
            '0'..='9' => {
                let message = "octal escapes are not allowed";
                return Err(Trouble::new(message, at..self.at));
            }
            other => other,
        };
        out.push(made);
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest().get(..digits)?;
        let code = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = code.then(|| u32::from_str_radix(text, 16).ok())??;
        self.at += digits;
        Some(code)
    }

    /// A character by its number. Halves of pairs are joined; one alone becomes U+FFFD, as
    /// it does wherever text leaves JavaScript.
    fn unicode(&mut self) -> Option<char> {
        if self.take('{') {
            let (code, _) = self.rest().split_once('}')?;
            let number = u32::from_str_radix(code, 16).ok()?;
            self.at += code.len() + 1;
            return (number <= 0x10_ffff).then(|| char::from_u32(number).unwrap_or('\u{fffd}'));
        }
        let high = self.hex(4)?;
        let back = self.at;
        if (0xd800..0xdc00).contains(&high)
            && self.take_all("\\u")
            && let Some(low) = self.hex(4).filter(|low| (0xdc00..0xe000).contains(low))
        {
            return char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        }
        self.at = back;
        Some(char::from_u32(high).unwrap_or('\u{fffd}'))
    }

    /// Goes to the end of a statement whose value has been taken.
    pub(super) fn end_of_statement(&mut self) -> Result<usize, Trouble> {
        let end = self.at;
        let newline = self.blanks()?;
        if self.take(';') {
            return Ok(self.at);
        }
        let message = match self.peek() {
            None => return Ok(end),
            Some(',') => "meta export must declare only `meta`",
            // A new line ends a statement unless the next one goes on with it.
            Some(letter) if newline && !"([`+-*/.=&|<>?%^!".contains(letter) => return Ok(end),
            Some(_) => "non-literal node type in meta: the value goes on behind the literal",
        };
        Err(Trouble::new(message, self.here()))
    }
}

const fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn is_first(letter: char) -> bool {
    letter.is_alphabetic() || matches!(letter, '_' | '$')
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}
