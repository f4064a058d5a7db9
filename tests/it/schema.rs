//! The JSON schemas and the parser agree: what one accepts, the other accepts.
//!
//! Every value of a full document is replaced by every value of a list, deleted,
//! and joined by new keys; edge cases of single fields come on top. Both sides see
//! the same text.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test of its own, helpers included"
)]

use jsonschema::Validator;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Value, print, read};
use plan_core::persona::parse::{parse_agent, parse_persona};
use plan_core::persona::schema;
use plan_core::persona::vocabulary::INTENTS;

const PERSONA: &str = r##"{
  "id": "full", "intent": "review", "tags": ["a", " b "], "description": "d",
  "skills": [{"id": "s", "source": "@a/b", "description": "x", "extra": 1}],
  "inputs": {
    "SHORT": "v",
    "LONG": {"description": "x", "env": "E", "default": "v", "optional": false,
             "picker": {"provider": "slack", "resource": "users", "more": 1}},
    "FREE": {"optional": true}
  },
  "harness": "codex", "model": "m", "systemPrompt": "s",
  "harnessSettings": {"reasoning": "low", "timeoutSeconds": 1.5, "sandboxMode": "read-only",
    "approvalPolicy": "never", "workspaceWriteNetworkAccess": false, "webSearch": true, "x": 1},
  "env": {"K": "$K"},
  "mcpServers": {
    "h": {"type": "http", "url": "https://x", "headers": {"A": "b"}, "more": 1},
    "s": {"type": "sse", "url": "https://x"},
    "c": {"type": "stdio", "command": "c", "args": ["a", ""], "env": {"E": "f"}}
  },
  "permissions": {"allow": ["Bash(git *)"], "deny": ["x"], "mode": "plan", "note": 1},
  "mount": {"enabled": true, "ignoredPatterns": ["a"], "readonlyPatterns": ["b"], "more": 1},
  "sandbox": false, "claudeMd": "C.md", "claudeMdMode": "extend", "claudeMdContent": "c",
  "agentsMd": "./A.md", "agentsMdMode": "overwrite", "agentsMdContent": "a",
  "cloud": true, "useSubscription": false,
  "integrations": {
    "github": {"scope": {"repo": "a/b"}, "config": {"m": 1}},
    "slack": {"optional": true, "enabledByInput": "FREE", "source": {"kind": "workspace"}},
    "sa": {"source": {"kind": "workspace_service_account", "name": "release-bot", "z": 1}},
    "bare": {}
  },
  "capabilities": {"review": true, "issueClaim": {}, "off": {"enabled": false, "more": 1},
    "httpRead": {"enabled": true, "allow": [{"method": "GET", "urlGlob": "https://x/*"}]}},
  "memory": {"enabled": true, "scopes": ["user", "workspace", "user"], "ttlDays": 3,
    "autoPromote": false, "dedupMs": 0, "trajectories": {"enabled": true, "autoCompact": false},
    "aiMemory": {"enabled": true, "dbPath": "/x"}, "more": 1},
  "relay": {"enabled": true, "agentName": " a ", "channels": ["#x"], "inbox": ["@self"],
    "defaultWorkspace": "w", "more": 1},
  "onEvent": "./agent.ts", "future": {"a": [1, {"b": null}]}
}"##;

const AGENT: &str = r#"{
  "launchedBy": "team-dispatcher",
  "triggers": {"github": [{"on": "push", "match": "@m", "where": "a=b", "paths": ["/a/**"],
    "maxConcurrency": 2, "extra": 1}]},
  "schedules": [{"name": "a", "cron": "0 9 * * 1-5", "tz": "UTC", "j": 1},
    {"name": "b", "cron": "*/15 0,12 1-5/2 * *"}],
  "watch": [{"paths": ["/x"], "events": ["created", "updated", "created"], "debounceMs": 0,
    "match": "m", "y": 1}],
  "other": 1
}"#;

/// What is put in the place of every value.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "1.5",
    "1e300",
    "\"\"",
    "\" \"",
    "\"\\u0085\"",
    "\"\\ufeff\"",
    "\"x\"",
    "\"A_1\"",
    "\"review\"",
    "\"extend\"",
    "\"http\"",
    "\"stdio\"",
    "\"workspace\"",
    "\"/a\"",
    "\"x.md\"",
    "\"1 2 3 4 5\"",
    "[]",
    "[\"a\"]",
    "[\"\"]",
    "[1]",
    "[null]",
    "[{}]",
    "[[]]",
    "{}",
    "{\"a\":\"b\"}",
    "{\"A\":\"b\"}",
    "{\"A\":1}",
    "{\"enabled\":1}",
    "{\"enabled\":true}",
    "{\"__proto__\":1}",
    "{\"a\":[{\"__proto__\":1}]}",
];

/// Members that are added to every object.
const KEYS: &[&str] = &[
    "extra",
    "__proto__",
    "",
    " ",
    "enabled",
    "name",
    "triggers",
    "traits",
    "watch",
    "9",
    "a-b",
];

/// Edge cases of single fields of the persona.
const PERSONA_EDGES: &[(&str, &[&str])] = &[
    ("/id", &["\" a \"", "\"\\u00a0\"", "\"\\u3000x\""]),
    (
        "/harness",
        &[
            "\"claude\"",
            "\"grok\"",
            "\"opencode\"",
            "\"cursor\"",
            "\"Codex\"",
        ],
    ),
    ("/tags", &["[\"a\",\"a\"]", "[\"\\n\"]"]),
    (
        "/harnessSettings/reasoning",
        &["\"medium\"", "\"high\"", "\"LOW\"", "[\"low\"]"],
    ),
    ("/harnessSettings/timeoutSeconds", &["1e-9", "-0", "\"1\""]),
    (
        "/harnessSettings/sandboxMode",
        &["\"workspace-write\"", "\"danger-full-access\"", "\"none\""],
    ),
    (
        "/harnessSettings/approvalPolicy",
        &[
            "\"untrusted\"",
            "\"on-failure\"",
            "\"on-request\"",
            "\"always\"",
        ],
    ),
    (
        "/harnessSettings",
        &[
            "{\"reasoning\":\"low\",\"timeoutSeconds\":1,\"dangerouslyBypassApprovalsAndSandbox\":true}",
            "{\"reasoning\":\"low\",\"timeoutSeconds\":1,\"dangerouslyBypassApprovalsAndSandbox\":false,\"webSearch\":true}",
            "{\"reasoning\":\"low\",\"timeoutSeconds\":1,\"dangerouslyBypassApprovalsAndSandbox\":false,\"sandboxMode\":\"read-only\"}",
            "{\"reasoning\":\"low\",\"timeoutSeconds\":1,\"dangerouslyBypassApprovalsAndSandbox\":true,\"approvalPolicy\":\"never\"}",
            "{\"reasoning\":\"low\",\"timeoutSeconds\":1,\"dangerouslyBypassApprovalsAndSandbox\":true,\"workspaceWriteNetworkAccess\":true}",
            "{\"reasoning\":\"low\",\"timeoutSeconds\":1,\"dangerouslyBypassApprovalsAndSandbox\":1}",
        ],
    ),
    (
        "/inputs",
        &[
            "{\"9A\":\"x\"}",
            "{\"_\":\"x\"}",
            "{\"a\":\"x\"}",
            "{\"A-B\":\"x\"}",
            "{\"A\\n\":\"x\"}",
        ],
    ),
    (
        "/inputs/SHORT",
        &["{\"default\":\" \"}", "{\"default\":\"\"}"],
    ),
    ("/inputs/LONG/env", &["\"a\"", "\"A\\n\"", "\"_9\""]),
    ("/inputs/LONG/optional", &["true"]),
    (
        "/inputs/FREE",
        &[
            "{\"optional\":true,\"default\":\"x\"}",
            "{\"optional\":true,\"default\":1}",
        ],
    ),
    ("/mcpServers/h/type", &["\"sse\"", "\"HTTP\"", "\"ws\""]),
    (
        "/mcpServers/c",
        &[
            "{\"type\":\"stdio\",\"url\":1,\"command\":\"c\"}",
            "{\"type\":\"http\",\"args\":1,\"url\":\"c\"}",
        ],
    ),
    (
        "/permissions/mode",
        &[
            "\"default\"",
            "\"acceptEdits\"",
            "\"bypassPermissions\"",
            "\"ask\"",
        ],
    ),
    (
        "/claudeMd",
        &[
            "\"/C.md\"",
            "\"\\\\C.md\"",
            "\"C:/x.md\"",
            "\"C:x.md\"",
            "\"a/../C.md\"",
            "\"../C.md\"",
            "\"..\\\\C.md\"",
            "\"..a/C.md\"",
            "\"a../C.md\"",
            "\".md\"",
            "\"C.MD\"",
            "\"C.md \"",
            "\"a\\n/C.md\"",
            "\"C.txt\"",
            "\"..md\"",
            "\"x/..md\"",
            "\"https://x/y.md\"",
        ],
    ),
    (
        "/onEvent",
        &[
            "\"a.tsx\"",
            "\"a.mts\"",
            "\"a.cts\"",
            "\"a.js\"",
            "\"a.mjs\"",
            "\"a.cjs\"",
            "\"a.JSX\"",
            "\"a.TS\"",
            "\"a.py\"",
            "\"/a.ts\"",
            "\"\\\\a.ts\"",
            "\"\\\\\\\\a.ts\"",
            "\"C:\\\\a.ts\"",
            "\"../a.ts\"",
            "\"a/..\"",
            "\"ts\"",
            "\".ts\"",
            "\"a.ts\\n\"",
        ],
    ),
    ("/claudeMdContent", &["\" \"", "\"\\n\""]),
    (
        "/integrations/github/source",
        &[
            "{\"kind\":\"deployer_user\"}",
            "{\"kind\":\"deployer_user\",\"name\":\"x\"}",
            "{\"kind\":\"workspace_service_account\"}",
            "{\"kind\":\"other\"}",
        ],
    ),
    (
        "/integrations/sa/source/name",
        &["\"a--b\"", "\"-a\"", "\"A\"", "\"a\\n\"", "\"a1-2\""],
    ),
    (
        "/integrations/slack",
        &[
            "{\"optional\":true}",
            "{\"enabledByInput\":\"A\"}",
            "{\"optional\":false,\"enabledByInput\":\"A\"}",
            "{\"optional\":true,\"enabledByInput\":\"a\"}",
            "{\"optional\":false}",
        ],
    ),
    (
        "/integrations/bare",
        &[
            "{\"__agentworkforceImplicitSource\":true}",
            "{\"toJSON\":1}",
            "{\"triggers\":null}",
        ],
    ),
    (
        "/capabilities/httpRead/allow/0/method",
        &["\"HEAD\"", "\"get\"", "\"POST\""],
    ),
    ("/memory/scopes/0", &["\"global\"", "\"User\""]),
];

/// Edge cases of single fields of the agent.
const AGENT_EDGES: &[(&str, &[&str])] = &[
    (
        "/schedules/0/cron",
        &[
            "\" 0  9 * *\\t1 \"",
            "\"60 * * * *\"",
            "\"59 23 31 12 7\"",
            "\"* 24 * * *\"",
            "\"* * 0 * *\"",
            "\"* * 32 * *\"",
            "\"* * * 0 *\"",
            "\"* * * 13 *\"",
            "\"* * * * 8\"",
            "\"*/0 * * * *\"",
            "\"*/05 * * * *\"",
            "\"007 * * * *\"",
            "\"1,2-3,4/5 * * * *\"",
            "\"1- * * * *\"",
            "\"1,,2 * * * *\"",
            "\"* * * *\"",
            "\"* * * * * *\"",
            "\"@daily\"",
            "\"* * * JAN *\"",
            "\"*,1 * * * *\"",
            "\"1/2/3 * * * *\"",
            "\"*\\u0085* * * *\"",
            "\"*\\ufeff* * * *\"",
        ],
    ),
    (
        "/watch/0/paths/0",
        &[
            "\"/\"",
            "\"/ \"",
            "\" /a\"",
            "\"/a b\"",
            "\"/a\\nb\"",
            "\"/a\\u2028b\"",
            "\"/a\\u0085\"",
            "\"/\\ufeff\"",
            "\"/a\\u00a0\"",
        ],
    ),
    ("/watch/0/events/0", &["\"deleted\"", "\"Created\""]),
    (
        "/triggers",
        &[
            "{\"\":[{\"on\":\"x\"}]}",
            "{\" \":[{\"on\":\"x\"}]}",
            "{\"a\":[]}",
        ],
    ),
    ("/triggers/github/0/maxConcurrency", &["2.5", "3", "1e10"]),
];

/// Compares schema and parser on one text.
struct Pair {
    schema: Validator,
    parse: fn(&Value<'_>) -> Vec<String>,
    compared: usize,
    differences: Vec<String>,
}

impl Pair {
    fn new(schema: &str, parse: fn(&Value<'_>) -> Vec<String>) -> Self {
        let schema = serde_json::from_str(schema).unwrap();
        Self {
            schema: jsonschema::draft202012::new(&schema).unwrap(),
            parse,
            compared: 0,
            differences: Vec::new(),
        }
    }

    fn compare(&mut self, document: &Value<'_>, what: &str) {
        let text = print(document);
        let problems = (self.parse)(&read(&text).unwrap());
        let by_schema = serde_json::from_str(&text).unwrap();
        let found: Vec<String> = self
            .schema
            .iter_errors(&by_schema)
            .map(|one| one.to_string())
            .collect();
        self.compared += 1;
        if problems.is_empty() != found.is_empty() {
            self.differences.push(format!(
                "{what}\n  parser: {problems:?}\n  schema: {found:?}"
            ));
        }
    }

    /// Replaces, deletes and adds at every place of the document.
    fn mutate(&mut self, document: &Value<'_>) {
        let mut places = Vec::new();
        walk(document, String::new(), &mut places);
        for place in &places {
            for value in VALUES {
                self.replace(document, place, value);
            }
            self.delete(document, place);
            for key in KEYS {
                for value in ["1", "\"x\"", "true"] {
                    self.add(document, place, (key, value));
                }
            }
        }
    }

    fn replace(&mut self, document: &Value<'_>, place: &str, value: &str) {
        let mut mutated = document.clone();
        let new = read(value).unwrap().to_owned_value();
        if let Some(old) = mutated.pointer_mut(place) {
            *old = new;
        } else {
            let (parent, key) = place.rsplit_once('/').unwrap();
            let Some(Value::Object(object)) = mutated.pointer_mut(parent) else {
                panic!("no place {place}");
            };
            object.insert(key.to_owned(), new);
        }
        self.compare(&mutated, &format!("{place} = {value}"));
    }

    fn delete(&mut self, document: &Value<'_>, place: &str) {
        let Some((parent, key)) = place.rsplit_once('/') else {
            return;
        };
        let mut mutated = document.clone();
        if let Some(Value::Object(object)) = mutated.pointer_mut(parent) {
            object.remove(key);
            self.compare(&mutated, &format!("without {place}"));
        }
    }

    fn add(&mut self, document: &Value<'_>, place: &str, (key, value): (&str, &str)) {
        let mut mutated = document.clone();
        if let Some(Value::Object(object)) = mutated.pointer_mut(place) {
            object.insert(key.to_owned(), read(value).unwrap().to_owned_value());
            self.compare(&mutated, &format!("{place} with {key:?}: {value}"));
        }
    }

    fn edges(&mut self, document: &Value<'_>, edges: &[(&str, &[&str])]) {
        for (place, values) in edges {
            for value in *values {
                self.replace(document, place, value);
            }
        }
    }

    fn finish(self) {
        assert!(self.compared > 500, "only {} documents", self.compared);
        assert!(
            self.differences.is_empty(),
            "{} of {} differ:\n{}",
            self.differences.len(),
            self.compared,
            self.differences.join("\n")
        );
    }
}

fn walk(value: &Value<'_>, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, member) in object.iter() {
                walk(member, format!("{at}/{key}"), places);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                walk(item, format!("{at}/{place}"), places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    places.push(at);
}

fn messages(problems: Vec<plan_core::base::diag::Diagnostic>) -> Vec<String> {
    problems
        .into_iter()
        .map(|problem| problem.message.clone())
        .collect()
}

fn parse_persona_text(value: &Value<'_>) -> Vec<String> {
    let intent = value.get_str("intent").unwrap_or_default();
    let mut found =
        parse_persona(value, intent, Edition::V2026).map_or_else(messages, |_| Vec::new());
    // A schema cannot say that a name is declared elsewhere in the document.
    found.retain(|message| !message.ends_with("which is not declared"));
    found
}

fn parse_agent_text(value: &Value<'_>) -> Vec<String> {
    parse_agent(value, "agent", Edition::V2026).map_or_else(messages, |_| Vec::new())
}

#[test]
fn persona_schema_agrees_with_the_parser() {
    let mut pair = Pair::new(schema::PERSONA, parse_persona_text);
    let full = read(PERSONA).unwrap();
    pair.compare(&full, "the full persona");
    pair.mutate(&full);
    pair.edges(&full, PERSONA_EDGES);
    // Without a handler, what it runs on is required.
    let mut plain = Object::new();
    for key in [
        "id",
        "intent",
        "description",
        "harness",
        "model",
        "systemPrompt",
        "harnessSettings",
    ] {
        plain.append(key, full.get(key).unwrap().clone());
    }
    let plain = Value::Object(plain);
    pair.mutate(&plain);
    for length in [1, 63, 64, 65] {
        for (open, close) in [("", ""), (" ", "\\n")] {
            let name = format!("\"{open}{}{close}\"", "a".repeat(length));
            pair.replace(&full, "/tags/0", &name);
            pair.replace(&full, "/integrations/sa/source/name", &name);
        }
    }
    for intent in INTENTS {
        pair.replace(&full, "/intent", &format!("\"{intent}\""));
    }
    pair.finish();
}

#[test]
fn agent_schema_agrees_with_the_parser() {
    let mut pair = Pair::new(schema::AGENT, parse_agent_text);
    let full = read(AGENT).unwrap();
    pair.compare(&full, "the full agent");
    pair.mutate(&full);
    pair.edges(&full, AGENT_EDGES);
    pair.finish();
}

#[test]
fn only_the_parser_knows_some_rules() {
    // Unique names, ends of a range in order, lengths in UTF-16 units.
    let agent =
        jsonschema::draft202012::new(&serde_json::from_str(schema::AGENT).unwrap()).unwrap();
    for schedules in [
        "[{\"name\":\"a\",\"cron\":\"* * * * *\"},{\"name\":\" a\",\"cron\":\"* * * * *\"}]",
        "[{\"name\":\"a\",\"cron\":\"5-1 * * * *\"}]",
    ] {
        let text = format!("{{\"schedules\":{schedules}}}");
        assert!(!parse_agent_text(&read(&text).unwrap()).is_empty());
        assert!(agent.is_valid(&serde_json::from_str(&text).unwrap()));
    }
    let mut persona = read(PERSONA).unwrap();
    *persona.pointer_mut("/tags/0").unwrap() = "😀".repeat(33).into();
    assert!(!parse_persona_text(&persona).is_empty());
}
