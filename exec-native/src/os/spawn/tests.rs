//! Programs that flood, linger, or are not ours.

use std::time::Instant;

use super::*;

fn shell<'s>(args: &'s [String], cancel: Option<&'s Cancel>) -> Spawn<'s> {
    Spawn {
        program: Path::new("/bin/sh"),
        args,
        cwd: Path::new("/"),
        env: &[],
        mark: None,
        cancel,
    }
}

fn script(text: &str) -> [String; 2] {
    ["-c".to_owned(), text.to_owned()]
}

fn limited(limit: Duration, silence: Option<Duration>) -> Pipe<'static> {
    Pipe {
        stdin: None,
        limit: Some(limit),
        silence,
        stop: SIGTERM,
    }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_line_without_an_end_passes_no_limit() {
    let args = script("exec tr '\\0' x < /dev/zero");
    for (limit, silence, late) in [
        (Duration::from_millis(300), None, Late::Limit),
        (LONG, Some(Duration::from_millis(300)), Late::Silence),
    ] {
        let begun = Instant::now();
        let mut longest = 0;
        let mut lines = |_, line: &str| longest = longest.max(line.len());
        // Adoption would be this whole process's, and other tests run in it.
        let (spawn, pipe) = (shell(&args, None), limited(limit, silence));
        let exit = run_grouped(&spawn, &pipe, None, &mut lines);
        assert_eq!(exit.unwrap().late, Some(late));
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(longest > 1000 && longest < (16 << 20) + 100, "{longest}");
    }
}

#[test]
fn a_survivor_that_prints_does_not_hold_the_end_up() {
    // It leaves the group, and `capture` adopts nobody.
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("chatty");
    let text = r#"#!/bin/sh
        setsid sh -c ': > "$0.up"; for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 1; done' "$0" &
        while [ ! -e "$0.up" ]; do sleep 0.01; done"#;
    std::fs::write(&program, text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).unwrap();
    let begun = Instant::now();
    let captured = capture(&program, "--version", LONG).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{captured:?}");
    assert!(captured.stdout.starts_with("1\n2\n"), "{captured:?}");
}

#[test]
fn what_is_captured_stays_short() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("flood");
    std::fs::write(
        &program,
        "#!/bin/sh\necho 1.2.3\nyes é | head -c 3000000\nyes | head -c 3000000 >&2\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).unwrap();
    let captured = capture(&program, "--version", LONG).unwrap();
    assert_eq!(captured.exit.code, 0);
    assert!(captured.stdout.starts_with("1.2.3\né\n"));
    for text in [captured.stdout, captured.stderr] {
        assert!((65_000..=65_536).contains(&text.len()), "{}", text.len());
    }
}

#[test]
fn only_what_came_to_us_meanwhile_is_ended() {
    const OWN: &str = "CALLSHEET_TEST_HOST";
    // Children belong to the first thread, and tests do not run in it: another program
    // becomes a test with a child.
    if std::env::var_os(OWN).is_none() {
        let test = std::env::current_exe().unwrap();
        let name = "os::spawn::tests::only_what_came_to_us_meanwhile_is_ended";
        let line = format!(
            "sleep 77 & export SLEEP=$!; exec '{}' --exact {name} --nocapture",
            test.display()
        );
        let mut host = Command::new("/bin/sh");
        let output = host.args(["-c", &line]).env(OWN, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{output:?}");
        return;
    }
    let mine: u32 = std::env::var("SLEEP").unwrap().parse().unwrap();
    let args = script("setsid sleep 78 >/dev/null 2>&1 & echo $!");
    let mut left = String::new();
    let mut lines = |_, line: &str| left.push_str(line);
    let exit = run_piped(&shell(&args, None), &limited(LONG, None), &mut lines);
    assert_eq!(exit.unwrap().code, 0);
    let lives = |id: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    let (spared, ended) = (lives(mine), !lives(left.parse().unwrap()));
    send(mine, SIGTERM);
    assert!(spared, "it was there before");
    assert!(ended, "it was left by the program");
    let reaper = rustix::process::child_subreaper().unwrap();
    assert_eq!(reaper, None, "nobody comes to us any more");
}

#[test]
fn nothing_is_started_when_somebody_has_asked_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("started");
    let args = script(&format!("touch {}", file.display()));
    let cancel = Cancel::new();
    cancel.raise();
    let spawn = shell(&args, Some(&cancel));
    let stopped = Exit {
        code: 130,
        asked: Some(SIGINT),
        late: None,
    };
    assert_eq!(run_attached(&spawn).unwrap(), stopped);
    let piped = run_piped(&spawn, &limited(LONG, None), &mut |_, _| {});
    assert_eq!(piped.unwrap(), stopped);
    assert!(!file.exists());
}
