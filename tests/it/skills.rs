//! Skills by the real binary, with scripts in the place of their installers: what they
//! get, what they may do to us and to the project, and what is kept of their work.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plan_core::persona::skills::cache::{SkillKey, fingerprint};
use tests::program::{Call, Ended, Running, Stage};
use tests::registry::Registry;
use tests::repo::Answer;

/// A selection with skills; `more` are further members.
fn selection(harness: &str, sources: &[&str], more: &str) -> String {
    let skills = sources.iter().enumerate().map(|(place, source)| {
        format!(r#"{{"id": "s{place}", "source": "{source}", "description": "d"}}"#)
    });
    let skills = skills.collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"personaId": "scout", "harness": "{harness}", "model": "m", "systemPrompt": "Look.",
        "rationale": "test", "harnessSettings": {{"reasoning": "low", "timeoutSeconds": 60}},
        "skills": [{skills}]{more}}}"#
    )
}

/// What stands in the place of npx: it installs a package below `dir`.
fn installer(dir: &str) -> String {
    format!(
        "echo \"$*\" >> \"$HOME/calls\"\n\
         mkdir -p {dir}/skill\n\
         echo installed > {dir}/skill/SKILL.md\n\
         echo '{{\"packages\": {{\"maker/skill#x\": {{\"version\": \"1.0\"}}}}}}' > prpm.lock"
    )
}

/// What stands in the place of the harness: it notes the skills that it was given.
const HARNESS: &str =
    "find \"$CALLSHEET_STATE_HOME\" -name SKILL.md -exec cat {} + > \"$HOME/seen\"";

/// A project whose persona has one skill of a package.
fn project(npx: &str) -> Answer<Stage> {
    Stage::new()?
        .file("x.json", selection("claude", &["maker/skill"], ""))?
        .script("claude", HARNESS)?
        .script("npx", npx)
}

fn expect(ended: &Ended, code: i32) -> Answer<()> {
    if ended.code() == Some(code) && !ended.says("panicked") {
        return Ok(());
    }
    let (came, out, err) = (ended.code(), ended.stdout(), ended.stderr());
    Err(format!("ended with {came:?}, not {code}:\n{out}\n{err}").into())
}

fn run(stage: &Stage, more: &[&str]) -> Answer<Ended> {
    let arguments = [&["run", "x.json"], more].concat();
    stage.call(&arguments)?.run()
}

fn calls(stage: &Stage) -> usize {
    stage.note("calls").map_or(0, |text| text.lines().count())
}

/// Saves the plan of the persona in an edition.
fn saved(stage: Stage, edition: &str) -> Answer<Stage> {
    let plan = stage.call(&["plan", "x.json", "--edition", edition, "--json"])?;
    let plan = plan.run()?;
    expect(&plan, 0)?;
    stage.file("plan.json", plan.stdout())
}

fn started(stage: &Stage, call: Call) -> Answer<Running> {
    let running = call.start()?;
    stage.wait_for("ready")?;
    Ok(running)
}

/// Waits until a process has ended.
fn gone(stage: &Stage, note: &str) -> Answer<()> {
    let pid = stage.note(note)?;
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(format!("`{note}`, process {pid}, lives").into())
}

/// An installer that has left its group, and has a child that has left it as well.
const ENDLESS: &str = "echo $$ > \"$HOME/installer\"\n\
    echo $PPID > \"$HOME/guard\"\n\
    setsid sh -c 'echo $$ > \"$HOME/stray\"; : > \"$HOME/ready\"; exec sleep 1000' &\n\
    sleep 1000";

#[test]
fn an_installer_dies_with_us() -> Answer<()> {
    for arguments in [
        &["run", "x.json"][..],
        &["run", "x.json", "--no-skill-cache"],
    ] {
        let stage = project(ENDLESS)?;
        let running = started(&stage, stage.call(arguments)?)?;
        running.signal("KILL")?;
        running.end()?;
        for process in ["guard", "installer", "stray"] {
            gone(&stage, process)?;
        }
        let before = stage.tree()?;
        expect(&stage.call(&["recover"])?.run()?, 0)?;
        assert_eq!(stage.tree()?, before);
    }
    Ok(())
}

#[test]
fn an_installer_dies_with_its_guard() -> Answer<()> {
    let stage = project(ENDLESS)?;
    let running = started(&stage, stage.call(&["run", "x.json"])?)?;
    // At once: neither may have the time to notice that the other is gone.
    let guard = stage.note("guard")?;
    kill(&[guard.trim(), &running.id().to_string()])?;
    running.end()?;
    gone(&stage, "installer")?;
    // Nobody knows what it had started any more; that is the test's to end.
    let group = format!("-{}", guard.trim());
    kill(&[&group, stage.note("stray")?.trim()])
}

fn kill(pids: &[&str]) -> Answer<()> {
    let mut kill = std::process::Command::new("kill");
    kill.args(["-s", "KILL", "--"]).args(pids).status()?;
    Ok(())
}

#[test]
fn a_hanging_installer_is_ended_with_its_skill_and_log_named() -> Answer<()> {
    let stage = project("trap '' TERM\necho working on it\nsleep 1000 & wait; sleep 1000")?;
    let ended = run(&stage, &["--command-timeout", "1"])?;
    expect(&ended, 1)?;
    for fragment in [
        "skill `s0`",
        "npx -y prpm install maker/skill --as claude",
        "took too long",
        "working on it",
        ".log",
    ] {
        assert!(ended.says(fragment), "{fragment}: {}", ended.stderr());
    }
    Ok(())
}

#[test]
fn a_flood_of_output_stays_in_bounds() -> Answer<()> {
    let stage = project("head -c 300000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 3")?;
    let ended = run(&stage, &[])?;
    expect(&ended, 1)?;
    assert!(ended.says("the end"));
    assert!(ended.stderr().len() < 20_000);
    let logs = stage.path("home/.cache/callsheet/logs");
    let log = fs::read_dir(logs)?.next().ok_or("no log")??;
    let size = log.metadata()?.len();
    assert!((64 << 20..(64 << 20) + 200).contains(&size), "{size}");
    assert!(fs::read(log.path())?.ends_with(b"bytes]\n"));
    Ok(())
}

#[test]
fn installers_see_no_secrets_of_ours() -> Answer<()> {
    let more = r#", "env": {"REGION": "eu", "NODE_OPTIONS": "--require ./x.js", "TOKEN": "$GITHUB_TOKEN"}"#;
    for edition in ["2026", "persona-kit-4"] {
        let npx = format!("env > \"$HOME/env\"\n{}", installer(".claude/skills"));
        let stage = project(&npx)?.file("x.json", selection("claude", &["maker/skill"], more))?;
        let call = |more: &[&str]| -> Answer<String> {
            let base = ["run", "x.json", "--edition", edition, "--refresh-skills"];
            let call = stage.call(&[&base[..], more].concat())?;
            let call = call
                .env("OPENAI_API_KEY", "sk-1")
                .env("GITHUB_TOKEN", "ghp-1");
            expect(&call.env("MINE", "m").env("LC_TIME", "C").run()?, 0)?;
            stage.note("env")
        };
        let env = call(&[])?;
        for secret in ["sk-1", "ghp-1", "MINE=", "NODE_OPTIONS", "CALLSHEET"] {
            assert!(!env.contains(secret), "{edition}: {secret}");
        }
        for wanted in [
            "REGION=eu",
            "LC_TIME=C",
            "HOME=",
            "npm_config_fund=false",
            "npm_config_cache=",
        ] {
            assert!(env.contains(wanted), "{edition}: {wanted}: {env}");
        }
        assert!(call(&["--allow-env", "MINE"])?.contains("MINE=m"));
    }
    Ok(())
}

#[test]
fn progress_is_shown_line_by_line() -> Answer<()> {
    let npx = format!(
        "echo \"\u{1b}[31mfetching\u{1b}[0m\"\n{}",
        installer(".claude/skills")
    );
    let stage = project(&npx)?;
    let ended = run(&stage, &["--verbose"])?;
    expect(&ended, 0)?;
    let told = ended.stderr();
    assert!(told.contains("\n    fetching\n"), "{told}");
    assert!(told.contains("install skill s0: npx"), "{told}");
    let stage = project(&npx)?;
    let quiet = run(&stage, &[])?;
    assert!(!quiet.stderr().contains("fetching"), "{}", quiet.stderr());
    Ok(())
}

fn cache(stage: &Stage) -> PathBuf {
    stage.path("home/.cache/callsheet/skills")
}

fn names(dir: &Path) -> Answer<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.contains(".lock") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[test]
fn an_installed_skill_is_there_without_its_installer() -> Answer<()> {
    let stage = project(&installer(".claude/skills"))?;
    let effects = |stage: &Stage| -> Answer<String> {
        Ok(stage
            .call(&["plan", "x.json", "--effects"])?
            .run()?
            .stdout())
    };
    assert!(effects(&stage)?.contains("run npx -y prpm"));
    let before = stage.tree()?;
    expect(&run(&stage, &[])?, 0)?;
    assert_eq!(stage.note("seen")?, "installed\n");
    let shown = effects(&stage)?;
    assert!(
        !shown.contains("run npx") && shown.contains("/.cache/callsheet/skills/"),
        "{shown}"
    );
    let stage = stage.script("npx", "exit 9")?;
    fs::remove_file(stage.path("home/seen"))?;
    expect(&run(&stage, &[])?, 0)?;
    assert_eq!(
        (stage.note("seen")?, calls(&stage)),
        ("installed\n".into(), 1)
    );
    assert_eq!(stage.tree()?, before);
    let print = names(&cache(&stage))?.remove(0);
    let key = SkillKey {
        id: "s0",
        source: "maker/skill",
        local_hash: None,
    };
    assert_eq!(print, fingerprint("claude", &[key]));
    let marker = fs::read_to_string(cache(&stage).join(&print).join(".aw-skill-cache.json"))?;
    assert!(
        marker.starts_with("{\n  \"schemaVersion\": 2,\n"),
        "{marker}"
    );
    assert!(marker.contains("\"version\": \"1.0\""), "{marker}");
    // Both ways not to use the cache need the installer.
    let off = stage
        .call(&["run", "x.json"])?
        .env("AGENTWORKFORCE_NO_SKILL_CACHE", "1");
    expect(&off.run()?, 1)?;
    expect(&run(&stage, &["--no-skill-cache"])?, 1)?;
    expect(&run(&stage, &["--refresh-skills"])?, 1)?;
    expect(&run(&stage, &[])?, 0)
}

#[test]
fn two_runs_install_once() -> Answer<()> {
    let npx = format!(
        ": > \"$HOME/ready\"\nwhile [ ! -e \"$HOME/go\" ]; do sleep 0.02; done\n{}",
        installer(".claude/skills")
    );
    let stage = project(&npx)?.script("claude", "exit 0")?;
    fs::create_dir(stage.path("other"))?;
    let first = started(&stage, stage.call(&["run", "x.json"])?)?;
    let other = stage.path("other").display().to_string();
    let path = stage.project().join("x.json").display().to_string();
    let second = stage.call(&["run", &path, "-C", &other])?.start()?;
    // Only a wait for something that must not happen can show that it does not.
    std::thread::sleep(Duration::from_millis(300));
    stage.leave("go")?;
    expect(&first.end()?, 0)?;
    expect(&second.end()?, 0)?;
    assert_eq!(calls(&stage), 1);
    Ok(())
}

#[test]
fn a_crash_while_installing_leaves_nothing_that_counts() -> Answer<()> {
    let half = "mkdir -p .claude/skills/skill\n: > \"$HOME/ready\"\nsleep 1000";
    let stage = project(half)?;
    let running = started(&stage, stage.call(&["run", "x.json"])?)?;
    running.signal("KILL")?;
    running.end()?;
    let left = names(&cache(&stage))?;
    assert!(left.len() == 1 && left[0].starts_with("tmp."), "{left:?}");
    let cleared = stage.call(&["gc"])?.run()?;
    assert!(
        cleared.says("removed 1 half-installed"),
        "{}",
        cleared.stderr()
    );
    assert_eq!(names(&cache(&stage))?, [""; 0]);
    fs::remove_file(stage.path("home/ready"))?;
    let again = started(&stage, stage.call(&["run", "x.json"])?)?;
    again.signal("KILL")?;
    again.end()?;
    let stage = stage.script("npx", &installer(".claude/skills"))?;
    expect(&run(&stage, &[])?, 0)?;
    assert_eq!(stage.note("seen")?, "installed\n");
    let left = names(&cache(&stage))?;
    assert!(left.len() == 1 && left[0].len() == 32, "{left:?}");
    Ok(())
}

#[test]
fn an_installer_that_installs_nothing_has_failed() -> Answer<()> {
    let stage = project("exit 0")?;
    let ended = run(&stage, &[])?;
    expect(&ended, 1)?;
    assert!(
        ended.says("left no `.claude/skills/skill`"),
        "{}",
        ended.stderr()
    );
    assert_eq!(names(&cache(&stage))?, [""; 0]);
    Ok(())
}

#[test]
fn entries_of_persona_kit_are_taken_over() -> Answer<()> {
    let stage = project("exit 9")?;
    let key = SkillKey {
        id: "s0",
        source: "maker/skill",
        local_hash: None,
    };
    let print = fingerprint("claude", &[key]);
    let plugin = stage
        .path("home/.agentworkforce/workforce/cache/plugins")
        .join(&print);
    fs::create_dir_all(plugin.join(".claude/skills/skill"))?;
    fs::write(plugin.join(".claude/skills/skill/SKILL.md"), "theirs\n")?;
    let marker = |print: &str| {
        format!(
            r#"{{"schemaVersion": 2, "fingerprint": "{print}", "harness": "claude",
            "installedAt": "2099-01-01T00:00:00.000Z", "skills": [{{"id": "s0", "source": "maker/skill"}}]}}"#
        )
    };
    // One that is not finished has no marker of its own.
    fs::write(plugin.join(".aw-skill-cache.json"), marker("other"))?;
    expect(&run(&stage, &[])?, 1)?;
    fs::write(plugin.join(".aw-skill-cache.json"), marker(&print))?;
    let mut theirs = stage.snapshot()?;
    expect(&run(&stage, &[])?, 0)?;
    assert_eq!(stage.note("seen")?, "theirs\n");
    let mut after = stage.snapshot()?;
    for entries in [&mut theirs, &mut after] {
        entries.retain(|path, _| path.starts_with(stage.path("home/.agentworkforce")));
    }
    assert_eq!(theirs, after);
    Ok(())
}

#[test]
fn a_plan_s_own_commands_need_leave() -> Answer<()> {
    let stage = project(&installer(".agents/skills"))?
        .file("x.json", selection("codex", &["maker/skill"], ""))?;
    let stage = saved(stage, "persona-kit-4")?;
    let before = stage.tree()?;
    let held = stage.call(&["execute", "plan.json"])?.run()?;
    expect(&held, 0)?;
    assert!(
        held.says("run npx -y prpm install maker/skill"),
        "{}",
        held.stderr()
    );
    assert_eq!((calls(&stage), stage.tree()?), (1, before));
    let plan = fs::read_to_string(stage.project().join("plan.json"))?;
    let own = r#""installCommand":["npx","-y","prpm","install","maker/skill","--as","codex"]"#;
    for (command, program) in [
        (r#"["sh","-c","touch $HOME/owned"]"#, "sh"),
        (
            r#"["npx","-y","prpm","install","other/skill","--as","codex"]"#,
            "npx",
        ),
    ] {
        let hostile = plan.replace(own, &format!(r#""installCommand":{command}"#));
        assert_ne!(hostile, plan);
        let stage = project(&installer(".agents/skills"))?.file("plan.json", hostile)?;
        let before = stage.snapshot()?;
        for more in [&[][..], &["--yes"], &["--allow-command", "cat"]] {
            let ended = stage
                .call(&[&["execute", "plan.json", "--json"], more].concat())?
                .run()?;
            expect(&ended, 77)?;
            assert!(
                ended.stdout().contains("plan.command-refused"),
                "{}",
                ended.stdout()
            );
        }
        assert_eq!(stage.snapshot()?, before);
        for leave in [program, "all"] {
            let ended = stage.call(&["execute", "plan.json", "--allow-command", leave])?;
            expect(&ended.run()?, 0)?;
        }
    }
    Ok(())
}

#[test]
fn an_option_in_the_place_of_a_package_is_no_known_installer() -> Answer<()> {
    let stage = project("touch \"$HOME/owned\"")?
        .file("x.json", selection("codex", &["--registry=h/y"], ""))?;
    let stage = saved(stage, "persona-kit-4")?;
    expect(&stage.call(&["execute", "plan.json"])?.run()?, 77)?;
    assert!(stage.note("owned").is_err());
    Ok(())
}

#[test]
fn a_plan_that_was_changed_is_refused() -> Answer<()> {
    let stage = saved(project("touch \"$HOME/owned\"")?, "2026")?;
    let plan = fs::read_to_string(stage.project().join("plan.json"))?;
    let (head, rest) = plan.split_once("\"digest\":").ok_or("no digest")?;
    let (_, rest) = rest.split_once("\"persona\":").ok_or("no persona")?;
    let without = format!("{head}\"persona\":{rest}");
    for (changed, says) in [
        (
            plan.replace("\"prpm\",\"install\"", "\"evil\",\"install\""),
            "digest",
        ),
        (without, "digest"),
    ] {
        let stage = project("touch \"$HOME/owned\"")?.file("plan.json", changed)?;
        let ended = stage.call(&["execute", "plan.json"])?.run()?;
        expect(&ended, 1)?;
        assert!(ended.says(says), "{}", ended.stderr());
        assert!(stage.note("owned").is_err());
    }
    Ok(())
}

/// Runs a call in a terminal and answers what it asks.
fn in_terminal(stage: &Stage, arguments: &str, answer: &str) -> Answer<Option<(i32, String)>> {
    if !Path::new("/usr/bin/script").exists() {
        return Ok(None);
    }
    let line = format!("{} {arguments}", tests::program::callsheet()?.display());
    let mut command = std::process::Command::new("/usr/bin/script");
    command
        .args(["-qec", &line, "/dev/null"])
        .current_dir(stage.project())
        .env_clear()
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", stage.path("bin").display()),
        )
        .env("HOME", stage.path("home"))
        .env("TERM", "xterm")
        .env("CALLSHEET_STATE_HOME", stage.path("state"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    stdin.write_all(answer.as_bytes())?;
    let output = child.wait_with_output()?;
    drop(stdin);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(output.status.code().map(|code| (code, text)))
}

#[test]
fn a_person_is_asked_before_a_plan_is_carried_out() -> Answer<()> {
    let stage = saved(project(&installer(".claude/skills"))?, "2026")?;
    let Some((code, text)) = in_terminal(&stage, "execute plan.json -- true", "n\n")? else {
        println!("skipped: there is no script(1) to make a terminal with");
        return Ok(());
    };
    assert_eq!(code, 77, "{text}");
    assert!(
        text.contains("run npx -y prpm") && text.contains("[y/N]"),
        "{text}"
    );
    assert_eq!(calls(&stage), 0);
    let answered = in_terminal(&stage, "execute plan.json -- true", "y\n")?;
    assert_eq!(answered.map(|(code, _)| code), Some(0));
    assert_eq!(calls(&stage), 1);
    let told = in_terminal(&stage, "execute plan.json --yes -- true", "")?;
    let (code, text) = told.ok_or("no terminal")?;
    assert!(code == 0 && !text.contains("[y/N]"), "{text}");
    Ok(())
}

#[test]
fn a_terminal_shows_what_happens_now() -> Answer<()> {
    let npx = format!("echo fetching; sleep 0.3\n{}", installer(".claude/skills"));
    let Some((code, text)) = in_terminal(&project(&npx)?, "run x.json", "")? else {
        println!("skipped: there is no script(1) to make a terminal with");
        return Ok(());
    };
    assert_eq!(code, 0, "{text}");
    let line = "\r\u{1b}[2K\u{1b}[2m    fetching\u{1b}[0m\r\u{1b}[2K";
    assert!(text.contains(line), "{text:?}");
    Ok(())
}

#[test]
fn what_is_the_user_s_returns_byte_for_byte() -> Answer<()> {
    let npx = format!(
        "rm -rf .agents/skills/skill/notes\n{}\necho more > .agents/skills/skill/more",
        installer(".agents/skills")
    );
    let stage = project(&npx)?
        .file("x.json", selection("codex", &["maker/skill"], ""))?
        .file(".agents/skills/skill/SKILL.md", "mine")?
        .file(".agents/skills/skill/notes", "mine too")?
        .file("prpm.lock", "{\"mine\": true}")?;
    let stage = saved(stage, "persona-kit-4")?;
    let before = stage.tree()?;
    for _ in 0..2 {
        let script = "cat .agents/skills/skill/SKILL.md prpm.lock";
        let ended = stage
            .call(&["execute", "plan.json", "--", "sh", "-c", script])?
            .run()?;
        expect(&ended, 0)?;
        assert!(
            ended.stdout().starts_with("installed\n{\"packages\""),
            "{}",
            ended.stdout()
        );
        assert_eq!(stage.tree()?, before);
    }
    // Killed while it installs, the run is taken back as well.
    let stage = stage.script("npx", &format!("{npx}\n: > \"$HOME/ready\"\nsleep 1000"))?;
    let running = started(&stage, stage.call(&["execute", "plan.json"])?)?;
    running.signal("KILL")?;
    running.end()?;
    assert_ne!(stage.tree()?, before);
    expect(&stage.call(&["recover"])?.run()?, 0)?;
    assert_eq!(stage.tree()?, before);
    Ok(())
}

#[test]
fn a_second_skill_that_fails_takes_the_first_back() -> Answer<()> {
    let npx = "case \"$*\" in *maker/two*) exit 4;; esac\n\
        mkdir -p .agents/skills/one && echo x > .agents/skills/one/SKILL.md && echo l > prpm.lock";
    let stage = project(npx)?.file(
        "x.json",
        selection("codex", &["maker/one", "maker/two"], ""),
    )?;
    let stage = saved(stage, "persona-kit-4")?;
    let before = stage.tree()?;
    let ended = stage.call(&["execute", "plan.json"])?.run()?;
    expect(&ended, 1)?;
    assert!(ended.says("skill `s1`"), "{}", ended.stderr());
    assert_eq!(stage.tree()?, before);
    Ok(())
}

#[test]
fn a_link_to_elsewhere_is_not_followed() -> Answer<()> {
    let stage = project(&installer(".agents/skills"))?
        .file("x.json", selection("codex", &["maker/skill"], ""))?
        .link(".agents", "../outside")?;
    fs::create_dir_all(stage.path("outside/skills/skill"))?;
    fs::write(stage.path("outside/skills/skill/SKILL.md"), "theirs")?;
    let stage = saved(stage, "persona-kit-4")?;
    let before = stage.traces()?;
    let ended = stage.call(&["execute", "plan.json"])?.run()?;
    expect(&ended, 1)?;
    assert!(ended.says("symbolic link"), "{}", ended.stderr());
    assert_eq!((stage.traces()?, calls(&stage)), (before, 0));
    Ok(())
}

#[test]
fn a_session_directory_of_the_user_keeps_what_is_in_it() -> Answer<()> {
    let stage = project(&installer(".claude/skills"))?;
    let root = stage.path("session");
    fs::create_dir_all(root.join(".claude/skills/skill"))?;
    fs::write(root.join(".claude/skills/skill/SKILL.md"), "mine")?;
    fs::write(root.join("notes"), "mine")?;
    let options = format!(r#"{{"installRoot": "{}"}}"#, root.display());
    let stage = stage
        .file(
            "x.json",
            selection("claude", &["maker/skill", "local.md"], ""),
        )?
        .file("local.md", "a local skill\n")?
        .file("o.json", options)?;
    let plan = [
        "plan",
        "x.json",
        "--edition",
        "persona-kit-4",
        "--options",
        "o.json",
        "--json",
    ];
    let plan = stage.call(&plan)?.run()?;
    let stage = stage.file("plan.json", plan.stdout())?;
    let before = stage.traces()?;
    let script = format!(
        "cat {0}/skills/skill/SKILL.md {0}/skills/local/SKILL.md",
        root.display()
    );
    let ended = stage
        .call(&["execute", "plan.json", "--", "sh", "-c", &script])?
        .run()?;
    expect(&ended, 0)?;
    assert_eq!(ended.stdout(), "installed\na local skill\n");
    assert!(!ended.says("sh -c 'cd"), "{}", ended.stderr());
    assert_eq!(stage.traces()?, before);
    Ok(())
}

#[test]
fn a_local_skill_needs_no_shell() -> Answer<()> {
    let stage = project("exit 9")?
        .file("x.json", selection("codex", &["./it's/SKILL.md"], ""))?
        .file("it's/SKILL.md", "quoted")?;
    // The name of the directory is the skill's, and it is not a safe one.
    let refused = saved(stage, "persona-kit-4");
    assert!(refused.is_err());
    let stage = project("exit 9")?
        .file("x.json", selection("codex", &["./it's/local.md"], ""))?
        .file("it's/local.md", "quoted")?
        .file(".agents/skills/local/SKILL.md", "mine")?
        .file(".agents/skills/local/notes", "mine")?;
    let stage = saved(stage, "persona-kit-4")?;
    let before = stage.tree()?;
    let script = "cat .agents/skills/local/SKILL.md .agents/skills/local/notes";
    let ended = stage
        .call(&["execute", "plan.json", "--", "sh", "-c", script])?
        .run()?;
    expect(&ended, 0)?;
    assert_eq!(ended.stdout(), "quotedmine");
    assert!(!ended.says("run sh"), "{}", ended.stderr());
    assert_eq!(stage.tree()?, before);
    Ok(())
}

fn run_at(registry: &Registry, stage: &Stage, more: &[&str]) -> Answer<()> {
    let call = stage.call(&[&["run", "x.json"], more].concat())?;
    let call = call.env("CALLSHEET_PRPM_URL", registry.url());
    let ended = call.env("CALLSHEET_GITHUB_API_URL", registry.url()).run()?;
    expect(&ended, 0)
}

#[test]
fn a_package_with_a_new_version_is_installed_again() -> Answer<()> {
    let registry = Registry::start()?;
    let stage = project(&installer(".claude/skills"))?;
    let version = |version: &str| {
        let text = format!("200 OK\n{{\"latest_version\": {{\"version\": \"{version}\"}}}}");
        registry.answer("/api/v1/packages/maker%2Fskill", &text);
    };
    version("1.0");
    run_at(&registry, &stage, &[])?;
    run_at(&registry, &stage, &[])?;
    assert_eq!(
        (calls(&stage), registry.asked()),
        (1, vec![]),
        "a day has not passed"
    );
    run_at(&registry, &stage, &["--check-upstream"])?;
    let asked = registry.asked();
    assert_eq!((calls(&stage), asked.len()), (1, 1));
    let agent = "user-agent: agentworkforce-skill-cache";
    assert!(asked[0].to_ascii_lowercase().contains(agent), "{asked:?}");
    version("1.1");
    run_at(&registry, &stage, &["--no-check-upstream"])?;
    assert_eq!((calls(&stage), registry.asked().len()), (1, 0));
    run_at(&registry, &stage, &["--check-upstream"])?;
    assert_eq!((calls(&stage), registry.asked().len()), (2, 1));
    // The installer still brings 1.0, so it is called once for each look.
    registry.answer("/api/v1/packages/maker%2Fskill", "500 Oops\n");
    run_at(&registry, &stage, &["--check-upstream"])?;
    assert_eq!(calls(&stage), 2, "no answer is no change");
    version("1.2");
    let stage = stage.script("npx", "exit 9")?;
    run_at(&registry, &stage, &["--check-upstream"])?;
    assert_eq!(
        stage.note("seen")?,
        "installed\n",
        "the one at hand is better than none"
    );
    let old = stage.call(&["run", "x.json"])?;
    let old = old.env("AGENTWORKFORCE_SKILL_CACHE_CHECK_INTERVAL", "sometimes");
    expect(&old.run()?, 78)
}

#[test]
fn a_registry_that_does_not_answer_costs_seconds_and_changes_nothing() -> Answer<()> {
    let registry = Registry::silent()?;
    let stage = project(&installer(".claude/skills"))?;
    run_at(&registry, &stage, &[])?;
    let start = Instant::now();
    run_at(&registry, &stage, &["--check-upstream"])?;
    assert_eq!(calls(&stage), 1);
    let took = start.elapsed();
    assert!(took > Duration::from_secs(4), "{took:?}: nobody was asked");
    Ok(())
}

#[test]
fn a_skill_in_a_repository_is_compared_by_its_hash() -> Answer<()> {
    let registry = Registry::start()?;
    let npx = "echo x >> \"$HOME/calls\"\nmkdir -p .agents/skills/look\n\
        echo installed > .agents/skills/look/SKILL.md\n\
        echo '{\"skills\": {\"look\": {\"skillPath\": \"skills/look/SKILL.md\"}}}' > skills-lock.json";
    let source = "https://github.com/o/r/tree/v2/skills/look";
    let stage = project(npx)?.file("x.json", selection("claude", &[source], ""))?;
    let path = "/repos/o/r/contents/skills/look/SKILL.md?ref=v2";
    registry.answer(path, "200 OK\n{\"sha\": \"aaa\"}");
    run_at(&registry, &stage, &[])?;
    assert_eq!(registry.asked().len(), 1, "the hash is noted");
    registry.answer(path, "304 Not Modified\n");
    run_at(&registry, &stage, &["--check-upstream"])?;
    let asked = registry.asked();
    assert!(asked[0].contains("if-none-match: \"aaa\""), "{asked:?}");
    assert_eq!(calls(&stage), 1);
    registry.answer(path, "200 OK\n{\"sha\": \"bbb\"}");
    run_at(&registry, &stage, &["--check-upstream"])?;
    assert_eq!(calls(&stage), 2);
    Ok(())
}
