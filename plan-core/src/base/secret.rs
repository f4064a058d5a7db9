//! Secrets in texts that people read: which names hold them, and how they are hidden.

use alloc::borrow::Cow;
use alloc::string::String;

/// What stands where a secret stood.
pub const HIDDEN: &str = "[hidden]";

/// Values shorter than this occur in texts by chance.
const LEAST: usize = 8;

/// Words that names of secrets hold, as environments and headers write them.
const WORDS: [&str; 9] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "APIKEY",
    "KEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTHORIZATION",
];

/// How the tokens of well-known services begin.
const PREFIXES: [&str; 12] = [
    "sk-",
    "sk_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "npm_",
    "AKIA",
    "eyJ",
];

/// Tells whether a variable or header of this name holds a secret by its name.
pub fn is_secret_name(name: &str) -> bool {
    let mut words = name.split(['_', '-', '.']);
    words.any(|word| WORDS.iter().any(|secret| word.eq_ignore_ascii_case(secret)))
}

/// Tells whether a word looks like the token of a well-known service.
pub fn is_token(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    word.len() >= 20
        && PREFIXES.iter().any(|prefix| word.starts_with(prefix))
        && word.bytes().all(plain)
        // Names that people choose rarely hold both.
        && word.bytes().any(|byte| byte.is_ascii_digit())
}

/// Hides the given values and everything that looks like a token.
pub fn hide<'t>(text: &'t str, values: &[String]) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    for value in values.iter().filter(|value| value.len() >= LEAST) {
        if text.contains(&**value) {
            text = Cow::Owned(text.replace(&**value, HIDDEN));
        }
    }
    let is_part = |letter: char| !(letter.is_alphanumeric() || "_-.".contains(letter));
    let tokens = text.split(is_part).filter(|word| is_token(word));
    let tokens: alloc::vec::Vec<String> = tokens.map(String::from).collect();
    for token in tokens {
        text = Cow::Owned(text.replace(&*token, HIDDEN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "db.password",
            "X-Api-Key",
            "apikey",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["PATH", "KEYBOARD", "TOKENIZER_PATH", "HOME", "MONKEY"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn values_and_tokens_are_hidden() {
        let values = [String::from("hunter2-hunter2"), String::from("short")];
        let cases = [
            ("a hunter2-hunter2 b", "a [hidden] b"),
            ("short stays", "short stays"),
            (
                "curl -H 'Authorization: Bearer ghp_0123456789abcdefghij'",
                "curl -H 'Authorization: Bearer [hidden]'",
            ),
            (
                "sk-1 is no token, sk-learn-example-project/x is none",
                "sk-1 is no token, sk-learn-example-project/x is none",
            ),
            ("nothing here", "nothing here"),
        ];
        for (text, hidden) in cases {
            assert_eq!(hide(text, &values), hidden);
        }
    }
}
