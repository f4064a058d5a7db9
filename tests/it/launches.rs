//! What edition 2026 starts, harness by harness: the arguments that decide what an
//! agent may do, and the persona's words, which reach the harness as they are.

use std::convert::Infallible;

use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object};
use plan_core::effect::{ActionKind, Content};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::lower::{Places, lower};
use plan_core::persona::options::PlanOptions;
use tests::repo::Answer;

const PLACES: Places<'_> = Places {
    cwd: "/repo",
    stage: "/stage",
    mount: "/mount",
    include_git: false,
    view: plan_core::effect::View::InPlace,
    ignored: &[],
    readonly: &[],
    link_targets: &[],
    inherited: &[],
    kept_skills: &[],
};

/// What a one-shot plan starts: its arguments and its private files.
struct Started {
    args: Vec<String>,
    files: Vec<(String, String)>,
}

impl Started {
    fn has(&self, first: &str, second: &str) -> bool {
        let pair = |pair: &[String]| matches!(pair, [a, b] if a == first && b == second);
        self.args.windows(2).any(pair)
    }

    fn file(&self, path: &str) -> &str {
        let found = self.files.iter().find(|(name, _)| name == path);
        found.map_or("", |(_, text)| text)
    }
}

/// Plans and lowers a persona with more members than every one has.
fn start(harness: &str, prompt: &str, more: &str) -> Answer<Started> {
    let selection = format!(
        r#"{{"personaId": "tester", "harness": "{harness}", "model": "a/b",
            "systemPrompt": "{prompt}", "harnessSettings": {{"reasoning": "low",
            "timeoutSeconds": 60}}, "skills": [] {more}}}"#
    );
    let (selection, options) = (json::read(&selection)?, json::read(r#"{"task": "Go."}"#)?);
    let nothing = Object::new();
    let options = PlanOptions::strict(&options, &nothing).map_err(|error| error.message.clone())?;
    let plan = build_persona_spawn_plan(&selection, &options, Edition::V2026)?;
    let list = lower(&plan, &PLACES).map_err(|problems| format!("{problems:?}"))?;
    let mut files = Vec::new();
    for action in list.iter() {
        if let ActionKind::WriteFile {
            path,
            content: Content::Document(document),
            ..
        } = &action.kind
        {
            let text = document.render(|template, _| Ok::<_, Infallible>(template.to_owned()));
            files.push((path.clone(), text?));
        }
    }
    let args = plan.args.iter().map(|arg| PLACES.concrete(arg)).collect();
    Ok(Started { args, files })
}

const SERVER: &str = r#", "mcpServers": {"e cho": {"type": "stdio", "command": "node"}}"#;

#[test]
fn private_files_keep_the_words_of_the_persona() -> Answer<()> {
    let prompt = "Say {{stage}} and ${HOME}";
    let files = [
        ("claude", "/stage/system.md"),
        ("codex", "/stage/codex/config.toml"),
        ("grok", "/stage/agent.md"),
        ("opencode", "/stage/prompt.md"),
    ];
    for (harness, file) in files {
        let started = start(harness, prompt, "")?;
        assert!(
            started.file(file).contains(prompt),
            "{harness}: {:?}",
            started.files
        );
    }
    Ok(())
}

#[test]
fn grok_gets_its_prompt_as_an_agent() -> Answer<()> {
    let started = start("grok", "You test.", "")?;
    assert!(
        started.has("--agent", "/stage/agent.md"),
        "{:?}",
        started.args
    );
    assert!(
        started
            .file("/stage/agent.md")
            .ends_with("\n---\nYou test.\n")
    );
    Ok(())
}

#[test]
fn grok_asks_nobody_for_what_the_persona_approves() -> Answer<()> {
    let edits = r#", "permissions": {"mode": "acceptEdits"}"#;
    assert!(start("grok", "x", edits)?.has("--allow", "Edit(./**)"));
    let plan = r#", "permissions": {"mode": "plan"}"#;
    assert!(start("grok", "x", plan)?.has("--deny", "Edit"));
    assert!(start("grok", "x", SERVER)?.has("--allow", "mcp__e_cho"));
    let listed = format!(r#"{SERVER}, "permissions": {{"allow": ["Read"]}}"#);
    assert!(!start("grok", "x", &listed)?.has("--allow", "mcp__e_cho"));
    Ok(())
}

#[test]
fn opencode_logs_servers_that_do_not_start() -> Answer<()> {
    assert!(start("opencode", "x", SERVER)?.has("--log-level", "WARN"));
    Ok(())
}

/// With a private home, codex still reaches the providers that the user set up, and takes
/// nothing else of the user's configuration.
#[test]
fn a_private_configuration_takes_over_providers_only() -> Answer<()> {
    let selection = json::read(
        r#"{"personaId": "tester", "harness": "codex", "model": "a/b", "systemPrompt": "Hi.",
            "harnessSettings": {"reasoning": "low", "timeoutSeconds": 60}, "skills": []}"#,
    )?;
    let plan = build_persona_spawn_plan(&selection, &PlanOptions::default(), Edition::V2026)?;
    let users = json::read(
        r#"{"model": "other", "model_provider": "mine", "mcp_servers": {"theirs": {}},
            "model_providers": {"mine": {"base_url": "http://127.0.0.1/v1"}}}"#,
    )?
    .to_owned_value();
    let file = plan
        .private_files
        .iter()
        .flatten()
        .next()
        .ok_or("no private file")?;
    let text = file.completed(users.as_object()).template();
    assert!(text.contains("model = \"b\"\n"), "{text}");
    assert!(text.contains("model_provider = \"mine\"\n"), "{text}");
    assert!(
        text.contains("[model_providers.mine]\nbase_url ="),
        "{text}"
    );
    assert!(
        !text.contains("theirs") && !text.contains("other"),
        "{text}"
    );
    assert_eq!(file.completed(None).template(), file.document.template());
    Ok(())
}

/// What a persona denies stays denied, whatever it allows beside it.
#[test]
fn denials_come_last_for_opencode() -> Answer<()> {
    for (permissions, servers, last) in [
        (
            r#"{"allow": ["Bash(git *)", "Bash(git push *)"], "deny": ["Bash(git *)"]}"#,
            "",
            r#""git push *":"allow","git *":"deny"}"#,
        ),
        (
            r#"{"allow": ["mcp__db", "mcp__db__write"], "deny": ["mcp__db"]}"#,
            DB,
            r#""db_write":"allow","db_*":"deny","#,
        ),
        (
            r#"{"allow": ["Bash"], "mode": "acceptEdits", "deny": ["*"]}"#,
            "",
            r#""permission":{"*":"deny","external_directory""#,
        ),
        (
            r#"{"mode": "plan"}"#,
            DB,
            r#""edit":"deny","bash":"deny","db_*":"deny","#,
        ),
    ] {
        let more = format!(r#", "permissions": {permissions}{servers}"#);
        let config = opencode_config(&more)?;
        assert!(config.contains(last), "{permissions}: {config}");
    }
    Ok(())
}

const DB: &str = r#", "mcpServers": {"db": {"type": "stdio", "command": "db"}}"#;

/// Returns the configuration that a one-shot opencode persona gets.
fn opencode_config(more: &str) -> Answer<String> {
    let selection = format!(
        r#"{{"personaId": "tester", "harness": "opencode", "model": "a/b",
            "systemPrompt": "Hi.", "harnessSettings": {{"reasoning": "low",
            "timeoutSeconds": 60}}, "skills": [] {more}}}"#
    );
    let selection = json::read(&selection)?;
    let options = PlanOptions {
        task: Some("Go."),
        ..PlanOptions::default()
    };
    let plan = build_persona_spawn_plan(&selection, &options, Edition::V2026)?;
    let config = plan.env.get("OPENCODE_CONFIG_CONTENT");
    let config = config
        .and_then(json::Value::as_str)
        .ok_or("no configuration")?;
    Ok(config.to_owned())
}

/// A persona that could set the variable of its harness's private configuration could
/// lift its own permissions.
#[test]
fn nobody_else_sets_the_private_configuration() -> Answer<()> {
    for (harness, more) in [
        ("codex", r#", "env": {"CODEX_HOME": "/tmp/x"}"#),
        ("opencode", r#", "env": {"OPENCODE_CONFIG_CONTENT": "{}"}"#),
        (
            "grok",
            r#", "inputs": {"HOME_OF_GROK": {"env": "GROK_HOME", "default": "x"}}"#,
        ),
    ] {
        let error = start(harness, "Hi.", more).err().ok_or("it was planned")?;
        assert!(
            error.to_string().contains("private configuration"),
            "{error}"
        );
    }
    Ok(())
}
