//! A script as a row of words and signs, without comments, texts and patterns. Not a parser:
//! just enough that nothing in a text is taken for code.

use alloc::vec::Vec;
use core::ops::Range;

/// A word, a sign, or a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// What it is; a literal is `"`.
    pub(super) text: &'t str,
    /// Where it begins.
    pub(super) at: usize,
}

impl Token<'_> {
    /// The bytes that it is made of.
    pub(super) fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// Tells whether it is a word or a number.
    pub(super) fn is_word(&self) -> bool {
        self.text.chars().all(is_letter)
    }
}

/// Stands for every literal.
const LITERAL: &str = "\"";

/// Signs of more than one character that matter to somebody here.
const LONG: &[&str] = &[
    "=>", "...", "===", "!==", "==", "!=", "?.", "??", "&&", "||",
];

/// Words behind which a slash begins a pattern.
const BEFORE_PATTERN: &[&str] = &[
    "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "await", "yield",
];

struct Reader<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token<'t>>,
    /// How many braces are open in each interpolation of a template.
    templates: Vec<usize>,
}

/// Reads a text from a place on. What has no end goes to the end of the text.
pub(super) fn tokens(text: &str, from: usize) -> Vec<Token<'_>> {
    let mut reader = Reader {
        text,
        at: from,
        tokens: Vec::new(),
        templates: Vec::new(),
    };
    while let Some(letter) = reader.peek() {
        reader.one(letter);
    }
    reader.tokens
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, length: usize) {
        self.at = (self.at + length).min(self.text.len());
    }

    fn push(&mut self, text: &'t str, at: usize) {
        self.tokens.push(Token { text, at });
    }

    fn one(&mut self, letter: char) {
        let rest = self.rest();
        let start = self.at;
        if letter.is_whitespace() || letter == '\u{feff}' {
            return self.skip(letter.len_utf8());
        }
        if rest.starts_with("//") {
            return self.skip(rest.find('\n').unwrap_or(rest.len()));
        }
        if rest.starts_with("/*") {
            return self.skip(rest.find("*/").map_or(rest.len(), |end| end + 2));
        }
        if is_letter(letter) {
            let length = rest.find(|letter| !is_letter(letter)).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default();
            self.skip(length);
            return self.push(word, start);
        }
        match letter {
            '"' | '\'' => self.quoted(letter),
            '`' => {
                self.skip(1);
                self.template();
            }
            '/' if self.begins_pattern() => self.pattern(),
            '{' => {
                if let Some(open) = self.templates.last_mut() {
                    *open += 1;
                }
                self.sign(letter);
            }
            '}' => match self.templates.last_mut() {
                Some(0) => {
                    self.templates.pop();
                    self.skip(1);
                    // What stood in between was one value.
                    self.push(")", start);
                    self.template();
                }
                open => {
                    if let Some(open) = open {
                        *open -= 1;
                    }
                    self.sign(letter);
                }
            },
            _ => self.sign(letter),
        }
    }

    fn sign(&mut self, letter: char) {
        let rest = self.rest();
        let long = LONG.iter().find(|sign| rest.starts_with(**sign));
        let length = long.map_or(letter.len_utf8(), |sign| sign.len());
        let at = self.at;
        self.skip(length);
        self.push(rest.get(..length).unwrap_or_default(), at);
    }

    fn quoted(&mut self, quote: char) {
        let start = self.at;
        self.skip(1);
        while let Some(letter) = self.peek() {
            self.skip(letter.len_utf8());
            match letter {
                '\\' => self.skip(self.peek().map_or(0, char::len_utf8)),
                '\n' => break,
                _ if letter == quote => break,
                _ => {}
            }
        }
        self.push(LITERAL, start);
    }

    /// Reads a template up to its end, or to the code that it is interrupted by.
    fn template(&mut self) {
        let start = self.at;
        while let Some(letter) = self.peek() {
            if self.rest().starts_with("${") {
                self.skip(2);
                self.templates.push(0);
                self.push(LITERAL, start);
                return self.push("(", start);
            }
            self.skip(letter.len_utf8());
            match letter {
                '\\' => self.skip(self.peek().map_or(0, char::len_utf8)),
                '`' => break,
                _ => {}
            }
        }
        self.push(LITERAL, start);
    }

    /// Tells whether a slash begins a pattern: it does where no value stands before it.
    fn begins_pattern(&self) -> bool {
        let Some(last) = self.tokens.last() else {
            return true;
        };
        if last.is_word() {
            return BEFORE_PATTERN.contains(&last.text);
        }
        !matches!(last.text, ")" | "]" | "}" | LITERAL)
    }

    fn pattern(&mut self) {
        let start = self.at;
        self.skip(1);
        let mut in_class = false;
        while let Some(letter) = self.peek() {
            self.skip(letter.len_utf8());
            match letter {
                '\\' => self.skip(self.peek().map_or(0, char::len_utf8)),
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => break,
                '\n' => break,
                _ => {}
            }
        }
        while self.peek().is_some_and(is_letter) {
            self.skip(1);
        }
        self.push(LITERAL, start);
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> alloc::string::String {
        let tokens = tokens(text, 0);
        let texts: Vec<&str> = tokens.iter().map(|token| token.text).collect();
        texts.join(" ")
    }

    #[test]
    fn nothing_in_a_text_is_code() {
        assert_eq!(words("a('x // y', \"it's\") // b"), "a ( \" , \" )");
        assert_eq!(words("/* ` */ x = /[/'`]\\/`/g; y"), "x = \" ; y");
        assert_eq!(words("a / b / c"), "a / b / c");
        assert_eq!(words("return /x/.test(y)"), "return \" . test ( y )");
        assert_eq!(words("x => y?.z !== 1.5"), "x => y ?. z !== 1 . 5");
    }

    #[test]
    fn code_in_a_template_is_code() {
        assert_eq!(
            words("`a ${f({ b: `c ${d}` })} e` + g"),
            "\" ( f ( { b : \" ( d ) \" } ) ) \" + g"
        );
        assert_eq!(words("`open ${x"), "\" ( x");
        assert_eq!(words("'open\nx"), "\" x");
    }
}
