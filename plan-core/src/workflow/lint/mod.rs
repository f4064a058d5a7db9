//! What in a script is likely to be a mistake, found without running it. Nothing here stops a
//! script: each is a warning with its place.

mod tokens;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::meta::Script;
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Place};
use crate::base::json::position;
use tokens::{Token, tokens};

/// What a script calls instead of what it has not, and why.
const MISSING: &[(&str, &str)] = &[
    (
        "setTimeout",
        "a script has no timers; `await sleep(ms)` waits, and is kept",
    ),
    (
        "setInterval",
        "a script has no timers; `await sleep(ms)` waits, and is kept",
    ),
    ("fetch", "a script has no network; let an agent fetch it"),
    (
        "require",
        "a script has no modules; what it needs stands in it",
    ),
    (
        "import",
        "a script has no modules; what it needs stands in it",
    ),
    ("eval", "a script makes no code at run time"),
];

/// Functions whose promise is the point of calling them.
const VALUES: &[&str] = &["now", "random", "uuid", "env"];

/// Functions whose promise somebody must wait for.
const PROMISES: &[&str] = &[
    "agent",
    "parallel",
    "pipeline",
    "workflow",
    "checkpoint",
    "merge",
    "sleep",
    "verify",
    "judgePanel",
    "loopUntilDry",
    "completenessCheck",
    "retry",
    "gate",
    "task",
    "flow",
];

/// Looks for likely mistakes in the body of a script whose beginning was read.
pub fn lint(text: &str, script: &Script<'_>) -> Vec<Diagnostic> {
    let tokens = tokens(text, script.statement.end);
    let mut found = Vec::new();
    for place in 0..tokens.len() {
        let look = Look {
            tokens: &tokens,
            place,
        };
        found.extend(look.one().map(|(code, message)| {
            let range = tokens.get(place).map_or(0..0, Token::range);
            let start = position(text, range.start);
            Diagnostic::warning(code, message).standing(Place {
                file: None,
                line: start.line as u64,
                column: start.column as u64,
                length: range.len() as u64,
            })
        }));
    }
    found
}

/// One token among all.
struct Look<'l, 't> {
    tokens: &'l [Token<'t>],
    place: usize,
}

impl Look<'_, '_> {
    /// The text of a token behind this one; empty behind the last.
    fn ahead(&self, by: usize) -> &str {
        let found = self.tokens.get(self.place + by);
        found.map_or("", |token| token.text)
    }

    /// The text of a token before this one; empty before the first.
    fn behind(&self, by: usize) -> &str {
        let place = self.place.checked_sub(by);
        let found = place.and_then(|place| self.tokens.get(place));
        found.map_or("", |token| token.text)
    }

    /// Tells whether the texts from here on are these.
    fn reads(&self, wanted: &[&str]) -> bool {
        (0..).zip(wanted).all(|(by, text)| self.ahead(by) == *text)
    }

    /// Tells whether the script gives a name another meaning.
    fn is_own(&self, name: &str) -> bool {
        let declares =
            |before: &str| matches!(before, "const" | "let" | "var" | "function" | "class");
        let mut pairs = self.tokens.windows(2);
        pairs.any(|pair| match pair {
            [before, token] => token.text == name && declares(before.text),
            _ => false,
        })
    }

    fn one(&self) -> Option<(Code, String)> {
        let name = self.ahead(0);
        if matches!(self.behind(1), "." | "?." | "function") {
            return None;
        }
        self.unstable(name)
            .or_else(|| self.missing(name))
            .or_else(|| self.promises(name))
    }

    fn unstable(&self, name: &str) -> Option<(Code, String)> {
        let uses = [
            (
                &["Date", ".", "now", "("][..],
                "`Date.now()` throws; `await now()` is kept with the run",
            ),
            (
                &["Math", ".", "random", "("],
                "`Math.random()` throws; `await random()` is kept with the run",
            ),
            (
                &["new", "Date", "(", ")"],
                "`new Date()` throws; `new Date(await now())` is kept with the run",
            ),
        ];
        if let Some((_, message)) = uses.iter().find(|(words, _)| self.reads(words)) {
            return Some((Code::WORKFLOW_NOT_THERE, String::from(*message)));
        }
        let combines = name == "Promise"
            && self.ahead(1) == "."
            && matches!(self.ahead(2), "all" | "allSettled")
            && self.ahead(3) == "(";
        combines.then(|| {
            let message = format!(
                "after an edit, calls in `Promise.{}` are told apart by their content alone; \
                 `parallel` gives each a place of its own",
                self.ahead(2)
            );
            (Code::WORKFLOW_PLACES_UNSTABLE, message)
        })
    }

    fn missing(&self, name: &str) -> Option<(Code, String)> {
        let (_, why) = MISSING.iter().find(|(missing, _)| *missing == name)?;
        if self.ahead(1) != "(" || self.is_own(name) {
            return None;
        }
        Some((Code::WORKFLOW_NOT_THERE, String::from(*why)))
    }

    fn promises(&self, name: &str) -> Option<(Code, String)> {
        let tries = name == "agent" && self.reads(&["agent", ".", "try", "("]);
        if self.ahead(1) != "(" && !tries {
            return None;
        }
        let is_value = VALUES.contains(&name);
        if !(is_value || PROMISES.contains(&name)) || self.is_own(name) {
            return None;
        }
        let before = self.behind(1);
        if is_value {
            let handed_on = matches!(before, "await" | "return" | "=>" | "[" | ",");
            let message = format!("`{name}()` is a promise; `await` it to have the value");
            return (!handed_on).then_some((Code::WORKFLOW_NOT_AWAITED, message));
        }
        if before == "[" && self.behind(2) == "(" && self.behind(3) == "parallel" {
            let message = format!(
                "`parallel` takes functions, so that it decides when they begin: \
                 `() => {name}(…)`"
            );
            return Some((Code::WORKFLOW_NOT_AWAITED, message));
        }
        let stands_alone = matches!(before, "" | ";" | "{" | "}");
        let message = format!(
            "nobody waits for `{name}()`: the script may return first, and a failure is not seen"
        );
        stands_alone.then_some((Code::WORKFLOW_NOT_AWAITED, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::meta::parse;

    fn found(body: &str) -> Vec<String> {
        let text = format!("export const meta = {{ name: 'a', description: 'b' }};\n{body}");
        let script = parse(&text).expect("a script");
        let place = |problem: &Diagnostic| {
            let place = problem.place.clone().expect("a place");
            let at = format!("{}:{}+{}", place.line, place.column, place.length);
            format!("{at} {}", problem.code.as_str())
        };
        lint(&text, &script).iter().map(place).collect()
    }

    #[test]
    fn what_is_as_it_should_be_is_not_complained_of() {
        let body = "
            // Date.now() is not there, says `setTimeout(` in a comment
            const a = await agent('use Date.now() and fetch()');
            const all = await parallel([() => agent(`x ${a}`), async () => { return agent('y'); }]);
            const p = agent('later');
            const s = new Date(await now());
            const both = [await random(), await env('HOME')];
            await sleep(5);
            function later() { return agent('z'); }
            console.log(s.fetch(), s.env(1));
            await Promise.race([p, sleep(10)]);
            return p.then((x) => x);";
        assert_eq!(found(body), Vec::<String>::new());
        // A name that the script gives another meaning is its own.
        assert_eq!(
            found("const env = (x) => x; return env('a') + 1"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn mistakes_are_found_at_their_place() {
        let cases: [(&str, &[&str]); 12] = [
            ("return Date.now()", &["2:8+4 workflow.not-there"]),
            ("return Math.random()", &["2:8+4 workflow.not-there"]),
            ("return new Date() + 1", &["2:8+3 workflow.not-there"]),
            ("setTimeout(() => 1, 5)", &["2:1+10 workflow.not-there"]),
            ("await fetch('x')", &["2:7+5 workflow.not-there"]),
            (
                "if (env('GO') !== 'on') return 1",
                &["2:5+3 workflow.not-awaited"],
            ),
            ("const t = now();", &["2:11+3 workflow.not-awaited"]),
            ("agent('x');\nreturn 1", &["2:1+5 workflow.not-awaited"]),
            (
                "for (const x of args) { agent.try(x) }",
                &["2:25+5 workflow.not-awaited"],
            ),
            (
                "return parallel([agent('a')])",
                &["2:18+5 workflow.not-awaited"],
            ),
            (
                "return Promise.all(args.map((x) => agent(x)))",
                &["2:8+7 workflow.places-unstable"],
            ),
            ("return `${Date.now()}`", &["2:11+4 workflow.not-there"]),
        ];
        for (body, expected) in cases {
            assert_eq!(found(body), expected, "{body}");
        }
    }
}
