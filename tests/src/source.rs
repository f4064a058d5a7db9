//! A small scanner of Rust sources: tokens, the paths that they spell, functions,
//! and which lines are tests. It reads what this repository writes, not every
//! Rust program; rules that need types belong into clippy.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// One character of punctuation.
    Mark,
    /// The content of a string literal, as written.
    Text,
}

/// One token; comments and character literals are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
}

impl Token {
    fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`.
    pub line: usize,
    /// The lines of its body, braces included.
    pub lines: usize,
}

/// A scanned source file.
#[derive(Debug, Clone)]
pub struct Source {
    tokens: Vec<Token>,
    /// For each line whether it belongs to a test; index 0 is line 1.
    tests: Vec<bool>,
}

impl Source {
    /// Scans a file.
    pub fn scan(text: &str) -> Self {
        let tokens = Scanner::new(text).finish();
        let mut tests = vec![false; text.lines().count()];
        for (first, last) in test_items(&tokens) {
            let lines = tests.iter_mut().take(last);
            lines
                .skip(first.saturating_sub(1))
                .for_each(|line| *line = true);
        }
        Self { tokens, tests }
    }

    /// Tells whether a line belongs to a test.
    pub fn is_test(&self, line: usize) -> bool {
        let flag = line.checked_sub(1).and_then(|index| self.tests.get(index));
        flag.copied().unwrap_or(false)
    }

    /// Counts the lines that belong to no test.
    pub fn budgeted_lines(&self) -> usize {
        self.tests.iter().filter(|test| !**test).count()
    }

    /// Walks the tokens that belong to no test.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| !self.is_test(token.line))
    }

    /// Lists the functions that belong to no test.
    pub fn functions(&self) -> Vec<Function> {
        let named = self.tokens.windows(2).enumerate().filter_map(|(at, pair)| {
            let [keyword, name] = pair else { return None };
            let function = keyword.is("fn") && name.kind == Kind::Word;
            function.then_some((at, keyword.line, name))
        });
        named
            .filter(|(_, line, _)| !self.is_test(*line))
            .filter_map(|(at, line, name)| {
                let (open, close) = body(self.tokens.get(at..)?)?;
                Some(Function {
                    name: name.text.clone(),
                    line,
                    lines: close + 1 - open,
                })
            })
            .collect()
    }

    /// Lists every path outside tests that starts with the word `start`, groups
    /// expanded: `use std::{fs, io::Read}` gives `std::fs` and `std::io::Read`.
    pub fn paths(&self, start: &str) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            let inner = at.checked_sub(1).and_then(|before| self.tokens.get(before));
            let continues = inner.is_some_and(|mark| mark.is(":") || mark.is("."));
            if token.is(start) && !continues && !self.is_test(token.line) {
                let mut paths = Vec::new();
                let rest = self.tokens.get(at + 1..).unwrap_or_default();
                expand(rest, &[start.to_owned()], &mut paths);
                found.extend(paths.into_iter().map(|path| (token.line, path)));
            }
        }
        found
    }
}

/// Expands what follows a path segment; returns how many tokens it took.
fn expand(tokens: &[Token], prefix: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let colons = tokens.iter().take_while(|token| token.is(":")).count();
    let next = if colons == 2 { tokens.get(2) } else { None };
    match next {
        Some(word) if word.kind == Kind::Word || word.is("*") => {
            let longer = [prefix, std::slice::from_ref(&word.text)].concat();
            3 + expand(tokens.get(3..).unwrap_or_default(), &longer, out)
        }
        Some(open) if open.is("{") => {
            let mut at = 3;
            while let Some(token) = tokens.get(at).filter(|token| !token.is("}")) {
                at += 1;
                if token.is("self") {
                    out.push(prefix.to_vec());
                } else if token.kind == Kind::Word || token.is("*") {
                    let longer = [prefix, std::slice::from_ref(&token.text)].concat();
                    at += expand(tokens.get(at..).unwrap_or_default(), &longer, out);
                    at += alias(tokens.get(at..).unwrap_or_default());
                }
            }
            at + 1
        }
        _ => {
            out.push(prefix.to_vec());
            0
        }
    }
}

/// Steps over `as Name`.
fn alias(tokens: &[Token]) -> usize {
    let renamed = tokens.first().is_some_and(|token| token.is("as"));
    if renamed { 2 } else { 0 }
}

/// Finds the first and last line of the items marked as tests.
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let marks: [&[&str]; 2] = [&["#", "[", "cfg", "(", "test"], &["#", "[", "test", "]"]];
    let mut items = Vec::new();
    for at in 0..tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        let marked = marks.iter().any(|mark| {
            rest.len() > mark.len() && mark.iter().zip(rest).all(|(text, token)| token.is(text))
        });
        if let (true, Some(first)) = (marked, rest.first()) {
            let last = body(rest).map_or(first.line, |(_, close)| close);
            items.push((first.line, last));
        }
    }
    items
}

/// Finds the lines of the next braces, unless a `;` outside brackets comes first.
fn body(tokens: &[Token]) -> Option<(usize, usize)> {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    let mut open = 0;
    for token in tokens.iter().filter(|token| token.kind == Kind::Mark) {
        match token.text.as_str() {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets = brackets.saturating_sub(1),
            ";" if brackets == 0 && braces == 0 => return None,
            "{" => {
                open = if braces == 0 { token.line } else { open };
                braces += 1;
            }
            "}" => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return Some((open, token.line));
                }
            }
            _ => {}
        }
    }
    None
}

/// Cuts a text into tokens.
struct Scanner {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Scanner {
    fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            line: 1,
            tokens: Vec::new(),
        }
    }

    fn finish(mut self) -> Vec<Token> {
        while let Some(next) = self.peek(0) {
            match next {
                '/' if self.peek(1) == Some('/') => self.skip_line(),
                '/' if self.peek(1) == Some('*') => self.skip_block(),
                '"' => self.string(),
                '\'' => self.quote(),
                _ if is_word(next) => self.word(),
                _ if next.is_whitespace() => self.step(),
                _ => {
                    let line = self.line;
                    self.push(Kind::Mark, next.to_string(), line);
                    self.step();
                }
            }
        }
        self.tokens
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn step(&mut self) {
        self.line += usize::from(self.peek(0) == Some('\n'));
        self.at += 1;
    }

    fn push(&mut self, kind: Kind, text: String, line: usize) {
        self.tokens.push(Token { kind, text, line });
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|next| next != '\n') {
            self.step();
        }
    }

    fn skip_block(&mut self) {
        let mut depth = 0_usize;
        while let Some(next) = self.peek(0) {
            match (next, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.step();
                    continue;
                }
            }
            self.step();
            self.step();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        let line = self.line;
        let mut text = String::new();
        self.step();
        while let Some(next) = self.peek(0).filter(|next| *next != '"') {
            if next == '\\' {
                text.push(next);
                self.step();
            }
            text.extend(self.peek(0));
            self.step();
        }
        self.step();
        self.push(Kind::Text, text, line);
    }

    fn raw_string(&mut self, hashes: usize) {
        let line = self.line;
        let mut text = String::new();
        let end = format!("\"{}", "#".repeat(hashes));
        (0..=hashes).for_each(|_| self.step());
        while let Some(next) = self.peek(0).filter(|_| !self.ahead(&end)) {
            text.push(next);
            self.step();
        }
        (0..=hashes).for_each(|_| self.step());
        self.push(Kind::Text, text, line);
    }

    fn ahead(&self, text: &str) -> bool {
        let mut expected = text.chars().enumerate();
        expected.all(|(place, char)| self.peek(place) == Some(char))
    }

    /// A character literal is skipped; the quote of a lifetime is too.
    fn quote(&mut self) {
        self.step();
        if self.peek(0) == Some('\\') {
            self.step();
            self.step();
            while self.peek(0).is_some_and(|next| next != '\'') {
                self.step();
            }
            self.step();
        } else if self.peek(1) == Some('\'') {
            self.step();
            self.step();
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while let Some(next) = self.peek(0).filter(|next| is_word(*next)) {
            text.push(next);
            self.step();
        }
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let hashes = rest.iter().take_while(|next| **next == '#').count();
        let raw = matches!(text.as_str(), "r" | "br" | "cr") && rest.get(hashes) == Some(&'"');
        if raw {
            self.raw_string(hashes);
        } else if text != "b" && text != "c" || !self.ahead("\"") {
            self.push(Kind::Word, text, line);
        }
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r##"
//! docs: std::fs
use std::{fs, io::{self, Read as R}};
fn one<'a>(x: &'a str) -> char {
    /* std::env { */
    let _ = (r#"raw "text" {"#, b"x", '{', '\'');
    std::env::args();
    'y'
}
#[cfg(test)]
mod tests {
    fn hidden() { std::process::abort() }
}
trait T { fn none(&self); }
"##;

    #[test]
    fn paths_expand_groups_and_leave_out_comments_and_tests() {
        let source = Source::scan(SAMPLE);
        let paths: Vec<String> = source
            .paths("std")
            .into_iter()
            .map(|(line, path)| format!("{line} {}", path.join("::")))
            .collect();
        let expected = [
            "3 std::fs",
            "3 std::io",
            "3 std::io::Read",
            "7 std::env::args",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn functions_and_strings_are_found() {
        let source = Source::scan(SAMPLE);
        let functions = source.functions();
        assert_eq!(functions.len(), 1, "{functions:?}");
        assert_eq!((functions[0].name.as_str(), functions[0].lines), ("one", 6));
        let texts: Vec<&str> = source
            .tokens()
            .filter(|token| token.kind == Kind::Text)
            .map(|token| token.text.as_str())
            .collect();
        assert_eq!(texts, ["raw \"text\" {", "x"]);
        assert_eq!(source.budgeted_lines(), SAMPLE.lines().count() - 4);
    }
}
