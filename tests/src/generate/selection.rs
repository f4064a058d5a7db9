//! Selections and options: mostly what an author would write, now and then anything.

use plan_core::base::json::{Object, Value};

use super::{Draw, number, text, value};

/// Makes a selection.
pub fn selection(draw: &mut Draw<'_>) -> Value<'static> {
    let mut selection = Object::new();
    let fields: [(&'static str, Field); 16] = [
        ("personaId", |draw| {
            word(draw, "scout", &["p-1", "A_b", "é"])
        }),
        ("harness", |draw| {
            word(draw, "claude", &["codex", "opencode", "grok"])
        }),
        ("model", |draw| word(draw, "maker/model", &["m", "opus-4"])),
        ("systemPrompt", prompt),
        ("harnessSettings", settings),
        ("skills", |draw| list(draw, skill)),
        ("inputs", |draw| map(draw, &["TOPIC", "DEPTH", "_X"], input)),
        ("env", |draw| map(draw, &["TONE", "TOPIC", "KEY"], plain)),
        ("mcpServers", |draw| {
            map(draw, &["index", "tracker", "a b"], server)
        }),
        ("permissions", permissions),
        ("mount", mount),
        ("memory", |draw| facet(draw, "aiMemory")),
        ("relay", |draw| facet(draw, "enabled")),
        ("claudeMdContent", prompt),
        ("agentsMdContent", prompt),
        ("claudeMdMode", |draw| word(draw, "overwrite", &["extend"])),
    ];
    for (place, (name, field)) in fields.into_iter().enumerate() {
        let needed = place < 5;
        if needed || draw.once_in(3) {
            selection.insert(name, field(draw));
        }
    }
    if draw.once_in(12) {
        selection.insert(
            draw.pick("id", &["harness", "skills", "mount", "env"]),
            value(draw),
        );
    }
    if draw.once_in(12) {
        selection.insert(text(draw), value(draw));
    }
    selection.into()
}

/// Makes options that both editions take: `task` and its like only in some.
pub fn options(draw: &mut Draw<'_>) -> Value<'static> {
    let mut options = Object::new();
    let environment: Field = |draw| map(draw, &["PATH", "TOPIC", "KEY", "RELAY_API_KEY"], plain);
    let fields: [(&'static str, Field); 8] = [
        ("processEnv", environment),
        ("inputEnv", environment),
        ("envOverrides", environment),
        ("inputValues", |draw| {
            map(draw, &["TOPIC", "DEPTH", "_X"], plain)
        }),
        ("repoRoot", |draw| {
            word(draw, "/repo/project", &["/", "/a b"])
        }),
        ("task", prompt),
        ("title", |draw| word(draw, "a title", &["t", "-t"])),
        ("hostIsRoot", |draw| draw.once_in(2).into()),
    ];
    for (name, field) in fields {
        if draw.once_in(2) {
            options.insert(name, field(draw));
        }
    }
    if draw.once_in(16) {
        options.insert(draw.pick("task", &["processEnv", "x"]), value(draw));
    }
    options.into()
}

type Field = fn(&mut Draw<'_>) -> Value<'static>;

fn object<const N: usize>(members: [(&'static str, Value<'static>); N]) -> Value<'static> {
    let members = members.into_iter();
    Value::Object(
        members
            .map(|(name, member)| (name.into(), member))
            .collect(),
    )
}

/// One of the words, and rarely any text.
fn word(draw: &mut Draw<'_>, first: &'static str, others: &[&'static str]) -> Value<'static> {
    if draw.once_in(40) {
        return text(draw).into();
    }
    draw.pick(first, others).into()
}

fn plain(draw: &mut Draw<'_>) -> Value<'static> {
    word(draw, "plain", &["two words", "$KEY", "x${TONE}y", "", "é"])
}

fn prompt(draw: &mut Draw<'_>) -> Value<'static> {
    word(
        draw,
        "Keep notes.",
        &[
            "On $TOPIC, ${DEPTH} deep.\n",
            "{env:HOME} {file:/x}",
            "\"\"\"",
            "é😀",
        ],
    )
}

fn list(draw: &mut Draw<'_>, item: Field) -> Value<'static> {
    let items: Vec<_> = (0..draw.below(3)).map(|_| item(draw)).collect();
    items.into()
}

fn map(draw: &mut Draw<'_>, names: &[&'static str], item: Field) -> Value<'static> {
    let mut map = Object::new();
    for name in names {
        if draw.once_in(2) {
            map.insert(*name, item(draw));
        }
    }
    if draw.once_in(60) {
        map.insert(text(draw), item(draw));
    }
    map.into()
}

fn settings(draw: &mut Draw<'_>) -> Value<'static> {
    let mut settings = Object::new();
    settings.insert("reasoning", word(draw, "low", &["medium", "high"]));
    settings.insert("timeoutSeconds", Value::Number(1.0 + number(draw).abs()));
    let fields: [(&'static str, Field); 4] = [
        ("sandboxMode", |draw| {
            word(
                draw,
                "read-only",
                &["workspace-write", "danger-full-access"],
            )
        }),
        ("approvalPolicy", |draw| {
            word(draw, "never", &["on-request", "untrusted"])
        }),
        ("workspaceWriteNetworkAccess", |draw| draw.once_in(2).into()),
        ("webSearch", |draw| draw.once_in(2).into()),
    ];
    for (name, field) in fields {
        if draw.once_in(4) {
            settings.insert(name, field(draw));
        }
    }
    settings.into()
}

fn skill(draw: &mut Draw<'_>) -> Value<'static> {
    let source = word(
        draw,
        "skills/small.md",
        &[
            "./skills/voice/SKILL.md",
            "/srv/skills/x/SKILL.md",
            "maker/skill",
            "https://prpm.dev/packages/maker/other",
            "https://github.com/maker/skills#review",
            "../x.md",
        ],
    );
    object([
        ("id", word(draw, "s", &["t"])),
        ("source", source),
        ("description", "A skill.".into()),
    ])
}

fn input(draw: &mut Draw<'_>) -> Value<'static> {
    match draw.below(5) {
        0 => object([("default", "a default".into())]),
        1 => object([("default", plain(draw))]),
        2 => object([("optional", true.into())]),
        3 => object([("env", "KEY".into()), ("default", "k".into())]),
        _ => object([("description", "Needed.".into())]),
    }
}

fn server(draw: &mut Draw<'_>) -> Value<'static> {
    if draw.once_in(2) {
        return object([
            ("type", word(draw, "http", &["sse"])),
            ("url", word(draw, "https://x.test/mcp", &["https://$KEY/"])),
            ("headers", map(draw, &["Authorization", "X"], plain)),
        ]);
    }
    object([
        ("type", "stdio".into()),
        ("command", word(draw, "node", &["$KEY", "./a b"])),
        ("args", list(draw, plain)),
        ("env", map(draw, &["TOKEN", "X"], plain)),
    ])
}

fn permissions(draw: &mut Draw<'_>) -> Value<'static> {
    let rule: Field = |draw| {
        word(
            draw,
            "Read",
            &[
                "Edit",
                "Bash(git log *)",
                "Bash(git:*)",
                "mcp__index__*",
                "Nothing",
                "a,b",
            ],
        )
    };
    let mut permissions = Object::new();
    for name in ["allow", "deny"] {
        if draw.once_in(2) {
            permissions.insert(name, list(draw, rule));
        }
    }
    if draw.once_in(2) {
        let mode = word(
            draw,
            "default",
            &["acceptEdits", "bypassPermissions", "plan"],
        );
        permissions.insert("mode", mode);
    }
    permissions.into()
}

fn mount(draw: &mut Draw<'_>) -> Value<'static> {
    let patterns: Field = |draw| list(draw, |draw| word(draw, "secrets/", &["*.pem", "!a"]));
    object([
        ("ignoredPatterns", patterns(draw)),
        ("readonlyPatterns", patterns(draw)),
        ("enabled", (!draw.once_in(4)).into()),
    ])
}

fn facet(draw: &mut Draw<'_>, name: &'static str) -> Value<'static> {
    if draw.once_in(2) {
        return object([(name, true.into())]);
    }
    draw.once_in(2).into()
}
