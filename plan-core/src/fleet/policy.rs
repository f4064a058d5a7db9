//! The operator's policy: harness and model by class, restarts, and when a seat is ready.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::fields::{Codes, Fields, find};
use super::observed::Restart;
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::map::Map;
use crate::base::record::record;
use crate::base::yaml::{Entry, Limits, Node, Scalar, read};

const CODES: Codes = Codes {
    field_type: Code::POLICY_FIELD_INVALID,
    field_missing: Code::POLICY_FIELD_MISSING,
    key_unknown: Code::POLICY_KEY_UNKNOWN,
};

/// The name of the file, below `fleet/`.
pub const FILE: &str = "policy.yaml";

/// The longest time that a policy can name, in seconds: a day.
const DAY: u64 = 86_400;

record! {
    /// What holds for the seats that it fits; every condition that it names must hold.
    pub struct Rule {
        /// A class; `*` stands for any letters.
        pub class: Option<String> => "class",
        /// The domain of a class.
        pub domain: Option<String> => "domain",
        /// Whether the class stays staffed.
        pub floor: Option<bool> => "floor",
        /// Whether the class leads.
        pub lead: Option<bool> => "lead",
        /// The harness.
        pub runtime: Option<String> => "runtime",
        /// The model.
        pub model: Option<String> => "model",
        /// Where the seat works.
        pub working_directory: Option<String> => "working_directory",
        /// The line that it begins in.
        pub line: u64 => "line",
    }
}

record! {
    /// When a seat of a harness is ready: its heartbeat says that its agent runs, and all
    /// that is named here holds.
    #[derive(Default)]
    pub struct Ready {
        /// Its screen shows this text.
        pub text: Option<String> => "text",
        /// Its screen fits this regular expression; `^` and `$` stand for ends of lines.
        pub pattern: Option<String> => "pattern",
        /// This command of the shell, run in the seat's directory with its identity, ends
        /// with 0.
        pub command: Option<String> => "command",
        /// Seconds until waiting for it is given up.
        pub timeout: u64 => "timeout",
    }
}

impl Ready {
    /// Tells whether anything but a heartbeat is asked for.
    pub const fn asks(&self) -> bool {
        self.text.is_some() || self.pattern.is_some() || self.command.is_some()
    }
}

record! {
    /// When a quiet seat is called idle or stuck, and how often it must give a sign.
    pub struct Pulse {
        /// Seconds between two heartbeats; after three without one it is stale.
        pub interval: u64 => "interval",
        /// Seconds without output until a seat is idle.
        pub idle: u64 => "idle",
        /// Seconds without output until it is stuck.
        pub stuck: u64 => "stuck",
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            interval: 15,
            idle: 300,
            stuck: 900,
        }
    }
}

record! {
    /// A policy.
    #[derive(Default)]
    pub struct Policy {
        /// The rules; for each field the first one that fits and names it counts.
        pub rules: Vec<Rule> => "rules",
        /// When agents are started again.
        pub restart: Restart => "restart",
        /// How seats are judged.
        pub pulse: Pulse => "heartbeat",
        /// When seats are ready, by harness.
        pub ready: Map<String, Ready> => "ready",
    }
}

/// A class as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// The class.
    pub class: &'s str,
    /// Its domain.
    pub domain: &'s str,
    /// Whether it stays staffed.
    pub floor: bool,
    /// Whether it leads.
    pub lead: bool,
}

impl Rule {
    /// Tells whether every condition of the rule holds.
    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        let same = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        let class = self.class.as_deref();
        let domain = self.domain.as_deref();
        class.is_none_or(|pattern| matches(pattern, subject.class))
            && domain.is_none_or(|domain| domain == subject.domain)
            && same(self.floor, subject.floor)
            && same(self.lead, subject.lead)
    }
}

/// Tells whether a pattern, in which `*` stands for any letters, fits a whole word.
fn matches(pattern: &str, word: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == word;
    };
    let Some(mut word) = word.strip_prefix(head) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return word.ends_with(part);
        }
        let Some((_, behind)) = word.split_once(part) else {
            return false;
        };
        word = behind;
    }
    true
}

const KEYS: &[&str] = &["version", "rules", "restart", "heartbeat", "ready"];
const RULE_KEYS: &[&str] = &[
    "class",
    "domain",
    "floor",
    "lead",
    "runtime",
    "model",
    "working_directory",
];

/// Says what is wrong with a regular expression. Executors bring one; the core has none of
/// its own.
pub type PatternCheck<'c> = &'c dyn Fn(&str) -> Result<(), String>;

/// Reads a policy; patterns are taken as they are.
///
/// # Errors
/// Every problem, each with its place.
pub fn parse(text: &str) -> Result<Policy, Vec<Diagnostic>> {
    parse_with(text, &|_| Ok(()))
}

/// Reads a policy.
///
/// # Errors
/// Every problem, each with its place.
pub fn parse_with(text: &str, check: PatternCheck<'_>) -> Result<Policy, Vec<Diagnostic>> {
    let root = read(text, Limits::default()).map_err(|problem| [problem.within(FILE)])?;
    let mut fields = Fields::new(CODES);
    let entries = fields.map(&root, "a policy");
    fields.refuse_unknown(entries, KEYS, "a policy");
    match find(entries, "version") {
        None => fields.missing(root.span, "version"),
        Some(entry) if entry.value.as_scalar() == Some(&Scalar::Number(1.0)) => {}
        Some(entry) => {
            let message = "version must be 1";
            fields.note(CODES.field_type, entry.value.span, message);
        }
    }
    let policy = Policy {
        rules: rules(entries, &mut fields),
        restart: restart(entries, &mut fields),
        pulse: pulse(entries, &mut fields),
        ready: ready(entries, check, &mut fields),
    };
    if fields.problems.is_empty() {
        return Ok(policy);
    }
    let problems = fields.problems.into_iter();
    Err(problems.map(|problem| problem.within(FILE)).collect())
}

fn rules(entries: &[Entry<'_>], fields: &mut Fields) -> Vec<Rule> {
    let Some(entry) = find(entries, "rules") else {
        return Vec::new();
    };
    let mut rules = Vec::new();
    for item in fields.list(&entry.value, "rules") {
        let members = fields.map(item, "a rule");
        fields.refuse_unknown(members, RULE_KEYS, "a rule");
        let mut text =
            |key: &str| find(members, key).and_then(|entry| fields.text(&entry.value, key));
        let [class, domain, runtime, model, working_directory] =
            ["class", "domain", "runtime", "model", "working_directory"].map(&mut text);
        let mut truth =
            |key: &str| find(members, key).and_then(|entry| fields.truth(&entry.value, key));
        let [floor, lead] = ["floor", "lead"].map(&mut truth);
        if runtime.is_none() && model.is_none() && working_directory.is_none() {
            let message = "a rule must name a runtime, a model or a working_directory";
            fields.note(CODES.field_missing, item.span, message);
        }
        rules.push(Rule {
            class,
            domain,
            floor,
            lead,
            runtime,
            model,
            working_directory,
            line: item.span.place().line,
        });
    }
    rules
}

/// Reads the numbers of a section; those that it does not name keep their value.
fn numbers<const N: usize>(
    node: &Node<'_>,
    what: &str,
    wanted: [(&str, u64, u64); N],
    fields: &mut Fields,
) -> [u64; N] {
    let members = fields.map(node, what);
    let known = wanted.map(|(key, ..)| key);
    fields.refuse_unknown(members, &known, what);
    wanted.map(|(key, least, usual)| {
        let entry = find(members, key);
        let number = entry.and_then(|entry| fields.whole(&entry.value, key, least..=DAY));
        number.unwrap_or(usual)
    })
}

fn restart(entries: &[Entry<'_>], fields: &mut Fields) -> Restart {
    let usual = Restart::default();
    let Some(entry) = find(entries, "restart") else {
        return usual;
    };
    let seconds = |milliseconds: u64| milliseconds / 1_000;
    let wanted = [
        ("limit", 0, usual.limit),
        ("delay", 0, seconds(usual.delay)),
        ("longest", 0, seconds(usual.longest)),
        ("settled", 1, seconds(usual.settled)),
    ];
    let [limit, delay, longest, settled] = numbers(&entry.value, "restart", wanted, fields);
    Restart {
        limit,
        delay: delay * 1_000,
        longest: longest * 1_000,
        settled: settled * 1_000,
    }
}

fn pulse(entries: &[Entry<'_>], fields: &mut Fields) -> Pulse {
    let usual = Pulse::default();
    let Some(entry) = find(entries, "heartbeat") else {
        return usual;
    };
    let wanted = [
        ("interval", 1, usual.interval),
        ("idle", 1, usual.idle),
        ("stuck", 1, usual.stuck),
    ];
    let [interval, idle, stuck] = numbers(&entry.value, "heartbeat", wanted, fields);
    if stuck < idle {
        let message = format!("stuck ({stuck}) must not come before idle ({idle})");
        fields.note(CODES.field_type, entry.value.span, message);
    }
    Pulse {
        interval,
        idle,
        stuck,
    }
}

fn ready(
    entries: &[Entry<'_>],
    check: PatternCheck<'_>,
    fields: &mut Fields,
) -> Map<String, Ready> {
    let mut found = Map::new();
    let Some(entry) = find(entries, "ready") else {
        return found;
    };
    for runtime in fields.map(&entry.value, "ready") {
        let members = fields.map(&runtime.value, "ready");
        let known = ["text", "pattern", "command", "timeout"];
        fields.refuse_unknown(members, &known, "ready");
        let mut text =
            |key: &str| find(members, key).and_then(|entry| fields.text(&entry.value, key));
        let [text, pattern, command] = ["text", "pattern", "command"].map(&mut text);
        if let (Some(pattern), Some(entry)) = (&pattern, find(members, "pattern"))
            && let Err(problem) = check(pattern)
        {
            let message = format!("pattern is not a regular expression: {problem}");
            fields.note(CODES.field_type, entry.value.span, message);
        }
        let timeout = find(members, "timeout")
            .and_then(|entry| fields.whole(&entry.value, "timeout", 1..=DAY));
        let ready = Ready {
            text,
            pattern,
            command,
            timeout: timeout.unwrap_or(60),
        };
        found.insert(String::from(&*runtime.key), ready);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version: 1\nrules:\n  - class: code*\n    runtime: codex\n    model: gpt-5.5\n  - lead: true\n    model: opus\n  - domain: executive\n    floor: false\n    working_directory: ~/desk\nrestart:\n  limit: 2\n  delay: 0\nheartbeat:\n  idle: 10\n  stuck: 20\nready:\n  claude:\n    text: ready\n";

    #[test]
    fn a_policy_is_read_and_its_rules_fit() {
        let policy = parse(TEXT).expect("a policy");
        let subject = |class, domain, floor, lead| Subject {
            class,
            domain,
            floor,
            lead,
        };
        let fit = |subject: &Subject<'_>| {
            let rules = policy.rules.iter();
            let lines: Vec<_> = rules
                .filter(|rule| rule.fits(subject))
                .map(|rule| rule.line)
                .collect();
            lines
        };
        assert_eq!(fit(&subject("code", "engineering", false, false)), [3]);
        assert_eq!(fit(&subject("coder", "executive", true, true)), [3, 6]);
        assert_eq!(fit(&subject("ceo", "executive", false, false)), [8]);
        assert_eq!(policy.restart.limit, 2);
        assert_eq!(policy.restart.delay, 0);
        assert_eq!(policy.restart.longest, 60_000);
        assert_eq!((policy.pulse.interval, policy.pulse.stuck), (15, 20));
        assert_eq!(policy.ready["claude"].text.as_deref(), Some("ready"));
        assert_eq!(policy.ready["claude"].timeout, 60);
    }

    #[test]
    fn every_problem_of_a_policy_has_its_place() {
        let text = "version: 2\nrules:\n  - clas: x\n    model: 3\nrestart:\n  limit: -1\nheartbeat:\n  idle: 900\n  stuck: 10\nlimits: 1\n";
        let found = parse(text).expect_err("problems");
        let found: Vec<_> = found
            .iter()
            .map(|problem| {
                let place = problem.place.as_ref().expect("a place");
                format!(
                    "{} {}: {}",
                    place.line,
                    problem.code.as_str(),
                    problem.message
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "10 policy.key-unknown: a policy has no key `limits`",
                "1 policy.field-invalid: version must be 1",
                "3 policy.key-unknown: a rule has no key `clas`",
                "4 policy.field-invalid: model must be a text of one line",
                "3 policy.field-missing: a rule must name a runtime, a model or a working_directory",
                "6 policy.field-invalid: limit must be a whole number from 0 to 86400",
                "8 policy.field-invalid: stuck (10) must not come before idle (900)",
            ]
        );
    }

    #[test]
    fn patterns_are_shown_to_whoever_knows_them() {
        let text = "version: 1\nready:\n  claude: {pattern: 'a(', command: test -e x}\n";
        let ready = &parse(text).expect("a policy").ready["claude"];
        assert_eq!(ready.pattern.as_deref(), Some("a("));
        assert_eq!(ready.command.as_deref(), Some("test -e x"));
        let check = |pattern: &str| Err(format!("`{pattern}` is not closed"));
        let found = parse_with(text, &check).expect_err("a problem");
        let [problem] = &*found else {
            panic!("{found:?}")
        };
        assert_eq!(
            problem.message,
            "pattern is not a regular expression: `a(` is not closed"
        );
        let place = problem.place.as_ref().expect("a place");
        assert_eq!((place.line, place.column), (3, 21));
    }

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, word, fits) in [
            ("code", "code", true),
            ("code", "coder", false),
            ("*", "", true),
            ("*-lead", "sales-lead", true),
            ("*-lead", "lead", false),
            ("s*-l*d", "sales-lead", true),
            ("a*a", "a", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(matches(pattern, word), fits, "{pattern} {word}");
        }
    }
}
