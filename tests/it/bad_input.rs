//! Bad input: each a clear error with its exit code, and nothing written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use plan_core::base::diag::Path;
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Value, print};
use plan_core::base::record::Scan as _;
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::plan::PersonaSpawnPlan;
use tests::program::{Ended, Stage};
use tests::repo::Answer;

/// A selection on claude with more members, as JSON text without its braces.
fn selection(more: &str) -> String {
    let more = if more.is_empty() {
        String::new()
    } else {
        format!(", {more}")
    };
    format!(
        r#"{{"personaId": "scout", "harness": "claude", "model": "m", "systemPrompt": "Look.",
        "harnessSettings": {{"reasoning": "low", "timeoutSeconds": 60}}{more}}}"#
    )
}

/// A persona file with more members.
fn persona(more: &str) -> String {
    format!(
        r#"{{"id": "scout", "intent": "review", "description": "Looks.", "harness": "claude",
        "model": "m", "systemPrompt": "Look.",
        "harnessSettings": {{"reasoning": "low", "timeoutSeconds": 60}}, {more}}}"#
    )
}

/// One row: what is called, and what must come of it.
struct Row {
    name: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    arguments: Vec<&'static str>,
    installed: Option<&'static str>,
    code: i32,
    fragments: Vec<&'static str>,
}

/// A row about one file, `x.json`, that is planned.
fn row(name: &'static str, content: impl Into<Vec<u8>>) -> Row {
    Row {
        name,
        files: vec![("x.json", content.into())],
        arguments: vec!["plan", "x.json"],
        installed: None,
        code: 1,
        fragments: Vec::new(),
    }
}

impl Row {
    fn calls(mut self, arguments: &[&'static str]) -> Self {
        self.arguments = arguments.to_vec();
        self
    }

    fn with(mut self, path: &'static str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path, content.into()));
        self
    }

    fn installed(mut self, program: &'static str) -> Self {
        self.installed = Some(program);
        self
    }

    fn exits(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    fn says(mut self, fragments: &[&'static str]) -> Self {
        self.fragments = fragments.to_vec();
        self
    }

    /// Runs the row; returns what is wrong.
    fn complaints(&self) -> Answer<Vec<String>> {
        let stage = self
            .files
            .iter()
            .try_fold(Stage::new()?, |stage, (path, content)| {
                stage.file(path, content)
            })?;
        let stage = stage
            .file("folder.json/file", "")?
            .link("elsewhere", "../home")?;
        let stage = match self.installed {
            Some(program) => stage.script(program, "exit 0")?,
            None => stage,
        };
        let locked = stage.project().join("locked.json");
        fs::write(&locked, "{}")?;
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000))?;
        let before = stage.snapshot()?;
        let ended = stage.call(&self.arguments)?.run()?;
        let mut complaints = self.compare(&ended);
        if stage.snapshot()? != before {
            complaints.push(format!("{}: something was written", self.name));
        }
        Ok(complaints)
    }

    fn compare(&self, ended: &Ended) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                let (name, code, told) = (self.name, ended.code(), ended.stderr());
                complaints.push(format!(
                    "{name}: {what}; it ended with {code:?} and said\n{told}"
                ));
            }
        };
        expect(
            ended.code() == Some(self.code),
            &format!("exit code {}", self.code),
        );
        expect(ended.stdout().is_empty(), "nothing on standard output");
        expect(!ended.says("panicked"), "no panic");
        for fragment in &self.fragments {
            expect(ended.says(fragment), fragment);
        }
        complaints
    }
}

#[test]
fn every_bad_input_is_a_clear_error_and_nothing_is_written() -> Answer<()> {
    let rows = [
        documents(),
        fields(),
        options(),
        environments(),
        plans(Edition::PersonaKit4)?,
        plans(Edition::V2026)?,
    ];
    let mut complaints = Vec::new();
    for row in rows.iter().flatten() {
        complaints.extend(row.complaints()?);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

/// Files that hold no document.
fn documents() -> Vec<Row> {
    let deep = "[".repeat(100_000);
    let huge = persona(&format!(r#""padding": "{}""#, "x".repeat(10 << 20)));
    let mut rows = vec![
        row("missing", "")
            .calls(&["plan", "gone.json"])
            .says(&["gone.json", "not found"]),
        row("directory", "")
            .calls(&["plan", "folder.json"])
            .says(&["folder.json", "not a regular file"]),
        row("empty", "").says(&["x.json", "line 1, column 1"]),
        row("not UTF-8", b"\xff\xfe{".as_slice()).says(&["x.json", "not UTF-8"]),
        row("not JSON", "{\"id\": \"x\",\n \"a\" 1}").says(&[
            "x.json",
            "expected `:`",
            "line 2, column 6",
        ]),
        row("trailing comma", "{\"id\": \"x\",}").says(&["x.json", "line 1, column 12"]),
        row("duplicate key", "{\"id\": \"x\",\n\"id\": \"y\"}")
            .says(&["duplicate key `id`", "line 2"]),
        row("deep", deep.clone()).says(&["x.json", "nesting is deeper than"]),
        row("10 MB", huge.clone()).says(&["x.json", "larger than 8388608 bytes"]),
        row("a list", "[1]").says(&["x.json", "non-empty id", "personaId"]),
        row("no id", "{}").says(&["x.json", "non-empty id"]),
        row("blank id", r#"{"id": " "}"#).says(&["x.json", "non-empty id"]),
        row("unknown persona", "")
            .calls(&["plan", "nobody"])
            .says(&["Unknown persona \"nobody\""]),
        row("no JSON file", "")
            .calls(&["plan", "./folder.json/file"])
            .says(&["JSON persona file"]),
        row("plan: missing", "")
            .calls(&["execute", "gone.json"])
            .says(&["gone.json", "does not exist"]),
        row("plan: directory", "")
            .calls(&["execute", "folder.json"])
            .says(&["folder.json", "not a regular file"]),
        row("plan: not JSON", "{\n\"a\" 1}")
            .calls(&["execute", "x.json"])
            .says(&["x.json:2:5"]),
        row("plan: deep", deep)
            .calls(&["execute", "x.json"])
            .says(&["nesting is deeper than"]),
        row("plan: 10 MB", huge)
            .calls(&["execute", "x.json"])
            .says(&["larger than 8388608 bytes"]),
        row("plan: no plan", "{}")
            .calls(&["execute", "x.json"])
            .says(&["plan.persona is missing"]),
        row("options: missing", selection(""))
            .calls(&["plan", "x.json", "--options", "gone.json"])
            .says(&["gone.json", "does not exist"]),
        row("options: not JSON", selection(""))
            .with("o.json", "{")
            .calls(&["plan", "x.json", "--options", "o.json"])
            .says(&["o.json:1:2"]),
        row("options: a list", selection(""))
            .with("o.json", "[]")
            .calls(&["plan", "x.json", "--options", "o.json"])
            .says(&["options file must hold a JSON object"]),
    ];
    if !reads_everything() {
        rows.push(
            row("unreadable", "")
                .calls(&["plan", "locked.json"])
                .says(&["locked.json", "ermission denied"]),
        );
    }
    rows
}

/// Tells whether we are root, to whom nothing is unreadable.
fn reads_everything() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// What is called, the wrong members, and what is said.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Members that neither a persona nor a selection may have.
const FIELDS: [Case; 26] = [
    (
        "argument: id",
        r#""personaId": "-p""#,
        &["personaId", "must not start with `-`"],
    ),
    (
        "argument: model",
        r#""model": "--help""#,
        &["model", "must not start with `-`"],
    ),
    (
        "argument: pattern",
        r#""permissions": {"allow": ["Read", "--x"]}"#,
        &["permissions.allow[1]", "must not start with `-`"],
    ),
    (
        "argument: skill",
        r#""skills": [{"id": "s", "source": "-x/y", "description": "d"}]"#,
        &["-x/y"],
    ),
    ("argument: NUL", r#""model": "m\u0000""#, &["model", "NUL"]),
    (
        "stage: env",
        r#""env": {"A": "{{stage}}/x"}"#,
        &["env.A", "placeholder of the private directory"],
    ),
    (
        "stage: server",
        r#""mcpServers": {"x": {"type": "stdio", "command": "{{stage}}"}}"#,
        &["mcpServers.x", "placeholder"],
    ),
    (
        "stage: model",
        r#""model": "{{stage}}""#,
        &["model", "placeholder"],
    ),
    (
        "harness",
        r#""harness": "cluade""#,
        &[
            "harness must be one of: claude, codex, grok, opencode",
            "did you mean `claude`?",
        ],
    ),
    (
        "harness: number",
        r#""harness": 1"#,
        &["harness must be one of"],
    ),
    (
        "model: blank",
        r#""model": " ""#,
        &["model must be a non-empty string"],
    ),
    (
        "settings",
        r#""harnessSettings": {"reasoning": "hihg", "timeoutSeconds": 0}"#,
        &[
            "reasoning must be low|medium|high",
            "did you mean `high`?",
            "timeoutSeconds must be a positive number",
        ],
    ),
    (
        "settings: list",
        r#""harnessSettings": []"#,
        &["harnessSettings must be an object"],
    ),
    ("skills", r#""skills": {}"#, &["skills must be an array"]),
    (
        "skill",
        r#""skills": [{"id": "s"}]"#,
        &["skills[0].source", "skills[0].description"],
    ),
    (
        "input name",
        r#""inputs": {"a b": "x"}"#,
        &["inputs.a b must be an env-style name"],
    ),
    ("env", r#""env": {"A": 1}"#, &["env.A must be a string"]),
    (
        "env: name",
        r#""env": {"A=B": "x"}"#,
        &["env.A=B is not a name"],
    ),
    (
        "server",
        r#""mcpServers": {"x": {"type": "stdoi", "command": "c"}}"#,
        &["mcpServers.x.type", "did you mean `stdio`?"],
    ),
    (
        "permissions",
        r#""permissions": {"mode": "pln"}"#,
        &["permissions.mode", "did you mean `plan`?"],
    ),
    (
        "mount",
        r#""mount": {"ignoredPatterns": "x"}"#,
        &["mount.ignoredPatterns must be an array"],
    ),
    (
        "memory",
        r#""memory": "yes""#,
        &["memory must be a boolean or an object"],
    ),
    (
        "relay",
        r#""relay": {"channels": "x"}"#,
        &["relay.channels must be an array"],
    ),
    (
        "sidecar",
        r#""claudeMd": "../notes.md""#,
        &["claudeMd must not contain \"..\" segments"],
    ),
    (
        "sidecar mode",
        r#""claudeMdContent": "x", "claudeMdMode": "append""#,
        &["claudeMdMode must be one of: overwrite, extend"],
    ),
    (
        "prototype",
        r#""env": {"__proto__": "x"}"#,
        &["__proto__ is a key that JavaScript does not keep"],
    ),
];

/// Documents with a wrong field: personas and selections alike.
fn fields() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, more, says) in FIELDS {
        rows.push(row(name, replaced(&selection(""), more)).says(says));
        // The id of a persona file is looked up before the file is checked.
        if !more.contains("personaId") {
            rows.push(row(name, replaced(&persona(r#""tags": []"#), more)).says(says));
        }
    }
    rows
}

/// A document with members replaced or added.
pub(crate) fn replaced(document: &str, members: &str) -> String {
    let merged = || {
        let mut document = json::read(document).ok()?.to_owned_value();
        let members = format!("{{{members}}}");
        let members = json::read(&members).ok()?.to_owned_value();
        if let Value::Object(object) = &mut document {
            for (name, value) in members.as_object()?.iter() {
                object.insert(name.to_owned(), value.clone());
            }
        }
        Some(print(&document))
    };
    merged().unwrap_or_default()
}

/// Options and arguments.
fn options() -> Vec<Row> {
    let optioned = |name, options: &'static str| {
        row(name, selection("")).with("o.json", options).calls(&[
            "plan",
            "x.json",
            "--options",
            "o.json",
        ])
    };
    let called = |name, arguments: &[&'static str]| row(name, selection("")).calls(arguments);
    vec![
        optioned("option: unknown", r#"{"inputValue": {}}"#)
            .says(&["options.inputValue is not a known field"]),
        optioned("option: type", r#"{"processEnv": []}"#)
            .says(&["options.processEnv must be an object"]),
        optioned("option: title", r#"{"title": "-t"}"#)
            .says(&["options.title", "must not start with `-`"]),
        optioned("option: root", r#"{"repoRoot": "x"}"#)
            .says(&["options.repoRoot must be an absolute path"]),
        called("title", &["plan", "x.json", "--title=-x", "--task", "t"])
            .says(&["options.title", "must not start with `-`"]),
        called("edition", &["plan", "x.json", "--edition", "2062"])
            .exits(64)
            .says(&["2062", "2026"]),
        called("input", &["plan", "x.json", "--input", "TOPIC"])
            .exits(64)
            .says(&["`TOPIC` is not NAME=VALUE"]),
        called("command", &["plna"])
            .exits(64)
            .says(&["plna", "plan"]),
        called("flag", &["plan", "x.json", "--jsno"])
            .exits(64)
            .says(&["--jsno", "--json"]),
        called("no command", &[]).exits(64),
        called(
            "two tasks",
            &["plan", "x.json", "--task", "a", "--task-file", "b"],
        )
        .exits(64)
        .says(&["--task-file"]),
        called("task file", &["plan", "x.json", "--task-file", "gone"])
            .says(&["gone", "does not exist"]),
        called("directory", &["run", "x.json", "--cwd", "gone"])
            .exits(64)
            .says(&["gone", "does not exist"]),
    ]
}

/// What the machine lacks: inputs, variables, programs.
fn environments() -> Vec<Row> {
    let input = selection(r#""inputs": {"TOPIC": {"env": "MY_TOPIC"}}"#);
    let secret = selection(r#""env": {"TOKEN": "Bearer ${MY_TOKEN}"}"#);
    let header = selection(
        r#""mcpServers": {"x": {"type": "http", "url": "https://x.test",
        "headers": {"Authorization": "${MY_TOKEN}"}}}"#,
    );
    let run = |name, content: String| {
        row(name, content)
            .installed("claude")
            .calls(&["run", "x.json"])
    };
    vec![
        row("input", input).says(&["TOPIC", "MY_TOPIC", "--input TOPIC=VALUE"]),
        row("harness", selection(""))
            .calls(&["run", "x.json"])
            .exits(69)
            .says(&[
                "`claude` is not installed",
                "npm install -g @anthropic-ai/claude-code",
            ]),
        run("reference: env", secret)
            .exits(78)
            .says(&["MY_TOKEN", "env.TOKEN", "export MY_TOKEN"]),
        run("reference: header", header)
            .exits(78)
            .says(&["MY_TOKEN", "mcpServers.x.headers.Authorization"]),
    ]
}

/// Paths that a configuration file may not have.
const PATHS: [Case; 9] = [
    (
        "climbs",
        "../x",
        &["must not contain \"..\" segments", "../x"],
    ),
    (
        "climbs inside",
        "a/../../x",
        &["must not contain \"..\" segments"],
    ),
    ("absolute", "/tmp/x", &["must be relative"]),
    ("git", ".git/hooks/x", &["must not reach into .git"]),
    ("NUL", "a\0b", &["must not contain NUL"]),
    ("empty", "", &["must not be empty"]),
    ("dot", "a/./b", &["empty or \".\" segments"]),
    ("backslash", "a\\b", &["backslash"]),
    ("link", "elsewhere/x", &["elsewhere"]),
];

/// Names that a sidecar may not have.
const SIDECARS: [Case; 4] = [
    (
        "basename",
        "a/b.md",
        &["plan.sidecars[0].filename must be a basename"],
    ),
    (
        "sidecar climbs",
        "..",
        &["plan.sidecars[0].filename must not contain \"..\""],
    ),
    ("sidecar git", ".git", &["must not reach into .git"]),
    ("sidecar empty", "", &["must not be empty"]),
];

/// Plans that were changed on their way: with the digest of what they hold now, as
/// someone who means harm would make them.
fn plans(edition: Edition) -> Answer<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, path, says) in PATHS {
        let file = format!(r#"[{{"path": {}, "contents": "x"}}]"#, print(path));
        rows.push(executed(name, edition, "configFiles", &file)?.says(says));
    }
    for (name, filename, says) in SIDECARS {
        let sidecar = format!(
            r#"[{{"filename": {}, "contents": "x", "mode": "overwrite"}}]"#,
            print(filename)
        );
        rows.push(executed(name, edition, "sidecars", &sidecar)?.says(says));
    }
    let relative = r#"[{"filename": "CLAUDE.md", "sourcePath": "../x.md", "mode": "extend"}]"#;
    rows.push(
        executed("source", edition, "sidecars", relative)?.says(&["sourcePath must be absolute"]),
    );
    rows.push(
        executed(
            "mode",
            edition,
            "sidecars",
            &relative.replace("extend", "append"),
        )?
        .says(&["plan.sidecars[0].mode must be one of: overwrite, extend"]),
    );
    rows.push(executed("type", edition, "args", "[1]")?.says(&["plan.args[0] must be a string"]));
    rows.push(executed("member", edition, "arg", "[]")?.says(&["plan.arg is not a known field"]));
    rows.push(
        executed("edition", edition, "edition", "\"2062\"")?
            .says(&["plan.edition must be one of: persona-kit-4, 2026"]),
    );
    if edition.switches().envelope {
        rows.extend(signed_plans(edition)?);
    }
    Ok(rows)
}

/// What only plans with a digest and private files can have wrong.
fn signed_plans(edition: Edition) -> Answer<Vec<Row>> {
    let mut rows = Vec::new();
    let unsigned = plan_text(edition)?.replace("Look.", "Jump.");
    rows.push(
        row("digest", unsigned)
            .calls(&["execute", "x.json", "--", "true"])
            .says(&[
                "plan.digest does not fit the plan",
                "changed after it was built",
            ]),
    );
    rows.push(executed("version", edition, "version", "2")?.says(&["plan.version"]));
    let file = r#"[{"path": "../../x", "document": {"format": "text", "value": "x"}}]"#;
    rows.push(
        executed("private file", edition, "privateFiles", file)?
            .says(&["plan.privateFiles[0].path must not contain \"..\""]),
    );
    let link = r#"[{"path": "/x", "homeEnv": "H", "homeDefault": ".h", "target": "t"}]"#;
    rows.push(
        executed("private link", edition, "privateLinks", link)?
            .says(&["plan.privateLinks[0].path must be relative"]),
    );
    Ok(rows)
}

/// A row that executes a plan with one member replaced.
fn executed(
    name: &'static str,
    edition: Edition,
    member: &'static str,
    content: &str,
) -> Answer<Row> {
    let text = replaced(
        &plan_text(edition)?,
        &format!("{}: {content}", print(member)),
    );
    let value = json::read(&text)?;
    let text = match PersonaSpawnPlan::scan(&value, &Path::root("plan")) {
        Ok(mut plan) if plan.digest.is_some() => {
            plan.digest = Some(plan.compute_digest());
            print(&plan)
        }
        _ => text.clone(),
    };
    Ok(row(name, text).calls(&["execute", "x.json", "--", "true"]))
}

/// A plan that could be executed.
fn plan_text(edition: Edition) -> Answer<String> {
    let text = selection("");
    let selection = json::read(&text)?;
    let nothing = Value::Object(Object::new());
    let ambient = Object::new();
    let options = PlanOptions::strict(&nothing, &ambient)?;
    let plan = build_persona_spawn_plan(&selection, &options, edition)?;
    Ok(print(&plan))
}
