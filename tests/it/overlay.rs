//! Layers: what programs see, what the project keeps, and what a crash leaves. Each test
//! runs as whoever we are, and when that is root as a user without rights too.
#![expect(
    clippy::print_stdout,
    reason = "says what is skipped and how long it takes"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::time::Instant;

use plan_core::base::json::Value;
use tests::program::{Ended, Running, Stage};
use tests::repo::Answer;

/// A user without rights.
const NOBODY: u32 = 65534;

const RULES: &str = r#", "mount": {"ignoredPatterns": ["/secrets", "docs/plan.md"],
    "readonlyPatterns": ["/LICENSE", "/vendor/"]}"#;

fn selection(more: &str) -> String {
    format!(
        r##"{{"personaId": "scout", "harness": "claude", "model": "m", "systemPrompt": "Look.",
        "harnessSettings": {{"reasoning": "low", "timeoutSeconds": 60}}, "skills": [],
        "claudeMdContent": "# Notes\n"{more}}}"##
    )
}

/// A project with a plan, something to hide and something to protect.
fn project(more: &str) -> Answer<Stage> {
    let stage = Stage::new()?
        .file("CLAUDE.md", "Mine.\n")?
        .file("LICENSE", "Free.\n")?
        .file("secrets/key", "k\n")?
        .file("docs/plan.md", "p\n")?
        .file("docs/guide.md", "g\n")?
        .file("vendor/lib.js", "v\n")?
        .file("node_modules/x/index.js", "x\n")?;
    fs::write(stage.path("x.json"), selection(more))?;
    let plan = stage.call(&["plan", "../x.json", "--json"])?.run()?;
    fs::write(stage.path("plan.json"), plan.stdout())?;
    Ok(stage)
}

/// Runs a test as everybody that we can be, where layers work.
fn everybody(more: &str, test: impl Fn(&Stage) -> Answer<()>) -> Answer<()> {
    let mut stages = vec![("ourselves", project(more)?)];
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if is_root {
        stages.push(("nobody", project(more)?.owned_by(NOBODY)?));
    }
    for (who, stage) in stages {
        let doctor = stage.call(&["doctor", "--json"])?.run()?.envelope()?;
        let views = doctor.get("data").and_then(|data| data.get("views"));
        if let Some(why) = views.and_then(|views| views.get_str("overlayProblem")) {
            println!("skipped as {who}: {why}");
            continue;
        }
        test(&stage).map_err(|error| format!("as {who}: {error}"))?;
    }
    Ok(())
}

/// Runs a shell script in a held layer.
fn execute(stage: &Stage, script: &str) -> Answer<Ended> {
    stage
        .call(&["execute", "../plan.json", "--", "sh", "-c", script])?
        .run()
}

/// Starts a script that waits in a layer until the note `go`; the note `up` is there.
fn start(stage: &Stage, script: &str) -> Answer<(Running, String)> {
    // It does not outlive the place that it waits in.
    let script = format!(
        "{script}\ntouch \"$HOME/up\"
        while [ -e \"$HOME/up\" ] && ! [ -e \"$HOME/go\" ]; do sleep 0.02; done"
    );
    let call = stage.call(&["execute", "../plan.json", "--", "sh", "-c", &script])?;
    let running = call.start()?;
    stage.wait_for("up")?;
    let runs = runs(stage)?;
    let [id] = runs.as_slice() else {
        return Err(format!("not one run: {runs:?}").into());
    };
    Ok((running, id.clone()))
}

fn runs(stage: &Stage) -> Answer<Vec<String>> {
    let list = stage.call(&["runs", "--json"])?.run()?.envelope()?;
    let runs = list.get("data").and_then(|data| data.get("runs"));
    let runs = runs.and_then(Value::as_array).unwrap_or_default();
    Ok(runs
        .iter()
        .filter_map(|run| run.get_str("id"))
        .map(String::from)
        .collect())
}

fn layer(stage: &Stage, id: &str) -> std::path::PathBuf {
    stage.path("state/runs").join(id).join("layer")
}

fn expect(ended: &Ended, code: i32) -> Answer<()> {
    if ended.code() == Some(code) {
        return Ok(());
    }
    let (came, out, err) = (ended.code(), ended.stdout(), ended.stderr());
    Err(format!("ended with {came:?}, not {code}:\n{out}\n{err}").into())
}

/// Tells what is mounted where we live.
fn our_mounts() -> Answer<usize> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(mounts.matches("callsheet").count())
}

#[test]
fn programs_see_the_layer_and_everybody_else_the_project() -> Answer<()> {
    everybody(RULES, |stage| {
        let before = stage.tree()?;
        let mounts = our_mounts()?;
        let script = "pwd > $HOME/pwd; cat CLAUDE.md > $HOME/claude; ls -A > $HOME/names
            ls docs > $HOME/docs; cat secrets/key ../project/secrets/key > $HOME/key 2>&1
            { echo x >> LICENSE; } 2> $HOME/license; touch vendor/new 2> $HOME/vendor
            rm LICENSE 2> $HOME/gone; echo made > made.txt; rm docs/guide.md
            ls \"$CALLSHEET_STATE_HOME\"/runs/*/layer > $HOME/layer";
        let (running, id) = start(stage, script)?;
        assert_eq!(stage.tree()?, before, "the project is as it was");
        assert_eq!(our_mounts()?, mounts, "nothing is mounted here");
        let made = fs::read_to_string(layer(stage, &id).join("upper/made.txt"))?;
        assert_eq!(made, "made\n");
        stage.leave("go")?;
        expect(&running.end()?, 0)?;
        assert_eq!(Path::new(stage.note("pwd")?.trim()), stage.project());
        assert_eq!(stage.note("claude")?, "# Notes\n");
        let names = "CLAUDE.md\nLICENSE\ndocs\nnode_modules\nvendor\n";
        assert_eq!(stage.note("names")?, names);
        assert_eq!(stage.note("docs")?, "guide.md\n");
        assert_eq!(stage.note("key")?.matches("No such file").count(), 2);
        assert!(stage.note("license")?.contains("Read-only file system"));
        assert!(stage.note("vendor")?.contains("Read-only file system"));
        assert!(
            stage.note("gone")?.contains("busy"),
            "{}",
            stage.note("gone")?
        );
        assert_eq!(stage.note("layer")?, "", "the layer itself cannot be seen");
        assert_eq!(stage.tree()?, before);
        Ok(())
    })
}

#[test]
fn nobody_can_take_the_rules_away() -> Answer<()> {
    everybody(RULES, |stage| {
        let script = "umount LICENSE; umount -l \"$PWD\"; mount -o remount,rw,bind LICENSE
            unshare -U -r -m umount LICENSE; unshare -U -r -m umount -l \"$PWD\"
            unshare -U -r -m sh -c 'echo nested; cat CLAUDE.md' > $HOME/nested
            cat secrets/key; echo x >> LICENSE; ls -A";
        let ended = execute(stage, script)?;
        expect(&ended, 0)?;
        assert_eq!(
            ended.stdout(),
            "CLAUDE.md\nLICENSE\ndocs\nnode_modules\nvendor\n"
        );
        assert!(
            ended.says("LICENSE: Read-only file system"),
            "{}",
            ended.stderr()
        );
        assert_eq!(stage.note("nested")?, "nested\n# Notes\n");
        Ok(())
    })
}

#[test]
fn a_killed_run_leaves_no_mount_and_no_trace_in_the_project() -> Answer<()> {
    for (work, kept) in [("echo made > made.txt", true), ("true", false)] {
        everybody(RULES, |stage| {
            let before = stage.tree()?;
            let mounts = our_mounts()?;
            let (running, id) = start(stage, work)?;
            running.signal("KILL")?;
            assert_eq!(stage.tree()?, before);
            assert_eq!(our_mounts()?, mounts);
            let made = layer(stage, &id).join("upper/made.txt");
            assert_eq!(made.exists(), kept);
            let ended = stage.call(&["recover"])?.run()?;
            expect(&ended, 0)?;
            // The program held the pipes of the call until recovery ended it.
            running.end()?;
            assert_eq!(ended.says("kept: layer over"), kept, "{}", ended.stderr());
            assert_eq!(made.exists(), kept);
            assert_eq!(runs(stage)?.len(), usize::from(kept));
            assert_eq!(stage.tree()?, before);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn two_programs_share_a_layer() -> Answer<()> {
    everybody(RULES, |stage| {
        let (running, id) = start(stage, "echo one > one.txt")?;
        let script = "cat one.txt; echo two > two.txt; pwd; cat secrets/key";
        let entered = stage
            .call(&["enter", &id, "--", "sh", "-c", script])?
            .run()?;
        expect(&entered, 1)?;
        let project = stage.project();
        assert_eq!(entered.stdout(), format!("one\n{}\n", project.display()));
        let docs = stage
            .call(&[
                "exec",
                &id,
                "-C",
                "docs",
                "--",
                "sh",
                "-c",
                "cat ../two.txt; exit 7",
            ])?
            .run()?;
        expect(&docs, 7)?;
        assert_eq!(docs.stdout(), "two\n");
        let missing = stage.call(&["exec", &id, "--", "no-such-program"])?.run()?;
        expect(&missing, 127)?;
        stage.leave("go")?;
        expect(&running.end()?, 0)?;
        // What was kept can be looked at afterwards, and changed.
        for text in ["one\ntwo\n", "one\ntwo\nmore\n"] {
            let script = "cat *.txt; echo more > z.txt";
            let kept = stage
                .call(&["exec", &id, "--", "sh", "-c", script])?
                .run()?;
            expect(&kept, 0)?;
            assert_eq!(kept.stdout(), text);
        }
        assert!(!stage.project().join("one.txt").exists());
        expect(&stage.call(&["enter", "r-none", "--", "true"])?.run()?, 69)?;
        expect(&stage.call(&["enter", "x", "--", "true"])?.run()?, 64)
    })
}

#[test]
fn programs_that_stay_are_ended_with_their_layer() -> Answer<()> {
    everybody(RULES, |stage| {
        let script = "setsid sh -c 'touch $HOME/stays; while [ -e $HOME/stays ]; do sleep 0.05; \
            echo x > late.txt; done' < /dev/null > /dev/null 2>&1 &
            until [ -e $HOME/stays ]; do sleep 0.02; done";
        expect(&execute(stage, script)?, 0)?;
        let id = runs(stage)?.pop();
        if let Some(id) = id {
            let late = layer(stage, &id).join("upper/late.txt");
            fs::remove_file(&late).ok();
            std::thread::sleep(std::time::Duration::from_millis(200));
            assert!(!late.exists(), "something still writes");
        }
        Ok(())
    })
}

#[test]
fn text_is_added_to_a_file_that_is_hidden() -> Answer<()> {
    let rules = r#", "claudeMdMode": "extend", "mount": {"ignoredPatterns": ["CLAUDE.md"]}"#;
    everybody(rules, |stage| {
        let ended = execute(stage, "cat CLAUDE.md")?;
        expect(&ended, 0)?;
        assert_eq!(ended.stdout(), "Mine.\n\n\n---\n\n# Notes\n");
        assert_eq!(
            runs(stage)?,
            [""; 0],
            "nothing was done, so nothing is kept"
        );
        Ok(())
    })
}

#[test]
fn rules_of_the_project_count() -> Answer<()> {
    everybody("", |stage| {
        fs::write(stage.project().join(".agentignore"), "# mine\nsecrets\n")?;
        fs::write(stage.project().join(".scout.agentreadonly"), "LICENSE\n")?;
        for name in [".agentignore", ".scout.agentreadonly"] {
            let owner = fs::metadata(stage.project())?;
            chown(
                stage.project().join(name),
                Some(owner.uid()),
                Some(owner.gid()),
            )?;
        }
        let ended = execute(stage, "ls; echo x >> LICENSE")?;
        assert_eq!(
            ended.stdout(),
            "CLAUDE.md\nLICENSE\ndocs\nnode_modules\nvendor\n"
        );
        assert!(
            ended.says("LICENSE: Read-only file system"),
            "{}",
            ended.stderr()
        );
        Ok(())
    })
}

#[test]
fn the_view_is_told_and_can_be_chosen() -> Answer<()> {
    everybody(RULES, |stage| {
        let held = |view: &str| -> Answer<Value<'static>> {
            let call = stage.call(&["execute", "../plan.json", "--json", "--view", view])?;
            let ended = call.run()?;
            expect(&ended, 0)?;
            let line = ended.stdout().lines().next().unwrap_or_default().to_owned();
            let value = plan_core::base::json::read(&line)?.to_owned_value();
            value.get("data").cloned().ok_or_else(|| line.into())
        };
        let words = |data: &Value<'_>| {
            let word = |name| data.get_str(name).unwrap_or_default().to_owned();
            let prefix = data.get("argvPrefix").and_then(Value::as_array);
            (
                word("view"),
                word("enforcement"),
                prefix.map_or(9, <[_]>::len),
            )
        };
        let answer = |view: &str, enforcement: &str, prefix| {
            (view.to_owned(), enforcement.to_owned(), prefix)
        };
        // A host that starts programs by itself must ask for the layer.
        assert_eq!(words(&held("auto")?), answer("copy", "cosmetic", 0));
        assert_eq!(words(&held("overlay")?), answer("overlay", "enforced", 4));
        assert_eq!(words(&held("inplace")?), answer("inplace", "none", 0));
        let call = stage.call(&["execute", "../plan.json", "--view", "inplace", "--", "ls"])?;
        let open = call.run()?;
        expect(&open, 0)?;
        assert!(
            open.says("nothing is hidden or protected"),
            "{}",
            open.stderr()
        );
        Ok(())
    })
}

#[test]
fn a_layer_that_cannot_be_is_a_copy_or_an_error() -> Answer<()> {
    let stage = project(RULES)?.file(".git", "gitdir: /elsewhere\n")?;
    let ended = execute(&stage, "ls -A")?;
    expect(&ended, 0)?;
    assert!(ended.says("view copy:"), "{}", ended.stderr());
    assert!(ended.says("`.git` leads nowhere"), "{}", ended.stderr());
    let call = stage.call(&["execute", "../plan.json", "--view", "overlay", "--", "ls"])?;
    let refused = call.run()?;
    expect(&refused, 69)?;
    assert!(refused.says("`.git` leads nowhere"), "{}", refused.stderr());
    Ok(())
}

#[test]
fn a_layer_is_soon_there() -> Answer<()> {
    everybody(RULES, |stage| {
        let begun = Instant::now();
        let (running, _) = start(stage, "")?;
        println!("a program in a layer was up after {:?}", begun.elapsed());
        stage.leave("go")?;
        expect(&running.end()?, 0)
    })
}
