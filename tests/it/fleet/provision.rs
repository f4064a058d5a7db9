//! Profiles, roles and provisioning: the recorded vectors, and what is never written.

use std::fs;
use std::os::unix::fs::symlink;

use plan_core::base::json::Value;
use tests::program::{Ended, Stage};
use tests::repo::Answer;
use tests::scene::expect;

/// A profile in a few words: seats as `class`, `class->manager`, `class xN`.
fn profile(id: &str, lead: &str, floor: &[&str], seats: &[&str]) -> String {
    let mut text = format!("id: {id}\ntitle: T\ndescription: D\nlead: \"{lead}\"\n");
    if !floor.is_empty() {
        text.push_str("floor:\n");
    }
    for class in floor {
        text += &["  - \"", class, "\"\n"].concat();
    }
    if seats.is_empty() {
        return text + "roster: []\n";
    }
    text.push_str("roster:\n");
    for seat in seats {
        let (seat, count) = seat.split_once(" x").unwrap_or((seat, "1"));
        let (class, manager) = seat.split_once("->").unwrap_or((seat, ""));
        text += &[
            "  - class: \"",
            class,
            "\"\n    multiplicity: ",
            count,
            "\n",
        ]
        .concat();
        if !manager.is_empty() {
            text += &["    reports_to: \"", manager, "\"\n"].concat();
        }
    }
    text
}

/// A home below the project whose roles are these classes; `enhancer` is the operator's.
fn home(classes: &[&str], profiles: &[(&str, String)]) -> Answer<Stage> {
    let mut stage = Stage::new()?.file("h/fleet/roles/LIBRARY.md", "| Persona |\n| ghost |\n")?;
    for class in classes {
        let layer = if *class == "enhancer" {
            "roles.local"
        } else {
            "roles"
        };
        stage = stage.file(&format!("h/fleet/{layer}/{class}.md"), "Role.\n")?;
    }
    for (id, text) in profiles {
        stage = stage.file(&format!("h/fleet/profiles/{id}.yaml"), text)?;
    }
    Ok(stage)
}

fn provision(stage: &Stage, arguments: &[&str], code: i32) -> Answer<Ended> {
    let all = [&["fleet", "--home", "h", "provision"], arguments].concat();
    let ended = stage.call(&all)?.run()?;
    expect(&ended, code)?;
    Ok(ended)
}

const SCAFFOLD: &str = "version: 1
transport: tmux
tmux:
  socket_name: mosaic-fleet
  holder_session: _holder
defaults:
  working_directory: \"~\"
runtimes:
  claude:
    reset_command: /clear
  pi:
    reset_command: /new
agents:
";

const DRY: &str = "# DRY RUN — no files written. Re-run with --write to persist.\n";

const BUSINESS_FLOOR: &str = "  - name: ceo
    runtime: claude
    class: ceo
    persistent_persona: true

Topology (1 seat(s)):
  - ceo\tclass=ceo\truntime=claude\treports_to=- (lead)\tpersona=baseline
";

const V1_SEATS: [&str; 5] = [
    "orchestrator",
    "board->orchestrator",
    "code->board x2",
    "review->code",
    "enhancer->orchestrator",
];

#[test]
fn v5_and_v6_count_as_mosaic_does() -> Answer<()> {
    let seats = [
        "lead",
        "w x2",
        "w->lead",
        "null->lead",
        "1->lead x0",
        "z x-3",
        "y x1.5",
        "x x2.7",
    ];
    let text = profile("p", "lead", &["w", "null", "1"], &seats);
    let classes = ["lead", "w", "null", "1", "z", "y", "x"];
    let stage = home(&classes, &[("p", text)])?;
    let names = |ended: &Ended| -> Vec<String> {
        let text = ended.stdout();
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("  - name: "));
        lines.map(String::from).collect()
    };
    let floor = provision(&stage, &["--profile", "p", "--lenient"], 0)?;
    assert_eq!(names(&floor), ["w0", "w1", "w", "\"null\"", "\"1\""]);
    let full = provision(&stage, &["--profile", "p", "--lenient", "--full"], 0)?;
    let all = [
        "lead", "w0", "w1", "w", "\"null\"", "\"1\"", "z", "y0", "x0", "x1",
    ];
    assert_eq!(names(&full), all);
    // Without being asked to, nothing is guessed.
    provision(&stage, &["--profile", "p"], 1)?;
    Ok(())
}

#[test]
fn v1_and_v2_are_printed_to_the_byte() -> Answer<()> {
    let text = profile(
        "p",
        "orchestrator",
        &["orchestrator", "enhancer"],
        &V1_SEATS,
    );
    let classes = ["orchestrator", "board", "code", "review", "enhancer"];
    let stage = home(&classes, &[("p", text)])?;
    let before = stage.snapshot()?;
    let ended = provision(&stage, &["--profile", "p"], 0)?;
    let expected = format!(
        "{DRY}{SCAFFOLD}  - name: orchestrator
    runtime: claude
    class: orchestrator
    persistent_persona: true
  - name: enhancer
    runtime: claude
    class: enhancer
    persistent_persona: true

Topology (2 seat(s)):
  - orchestrator\tclass=orchestrator\truntime=claude\treports_to=- (lead)\tpersona=baseline
  - enhancer\tclass=enhancer\truntime=claude\treports_to=orchestrator\tpersona=override
"
    );
    assert_eq!(ended.stdout(), expected);
    assert_eq!(ended.stderr(), "");
    let ended = provision(&stage, &["--profile", "p", "--full", "--json"], 0)?;
    let data = ended.envelope()?;
    let data = data.get("data").ok_or("no data")?;
    let seats = data
        .get("seats")
        .and_then(Value::as_array)
        .unwrap_or_default();
    let seats: Vec<String> = seats
        .iter()
        .map(|seat| {
            let flag = match seat.get("persistent_persona").and_then(Value::as_bool) {
                Some(true) => "p",
                _ => "r",
            };
            format!("{} {flag}", seat.get_str("name").unwrap_or_default())
        })
        .collect();
    assert_eq!(
        seats,
        [
            "orchestrator p",
            "board r",
            "code0 r",
            "code1 r",
            "review r",
            "enhancer p"
        ]
    );
    assert_eq!(stage.snapshot()?, before, "a dry run writes nothing");
    Ok(())
}

#[test]
fn v3_and_v4_are_the_baseline_business() -> Answer<()> {
    let stage = Stage::new()?;
    let ended = provision(&stage, &["--profile", "business"], 0)?;
    assert_eq!(ended.stdout(), format!("{DRY}{SCAFFOLD}{BUSINESS_FLOOR}"));
    provision(&stage, &["--profile", "business", "--full", "--write"], 0)?;
    let text = fs::read_to_string(stage.project().join("h/fleet/roster.yaml"))?;
    assert_eq!(text.len(), 1135);
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("  - name: "));
    let names: Vec<&str> = names.collect();
    assert_eq!(
        names,
        [
            "ceo",
            "coo",
            "cfo",
            "product-manager",
            "marketing-lead",
            "sales-lead",
            "operations-manager",
            "customer-success-manager",
            "code",
            "review"
        ]
    );
    assert_eq!(text.matches("persistent_persona").count(), 1);
    Ok(())
}

#[test]
fn v7_to_v9_are_errors_in_their_words() -> Answer<()> {
    let text = |floor: &[&str], seats: &[&str]| profile("p", "a", floor, seats);
    let cases = [
        (
            text(&[], &["a"]),
            false,
            "Profile \"p\" produced no seats. No floor seats are defined — try --full.\n",
        ),
        (
            text(&[], &[]),
            true,
            "Profile \"p\" produced no seats. Its roster is empty.\n",
        ),
        (
            text(&[], &[]),
            false,
            "Profile \"p\" produced no seats. No floor seats are defined — try --full.\n",
        ),
        (
            text(&["ghost"], &["a", "ghost->a"]),
            false,
            "Cannot provision: roster class \"ghost\" does not resolve to a readable persona.\n",
        ),
    ];
    for (text, full, told) in cases {
        let stage = home(&["a"], &[("p", text)])?;
        // A roster that is there does not matter yet: making it comes first.
        let stage = stage.file("h/fleet/roster.yaml", "mine\n")?;
        let mut arguments = vec!["--profile", "p", "--write"];
        arguments.extend(full.then_some("--full"));
        let ended = provision(&stage, &arguments, 1)?;
        assert_eq!(
            (ended.stdout(), ended.stderr()),
            (String::new(), told.to_owned())
        );
    }
    Ok(())
}

#[test]
fn v10_force_without_write_writes_nothing() -> Answer<()> {
    let stage = Stage::new()?;
    let before = stage.snapshot()?;
    let ended = provision(&stage, &["--profile", "business", "--force"], 0)?;
    assert_eq!(ended.stdout(), format!("{DRY}{SCAFFOLD}{BUSINESS_FLOOR}"));
    assert_eq!(ended.stderr(), "");
    assert_eq!(stage.snapshot()?, before);
    Ok(())
}

#[test]
fn v11_an_existing_roster_is_refused_and_replaced_by_force() -> Answer<()> {
    let stage = Stage::new()?;
    let path = stage.project().join("h/fleet/roster.yaml");
    let ended = provision(&stage, &["--profile", "business", "--write"], 0)?;
    let summary = BUSINESS_FLOOR.split_once("\n\n").ok_or("no summary")?.1;
    let wrote = format!("Wrote roster: {}\n\n", path.display());
    assert_eq!(ended.stdout(), format!("{wrote}{summary}"));
    assert_eq!(ended.stderr(), "");
    let first = fs::read_to_string(&path)?;
    let ended = provision(&stage, &["--profile", "business", "--write", "--full"], 1)?;
    assert_eq!(ended.stdout(), "");
    assert_eq!(
        ended.stderr(),
        format!(
            "Refusing to overwrite existing roster: {}. Pass --force to overwrite, or edit it by hand.\n",
            path.display()
        )
    );
    assert_eq!(fs::read_to_string(&path)?, first);
    let arguments = ["--profile", "business", "--write", "--full", "--force"];
    let ended = provision(&stage, &arguments, 0)?;
    assert!(ended.stdout().starts_with(&wrote), "{}", ended.stdout());
    assert_eq!(fs::read_to_string(&path)?.len(), 1135);
    // What was replaced is kept.
    let kept = stage.project().join("h/fleet/history/1/roster.yaml");
    assert_eq!(fs::read_to_string(kept)?, first);
    Ok(())
}

#[test]
fn v12_a_profile_must_be_named() -> Answer<()> {
    let stage = Stage::new()?;
    let ended = provision(&stage, &[], 1)?;
    assert_eq!(ended.stdout(), "");
    assert_eq!(
        ended.stderr(),
        "error: required option '--profile <id>' not specified\n"
    );
    let ended = provision(&stage, &["--profile", "busines"], 1)?;
    assert!(
        ended.says("there is no profile `busines`"),
        "{}",
        ended.stderr()
    );
    assert!(ended.says("did you mean `business`?"), "{}", ended.stderr());
    assert_eq!(ended.stdout(), "");
    Ok(())
}

#[test]
fn a_link_at_the_target_is_refused() -> Answer<()> {
    let stage = Stage::new()?.file("h/fleet/x", "")?;
    let path = stage.project().join("h/fleet/roster.yaml");
    let away = stage.path("away.yaml");
    symlink(&away, &path)?;
    for more in [&[][..], &["--force"], &["--force", "--follow"]] {
        let arguments = [&["--profile", "business", "--write"], more].concat();
        let ended = provision(&stage, &arguments, 1)?;
        assert!(ended.says("symbolic link"), "{}", ended.stderr());
        assert!(ended.says("roster.yaml"), "{}", ended.stderr());
        assert!(!away.exists(), "nothing is written through");
    }
    assert!(path.is_symlink());
    // A link to a file is followed on demand; the link stays.
    fs::write(&away, "old\n")?;
    let arguments = ["--profile", "business", "--write", "--force", "--follow"];
    provision(&stage, &arguments, 0)?;
    assert!(path.is_symlink());
    assert!(fs::read_to_string(&away)?.starts_with("version: 1\n"));
    Ok(())
}

#[test]
fn of_many_at_once_one_writes() -> Answer<()> {
    let stage = Stage::new()?;
    let arguments = [
        "fleet",
        "--home",
        "h",
        "provision",
        "--profile",
        "business",
        "--write",
    ];
    let calls: Vec<_> = (0..6)
        .map(|_| stage.call(&arguments)?.start())
        .collect::<Answer<_>>()?;
    let mut codes = Vec::new();
    for call in calls {
        codes.push(call.end()?.code());
    }
    codes.sort_unstable();
    assert_eq!(codes, [0, 1, 1, 1, 1, 1].map(Some));
    Ok(())
}

#[test]
fn a_locked_fleet_is_told_with_5() -> Answer<()> {
    let stage = Stage::new()?;
    if !Stage::can(&["flock", "--version"]) {
        return Ok(());
    }
    provision(&stage, &["--profile", "business", "--write"], 0)?;
    let lock = stage.project().join("h/fleet/run/fleet.lock");
    fs::write(
        &lock,
        "{\"pid\":77,\"command\":\"fleet up\",\"since_ms\":1}\n",
    )?;
    let mut holder = std::process::Command::new("flock")
        .arg(&lock)
        .args(["sh", "-c", "echo held; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let out = holder.stdout.take().ok_or("no output")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)?;
    let arguments = [
        "--profile",
        "research",
        "--write",
        "--force",
        "--lock-timeout",
        "0",
    ];
    let ended = provision(&stage, &arguments, 5);
    drop(holder.stdin.take());
    holder.wait()?;
    let ended = ended?;
    assert!(ended.says("`callsheet fleet up` (process 77) works on the fleet"));
    provision(&stage, &arguments, 0)?;
    Ok(())
}

#[test]
fn the_home_is_named_in_order() -> Answer<()> {
    let wrote = |ended: &Ended| ended.stdout().lines().next().unwrap_or_default().to_owned();
    let stage = Stage::new()?;
    let call = |more: &[&str]| {
        let all = [
            &["fleet", "provision", "--profile", "business", "--write"],
            more,
        ]
        .concat();
        stage.call(&all)
    };
    let path = |below: &str| {
        format!(
            "Wrote roster: {}/fleet/roster.yaml",
            stage.path(below).display()
        )
    };
    let (one, two) = (stage.path("one"), stage.path("two"));
    let ended = call(&[])?.env("MOSAIC_HOME", &one).run()?;
    assert_eq!(wrote(&ended), path("one"));
    let ended = call(&[])?
        .env("MOSAIC_HOME", &one)
        .env("CALLSHEET_HOME", &two)
        .run()?;
    assert_eq!(wrote(&ended), path("two"));
    for option in ["--home", "--mosaic-home"] {
        let dir = stage.path(option).display().to_string();
        let ended = call(&[option, &dir])?.env("CALLSHEET_HOME", &two).run()?;
        assert_eq!(wrote(&ended), path(option));
    }
    let ended = call(&[])?.run()?;
    assert_eq!(wrote(&ended), path("home/.config/callsheet"));
    for name in ["MOSAIC_HOME", "CALLSHEET_HOME"] {
        let ended = call(&[])?.env(name, "").run()?;
        expect(&ended, 78)?;
        assert!(
            ended.says(&format!("{name} is set to nothing")),
            "{}",
            ended.stderr()
        );
    }
    Ok(())
}

#[test]
fn profiles_are_listed_with_what_is_wrong() -> Answer<()> {
    let good = profile("good", "a", &["a"], &["a", "b->a x2"]);
    let bad = profile("bad", "a", &["a"], &["a", "c->a"]);
    let stage = home(&["a", "b"], &[("good", good), ("bad", bad)])?;
    let ended = stage
        .call(&["fleet", "--home", "h", "profile", "list"])?
        .run()?;
    expect(&ended, 1)?;
    assert_eq!(
        ended.stdout(),
        "bad                  invalid\ngood                   3 seats  lead a                    T\n"
    );
    assert!(ended.says("profile.class-unknown"), "{}", ended.stderr());
    assert!(ended.says("bad.yaml:10:12"), "{}", ended.stderr());
    let list = ["fleet", "--home", "h", "profile", "list", "--json"];
    let ended = stage.call(&list)?.run()?;
    expect(&ended, 1)?;
    let envelope = ended.envelope()?;
    assert_eq!(envelope.get("ok"), Some(&Value::Bool(false)));
    let profiles = envelope.get("data").and_then(|data| data.get("profiles"));
    let profiles = profiles.and_then(Value::as_array).unwrap_or_default();
    let valid: Vec<_> = profiles
        .iter()
        .map(|profile| profile.get("valid").cloned())
        .collect();
    assert_eq!(valid, [false, true].map(|valid| Some(Value::Bool(valid))));
    let ended = stage
        .call(&["fleet", "--home", "h", "profile", "show", "bad"])?
        .run()?;
    expect(&ended, 1)?;
    let ended = stage
        .call(&["fleet", "--home", "h", "profile", "show", "good"])?
        .run()?;
    expect(&ended, 0)?;
    assert_eq!(
        ended.stdout(),
        "good  T\nD\nlead   a\nfloor  a\nseats  3\n  a\n  b x2 -> a\n"
    );
    let ended = provision(&stage, &["--profile", "bad"], 1)?;
    assert!(ended.stderr().starts_with(
        "Profile \"bad\" is invalid; cannot provision:\n  - class `c` is not in the persona library\n"
    ));
    Ok(())
}

#[test]
fn strict_makes_errors_of_warnings() -> Answer<()> {
    let text = profile("p", "a", &["a"], &["a", "b"]);
    let stage = home(&["a", "b"], &[("p", text)])?;
    let ended = provision(&stage, &["--profile", "p"], 0)?;
    assert!(ended.says("profile.roots-several"), "{}", ended.stderr());
    let ended = provision(&stage, &["--profile", "p", "--strict"], 1)?;
    assert_eq!(ended.stdout(), "");
    for (more, code) in [(&[][..], 0), (&["--strict"], 1)] {
        let all = [&["fleet", "--home", "h", "profile", "show", "p"], more].concat();
        expect(&stage.call(&all)?.run()?, code)?;
    }
    Ok(())
}

#[test]
fn roles_are_listed_shown_and_customized() -> Answer<()> {
    let stage = home(&["a", "enhancer"], &[])?;
    let call = |arguments: &[&str], code| -> Answer<Ended> {
        let all = [&["fleet", "--home", "h", "persona"], arguments].concat();
        let ended = stage.call(&all)?.run()?;
        expect(&ended, code)?;
        Ok(ended)
    };
    let ended = call(&["list"], 0)?;
    assert_eq!(
        ended.stdout(),
        "a                          baseline   engineering
enhancer                   custom     engineering
ghost                      baseline   engineering  (no file)
"
    );
    let ended = call(&["customize", "a"], 0)?;
    let path = stage.project().join("h/fleet/roles.local/a.md");
    assert_eq!(
        ended.stdout(),
        format!("Wrote persona: {}\n", path.display())
    );
    assert_eq!(fs::read_to_string(&path)?, "Role.\n");
    fs::write(&path, "Mine.\n")?;
    let ended = call(&["customize", "a"], 1)?;
    assert!(ended.says("is customized already"), "{}", ended.stderr());
    assert_eq!(fs::read_to_string(&path)?, "Mine.\n");
    assert_eq!(call(&["show", "a"], 0)?.stdout(), "Mine.\n");
    let ended = call(&["show", "a", "--contract"], 0)?;
    assert_eq!(ended.stdout(), "# Persona Contract (a)\n\nMine.\n");
    for class in ["nobody", "", " ", "ghost", "../a"] {
        let ended = call(&["show", class, "--contract"], 0)?;
        assert_eq!(ended.stdout(), "");
    }
    for arguments in [
        &["show", "nobody"][..],
        &["show", "ghost"],
        &["customize", "nobody"],
        &["customize", "../a", "--new"],
        &["customize", "a", "--new"],
    ] {
        let ended = call(arguments, 1)?;
        assert_eq!(ended.stdout(), "", "{arguments:?}");
    }
    call(&["customize", "release-notes", "--new"], 0)?;
    let ended = call(&["show", "release-notes", "--json"], 0)?;
    let data = ended.envelope()?;
    let data = data.get("data").ok_or("no data")?;
    assert_eq!(data.get_str("layer"), Some("override"));
    assert_eq!(data.get_str("status"), Some("custom"));
    assert!(
        data.get_str("text")
            .is_some_and(|text| text.starts_with("# Release notes\n"))
    );
    Ok(())
}

#[test]
fn a_home_that_may_not_be_written_is_left_alone() -> Answer<()> {
    let stage = Stage::new()?.file("h", "a file\n")?;
    let ended = provision(&stage, &["--profile", "business", "--write"], 1)?;
    assert_eq!(ended.stdout(), "");
    assert!(ended.says("/h"), "{}", ended.stderr());
    assert_eq!(fs::read_to_string(stage.project().join("h"))?, "a file\n");
    Ok(())
}
