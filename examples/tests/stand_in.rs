//! The stand-in plays each agent as the agent was measured.
#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use plan_core::base::json;
use tempfile::TempDir;

/// A directory with a program that has an agent's name, and a project.
struct Stage {
    dir: TempDir,
    agent: &'static str,
    env: Vec<(&'static str, String)>,
}

/// What a run printed and how it ended.
struct Run {
    out: String,
    err: String,
    code: Option<i32>,
}

impl Stage {
    fn new(agent: &'static str) -> std::io::Result<Self> {
        let dir = TempDir::new()?;
        fs::create_dir_all(dir.path().join("bin"))?;
        fs::create_dir_all(dir.path().join("project/.git"))?;
        let to = dir.path().join("bin").join(agent);
        if fs::hard_link(env!("CARGO_BIN_EXE_stand-in"), &to).is_err() {
            fs::copy(env!("CARGO_BIN_EXE_stand-in"), &to)?;
        }
        let env = Vec::new();
        Ok(Self { dir, agent, env })
    }

    fn file(&self, path: &str, text: &str) -> std::io::Result<String> {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.dir.path().join("project").join(path)).ok()
    }

    fn start(&self, args: &[&str], stdin: &str) -> std::io::Result<Child> {
        let mut child = Command::new(self.dir.path().join("bin").join(self.agent))
            .args(args)
            .env_clear()
            .env("PATH", self.dir.path().join("bin"))
            .env("HOME", self.dir.path())
            .env("IS_SANDBOX", "1")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path().join("project"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut to) = child.stdin.take() {
            // An agent that refuses its options does not read.
            drop(to.write_all(stdin.as_bytes()));
        }
        Ok(child)
    }

    fn run(&self, args: &[&str], stdin: &str) -> std::io::Result<Run> {
        self.start(args, stdin)?.wait_with_output().map(Run::from)
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }
}

impl Run {
    /// The types of the events, in order; every line must be JSON.
    fn events(&self) -> Result<Vec<String>, String> {
        let types = self.out.lines().map(|line| {
            let event = json::read(line).map_err(|error| format!("{line}: {error}"))?;
            Ok(event.get_str("type").unwrap_or_default().to_owned())
        });
        types.collect()
    }

    /// A text in the last event.
    fn last(&self, pointer: &str) -> Option<String> {
        let line = self.out.lines().last()?;
        let mut event = json::read(line).ok()?.to_owned_value();
        event.pointer_mut(pointer).map(|value| json::print(value))
    }
}

const CLAUDE: [&str; 4] = ["-p", "--output-format", "stream-json", "--verbose"];
const CODEX: [&str; 4] = ["exec", "--json", "--skip-git-repo-check", "-"];
const OPENCODE: [&str; 5] = ["run", "--agent", "scout", "--format", "json"];

#[test]
fn versions_have_the_agents_own_form() {
    let versions = [
        ("claude", "2.1.329 (Claude Code)\n"),
        ("codex", "codex-cli 0.169.0\n"),
        ("opencode", "1.18.33\n"),
        ("grok", "grok 1.0.41 (4220f3b224a6)\n"),
    ];
    for (agent, version) in versions {
        let run = Stage::new(agent).unwrap().run(&["--version"], "").unwrap();
        assert_eq!((run.out.as_str(), run.code), (version, Some(0)));
    }
}

#[test]
fn unknown_options_end_with_the_agents_own_code() {
    let refused: [(&str, &[&str], i32); 14] = [
        ("claude", &["-p", "--sandbox", "x"], 1),
        ("codex", &["exec", "--search", "-"], 2),
        ("opencode", &["run", "--permission-mode", "x"], 1),
        ("grok", &["--sandbox"], 2),
        ("grok", &["--plugin-dir", "x"], 2),
        ("grok", &["--permission-mode", "manual"], 2),
        ("grok", &["--output-format", "text"], 2),
        ("grok", &["--allow", "--deny"], 2),
        ("grok", &["--sandbox", "mine"], 1),
        ("grok", &["--prompt-file", "/nonexistent"], 1),
        ("claude", &["-p", "--permission-prompts", "x"], 1),
        ("codex", &["exec", "--effort", "high", "-"], 2),
        (
            "codex",
            &["exec", "-c", "approval_policy=untrusted", "-"],
            1,
        ),
        ("claude", &["-p", "--output-format", "stream-json"], 1),
    ];
    for (agent, args, code) in refused {
        let run = Stage::new(agent).unwrap().run(args, "task").unwrap();
        assert_eq!(
            (run.out.as_str(), run.code),
            ("", Some(code)),
            "{agent} {args:?}"
        );
        assert!(!run.err.is_empty());
    }
}

#[test]
fn claude_reads_its_files_and_reports_without_secrets() {
    let stage = Stage::new("claude").unwrap();
    let prompt = stage
        .file("stage/system.md", "You write notes.\nMore.")
        .unwrap();
    let servers = r#"{"mcpServers":{"notes":{"type":"stdio","command":"gone","env":{"KEY":"s3cret"}},
        "web":{"type":"http","url":"https://x.test/mcp?token=s3cret","headers":{"Authorization":"Bearer s3cret"}}}}"#;
    let config = stage.file("stage/mcp.json", servers).unwrap();
    stage
        .file("stage/plugin/skills/tone/SKILL.md", "# Tone")
        .unwrap();
    let plugin = stage.dir.path().join("stage/plugin");
    stage.file("project/CLAUDE.md", "House rules\n").unwrap();
    let mut args = CLAUDE.to_vec();
    args.extend([
        "--append-system-prompt-file",
        &prompt,
        "--mcp-config",
        &config,
    ]);
    args.extend(["--strict-mcp-config", "--permission-mode", "acceptEdits"]);
    args.extend(["--plugin-dir", plugin.to_str().unwrap()]);
    let run = stage.run(&args, "Look around.").unwrap();
    assert_eq!(
        run.events().unwrap(),
        ["system", "assistant", "user", "assistant", "result"]
    );
    assert!(
        run.out.contains(r#"{"name":"notes","status":"failed"}"#),
        "{}",
        run.out
    );
    let report = stage.read("STANDIN_REPORT.md").unwrap();
    for seen in [
        "System prompt: You write notes.\n",
        "CLAUDE.md: House rules",
        "- tone",
        "KEY=<set>",
        "notes: gone (cannot start)",
        "web: https://x.test/mcp Authorization=<set>",
    ] {
        assert!(report.contains(seen), "{seen} is not in:\n{report}");
    }
    assert!(!report.contains("s3cret") && !run.out.contains("s3cret"));
}

#[test]
fn claude_denies_what_nobody_allowed() {
    let stage = Stage::new("claude").unwrap();
    let run = stage.run(&CLAUDE, "Write a.md: hello").unwrap();
    assert_eq!((run.code, stage.read("a.md")), (Some(0), None));
    assert_eq!(
        run.last("/permission_denials/0/tool_name").as_deref(),
        Some("\"Write\"")
    );
    let allowed = [&CLAUDE[..], &["--allowedTools", "Read", "Write"]].concat();
    let run = stage
        .run(&allowed, "Write a.md: hello\nAppend a.md: again")
        .unwrap();
    assert_eq!(run.last("/permission_denials").as_deref(), Some("[]"));
    assert_eq!(stage.read("a.md").as_deref(), Some("hello\nagain\n"));
}

#[test]
fn a_failing_service_is_told_in_each_agents_way() {
    let prompt_file = Stage::new("grok").unwrap();
    let task = prompt_file.file("task.md", "FAIL api").unwrap();
    let claude = Stage::new("claude")
        .unwrap()
        .run(&CLAUDE, "FAIL api")
        .unwrap();
    assert_eq!(claude.last("/is_error").as_deref(), Some("true"));
    assert_eq!(claude.last("/subtype").as_deref(), Some("\"success\""));
    let codex = Stage::new("codex")
        .unwrap()
        .run(&CODEX, "FAIL api")
        .unwrap();
    assert_eq!(codex.events().unwrap()[2..], ["error", "turn.failed"]);
    let opencode = Stage::new("opencode")
        .unwrap()
        .run(&OPENCODE, "FAIL api")
        .unwrap();
    assert_eq!(opencode.events().unwrap(), ["step_start", "error"]);
    let stream = ["--output-format", "streaming-json", "--prompt-file", &task];
    let grok = prompt_file.run(&stream, "").unwrap();
    assert_eq!(grok.events().unwrap(), ["available_commands", "error"]);
    for run in [claude, codex, opencode, grok] {
        assert_eq!(run.code, Some(1));
    }
}

#[test]
fn an_exit_code_may_be_asked_for() {
    let run = Stage::new("codex")
        .unwrap()
        .run(&CODEX, "FAIL exit 9")
        .unwrap();
    assert_eq!(run.code, Some(9));
    assert_eq!(run.events().unwrap(), ["thread.started", "turn.started"]);
}

#[test]
fn codex_needs_a_sandbox_that_may_write() {
    let mut stage = Stage::new("codex").unwrap();
    let run = stage.run(&CODEX, "Write a.md: x").unwrap();
    assert_eq!((run.code, stage.read("a.md")), (Some(0), None));
    assert_eq!(
        run.events().unwrap()[2..],
        ["item.completed", "turn.completed"]
    );
    let config = "model = \"m\"\nsandbox_mode = \"workspace-write\"\ndeveloper_instructions = \"Be brief.\"\n\n\
        [mcp_servers.\"n o\"]\nurl = \"https://x.test\"\nhttp_headers = { \"X\" = \"s3cret\" }\n";
    stage.file("home/config.toml", config).unwrap();
    stage.env.push((
        "CODEX_HOME",
        stage.dir.path().join("home").to_string_lossy().into_owned(),
    ));
    let run = stage.run(&CODEX, "Look.").unwrap();
    assert_eq!(
        run.events().unwrap()[2..],
        ["item.completed", "item.completed", "turn.completed"]
    );
    let report = stage.read("STANDIN_REPORT.md").unwrap();
    assert!(report.contains("System prompt: Be brief."), "{report}");
    assert!(report.contains("n o: https://x.test X=<set>"), "{report}");
}

#[test]
fn codex_refuses_a_broken_start() {
    let mut stage = Stage::new("codex").unwrap();
    stage.env.push((
        "CODEX_HOME",
        stage.dir.path().join("home").to_string_lossy().into_owned(),
    ));
    let code = |stage: &Stage, args: &[&str], stdin: &str| stage.run(args, stdin).unwrap().code;
    assert_eq!(code(&stage, &CODEX, ""), Some(1));
    let quoted = [
        "exec",
        "-c",
        "mcp_servers.\"a.b\".command=\"x\"",
        "--skip-git-repo-check",
        "-",
    ];
    assert_eq!(code(&stage, &quoted, "task"), Some(1));
    stage
        .file(
            "home/config.toml",
            "[mcp_servers.x]\ncommand = \"gone\"\nrequired = true\n",
        )
        .unwrap();
    assert_eq!(code(&stage, &CODEX, "task"), Some(1));
    stage.file("home/config.toml", "not toml").unwrap();
    assert_eq!(code(&stage, &CODEX, "task"), Some(1));
}

#[test]
fn opencode_takes_its_configuration_from_the_environment() {
    let mut stage = Stage::new("opencode").unwrap();
    let config = r#"{"agent":{"scout":{"model":"a/b","prompt":"Scout.","mode":"primary",
        "permission":{"*":"allow","edit":"deny"}}}}"#;
    stage
        .env
        .push(("OPENCODE_CONFIG_CONTENT", config.to_owned()));
    let run = stage.run(&OPENCODE, "Write a.md: x").unwrap();
    assert_eq!(run.events().unwrap(), ["step_start", "text", "step_finish"]);
    assert_eq!(stage.read("a.md"), None);
    stage.env[0].1 = config.replace("deny", "ask");
    let run = stage.run(&OPENCODE, "Write a.md: x").unwrap();
    assert_eq!(run.last("/part/reason").as_deref(), Some("\"tool-calls\""));
    assert!(run.err.contains("auto-rejecting"));
    stage.env[0].1 = config.replace("deny", "allow");
    let run = stage.run(&OPENCODE, "Write a.md: x").unwrap();
    assert_eq!(
        run.events().unwrap(),
        ["step_start", "tool_use", "text", "step_finish"]
    );
    assert_eq!(stage.read("a.md").as_deref(), Some("x\n"));
    stage.env.clear();
    let run = stage.run(&OPENCODE, "Look.").unwrap();
    assert!(run.err.contains("Falling back to default agent"));
    assert_eq!(run.code, Some(0));
}

#[test]
fn opencode_substitutes_before_it_reads_and_the_last_rule_wins() {
    let mut stage = Stage::new("opencode").unwrap();
    let prompt = stage
        .file("stage/prompt.md", "Say \"hello\" to {env:KEY}.")
        .unwrap();
    stage
        .file("stage/skills/tone/SKILL.md", "# Tone\n")
        .unwrap();
    stage.file("bin/node", "").unwrap();
    let skills = stage.dir.path().join("stage/skills");
    let config = r#"{"skills":{"paths":["SKILLS"]},"mcp":{"notes":{"type":"local",
        "command":["sh","-c","env; exec \"$@\""," PATH ","node","x.mjs"],
        "environment":{"KEY":"\u007benv:HOME}"},"enabled":true}},
        "agent":{"scout":{"model":"a/b","prompt":"{file:PROMPT}","mode":"primary","reasoningEffort":"low",
        "permission":{"read":"allow","edit":{"*":"allow","src/**":"deny"}}}}}"#;
    let config = config
        .replace("SKILLS", skills.to_str().unwrap())
        .replace("PROMPT", &prompt);
    stage.env.push(("OPENCODE_CONFIG_CONTENT", config.clone()));
    let run = stage.run(&OPENCODE, "Look.").unwrap();
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report = stage.read("STANDIN_REPORT.md").unwrap();
    for seen in [
        "System prompt: Say \"hello\" to {env:KEY}.\n",
        "- tone",
        "notes: node KEY=<set>",
    ] {
        assert!(report.contains(seen), "{seen} is not in:\n{report}");
    }
    let last = r#""src/**":"deny"},"*":"deny"}"#;
    stage.env[0].1 = config.replace(r#""src/**":"deny"}}"#, last);
    let run = stage.run(&OPENCODE, "Write a.md: x").unwrap();
    assert_eq!((run.code, stage.read("a.md")), (Some(0), None));
    stage.env[0].1 = config.replace("prompt.md", "gone.md");
    let run = stage.run(&OPENCODE, "Look.").unwrap();
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("bad file reference"), "{}", run.err);
}

#[test]
fn grok_writes_only_when_approved() {
    let stage = Stage::new("grok").unwrap();
    let task = stage.file("task.md", "Write a.md: x").unwrap();
    let with = |more: &[&str]| {
        let stream = ["--no-auto-update", "--model", "m", "--prompt-file", &task];
        let format = ["--output-format", "streaming-json"];
        stage
            .run(&[&stream[..], &format, more].concat(), "")
            .unwrap()
    };
    let mode = |mode| ["--permission-mode", mode];
    let refused: [&[&str]; 7] = [
        &[],
        &mode("default"),
        &mode("dontAsk"),
        &mode("acceptEdits"),
        &mode("plan"),
        &["--allow", "Bash(git *)"],
        &["--always-approve", "--deny", "Write"],
    ];
    let denied = [
        "available_commands",
        "tool_call",
        "tool_call_update",
        "tool_call_update",
        "usage",
        "end",
    ];
    for more in refused {
        let run = with(more);
        assert_eq!((run.code, stage.read("a.md")), (Some(0), None), "{more:?}");
        assert_eq!(run.events().unwrap(), denied);
        assert!(run.out.contains(r#""status":"failed""#), "{}", run.out);
        assert_eq!(run.last("/stopReason").as_deref(), Some("\"cancelled\""));
    }
    let allowed: [&[&str]; 3] = [
        &["--always-approve"],
        &mode("bypassPermissions"),
        &["--allow", "Read", "--allow", "Edit", "--effort", "low"],
    ];
    for more in allowed {
        let run = with(more);
        assert_eq!(run.last("/stopReason").as_deref(), Some("\"end_turn\""));
        assert!(run.out.contains(r#""status":"completed""#), "{}", run.out);
        let written = stage.dir.path().join("project/a.md");
        assert_eq!(fs::read_to_string(&written).unwrap(), "x\n", "{more:?}");
        fs::remove_file(written).unwrap();
    }
}

#[test]
fn grok_reads_its_private_home() {
    let mut stage = Stage::new("grok").unwrap();
    let config = "[mcp_servers.\"no tes\"]\ncommand = \"sh\"\n\
        args = [\"-c\", \"env; exec \\\"$@\\\"\", \" PATH \", \"gone\"]\nenabled = true\n\n\
        [mcp_servers.off]\nurl = \"https://off.test\"\nenabled = false\n\n\
        [mcp_servers.web]\nurl = \"https://x.test/mcp?token=s3cret\"\nheaders = { X = \"s3cret\" }\n";
    stage.file("home/config.toml", config).unwrap();
    stage
        .file("home/rules/persona.md", "You scout.\nMore.\n")
        .unwrap();
    stage.file("home/skills/tone/SKILL.md", "# Tone\n").unwrap();
    stage.file("project/AGENTS.md", "House rules\n").unwrap();
    let task = stage.file("task.md", "Look.").unwrap();
    let home = stage.dir.path().join("home");
    stage
        .env
        .push(("GROK_HOME", home.to_string_lossy().into_owned()));
    let args = ["--always-approve", "--prompt-file", &task];
    let run = stage.run(&args, "").unwrap();
    assert_eq!(run.out, "Wrote STANDIN_REPORT.md.\n");
    let report = stage.read("STANDIN_REPORT.md").unwrap();
    for seen in [
        "System prompt: You scout.\n",
        "AGENTS.md: House rules",
        "- tone",
        "no tes: gone (cannot start)",
        "web: https://x.test/mcp X=<set>",
    ] {
        assert!(report.contains(seen), "{seen} is not in:\n{report}");
    }
    assert!(!report.contains("s3cret") && !report.contains("off.test"));
    stage.file("home/config.toml", "not toml").unwrap();
    assert_eq!(stage.run(&args, "").unwrap().code, Some(1));
}

#[test]
fn nothing_is_written_outside_the_project() {
    let stage = Stage::new("claude").unwrap();
    let args = [&CLAUDE[..], &["--permission-mode", "bypassPermissions"]].concat();
    let run = stage.run(&args, "Write ../a.md: x").unwrap();
    assert_eq!(
        run.last("/permission_denials/0/tool_name").as_deref(),
        Some("\"Write\"")
    );
    assert!(!stage.dir.path().join("a.md").exists());
}

#[test]
fn interactive_starts_speak_to_a_person() {
    let stage = Stage::new("claude").unwrap();
    let run = stage
        .run(&["--append-system-prompt", "Be kind."], "")
        .unwrap();
    assert!(
        run.out.starts_with("Hello. I was told: Be kind.\n"),
        "{}",
        run.out
    );
    assert!(stage.read("STANDIN_REPORT.md").is_some());
}

#[test]
fn waiting_and_hanging_are_real() {
    let started = Instant::now();
    let run = Stage::new("codex").unwrap().run(&CODEX, "SLEEP 1").unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1) && run.code == Some(0));
    let stage = Stage::new("opencode").unwrap();
    let mut child = stage.start(&OPENCODE, "HANG").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.events().unwrap(), ["step_start"]);
}
