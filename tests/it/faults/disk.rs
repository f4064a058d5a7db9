//! Full disks: a small tmpfs in a namespace of its own holds the project and the state.
#![expect(clippy::print_stdout, reason = "says what is skipped")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::program::{Ended, Stage};
use tests::repo::Answer;
use tests::scene::{Scene, expect, selection, sidecar};

/// The variable that tells the copy of a test that it runs inside.
const INSIDE: &str = "CALLSHEET_TEST_DISK";

/// A small disk that everything lies on.
struct Disk(PathBuf);

/// Runs a test on a small disk: the test calls itself in a namespace.
fn on_small_disk(test: &str, body: fn(&Disk) -> Answer<()>) -> Answer<()> {
    if let Some(dir) = std::env::var_os(INSIDE) {
        return body(&Disk(dir.into()));
    }
    let mount = "mount -t tmpfs -o size=64m none";
    if !Stage::can(&["unshare", "-Urm", "sh", "-c", &format!("{mount} /tmp")]) {
        println!("skipped: nothing can be mounted here");
        return Ok(());
    }
    tests::program::callsheet()?;
    let dir = tempfile::tempdir()?;
    let script = format!("{mount} \"$0\" && exec \"$@\"");
    let ended = Command::new("unshare")
        .args(["-Urm", "sh", "-c", &script])
        .arg(dir.path())
        .arg(std::env::current_exe()?)
        .args(["--exact", &format!("faults::disk::{test}"), "--nocapture"])
        .env(INSIDE, dir.path())
        .env("TMPDIR", dir.path())
        .env("CALLSHEET", tests::program::callsheet()?)
        .output()?;
    let (out, err) = (ended.stdout, ended.stderr);
    print!("{}", String::from_utf8_lossy(&out));
    if ended.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&err).into())
}

impl Disk {
    /// Returns how many blocks and how many files are in use.
    fn used(&self) -> Answer<[usize; 2]> {
        let mut stat = Command::new("stat");
        let ended = stat
            .args(["-f", "-c", "%b %f %c %d"])
            .arg(&self.0)
            .output()?;
        let text = String::from_utf8(ended.stdout)?;
        let numbers = text.split_whitespace().map(str::parse);
        let numbers = numbers.collect::<Result<Vec<usize>, _>>()?;
        let [blocks, free, files, free_files] = *numbers else {
            return Err(text.into());
        };
        Ok([blocks - free, files - free_files])
    }

    /// Gives the disk a size; 0 is none.
    fn resize(&self, blocks: usize, files: usize) -> Answer<()> {
        let options = format!("remount,nr_blocks={blocks},nr_inodes={files}");
        let mut mount = Command::new("mount");
        // All is said, so that nothing is taken from the list of mounts.
        let arguments = ["-t", "tmpfs", "-o", &options, "none"];
        let ended = mount.args(arguments).arg(&self.0).output()?;
        if ended.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&ended.stderr).into())
    }

    fn free(&self) -> Answer<()> {
        self.resize(16_384, 10_000)
    }
}

/// A project whose files are overwritten and extended, with texts of some blocks.
fn scene() -> Answer<Scene> {
    let stage = Stage::new()?
        .file("AGENTS.md", "Mine.\n".repeat(1000))?
        .file("opencode.json", " ".repeat(5000))?;
    let more = sidecar("agentsMd", &"Notes. ".repeat(2000), "extend");
    let selection = selection("opencode", &["maker/skill"], &more);
    Scene::new(stage)?.plan("plan.json", "persona-kit-4", &selection)
}

/// Expects what a run without space must leave: the project as it was, and an error that
/// names the reason and a path.
fn judge(scene: &Scene, ended: &Ended) -> Answer<()> {
    let told = ended.stderr();
    if !matches!(ended.code(), Some(1 | 6 | 69)) || ended.says("panicked") {
        return Err(format!("ended with {:?}: {told}", ended.code()).into());
    }
    // The installer has its own way to say it.
    let full = [
        "No space left on device",
        "could not be run",
        "failed (exit",
    ];
    if !full.iter().any(|reason| ended.says(reason)) {
        return Err(format!("it does not say why: {told}").into());
    }
    if !told.contains("callsheet-it-") {
        return Err(format!("no path is named: {told}").into());
    }
    scene.expect_same()
}

/// Runs the plan with ever more room until it succeeds.
fn fill(disk: &Disk, room: impl Fn([usize; 2], usize) -> [usize; 2]) -> Answer<()> {
    let scene = scene()?;
    let used = disk.used()?;
    for more in 0..200 {
        let [blocks, files] = room(used, more);
        let at = |problem: &str| format!("{more} free: {problem}");
        disk.resize(blocks, files)?;
        let ended = scene.execute("plan.json", &["true"])?.run()?;
        if ended.code() == Some(0) {
            scene.expect_clean()?;
            println!("{more} sizes were too small");
            assert!(more >= 3, "only {more} sizes were too small");
            return Ok(());
        }
        judge(&scene, &ended).map_err(|error| at(&error.to_string()))?;
        // Recovery without room loses nothing either.
        scene.stage.call(&["recover"])?.run()?;
        scene
            .expect_same()
            .map_err(|error| at(&error.to_string()))?;
        disk.free()?;
        scene.call(&["recover"], 0)?;
        scene.call(&["gc", "--older-than", "0"], 0)?;
        scene
            .expect_clean()
            .map_err(|error| at(&error.to_string()))?;
    }
    Err("it never succeeds".into())
}

#[test]
fn enospc_write() -> Answer<()> {
    on_small_disk("enospc_write", |disk| {
        fill(disk, |[blocks, _], more| [blocks + more, 10_000])
    })
}

#[test]
fn enospc_write_without_inodes() -> Answer<()> {
    on_small_disk("enospc_write_without_inodes", |disk| {
        fill(disk, |[_, files], more| [16_384, files + 1 + more])
    })
}

/// What takes the last block, and the last name.
const FILL: &str = "cat /dev/zero > ../home/filler 2> /dev/null\n\
    while :> ../home/filler-$((n += 1)); do :; done 2> /dev/null";

fn empty(scene: &Scene) -> Answer<()> {
    for entry in fs::read_dir(scene.stage.path("home"))? {
        let path = entry?.path();
        if path.to_string_lossy().contains("filler") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[test]
fn enospc_restore() -> Answer<()> {
    on_small_disk("enospc_restore", |disk| {
        let scene = scene()?;
        let [blocks, files] = disk.used()?;
        disk.resize(blocks + 500, files + 100)?;
        let fill = ["sh", "-c", FILL];
        let ended = scene.execute("plan.json", &fill)?.run()?;
        // The disk may be full before it is noted who fills it; then that one is ended.
        let unmarked = ended.code() == Some(1) && ended.says("the harness cannot be started");
        let ends = matches!(ended.code(), Some(0 | 2 | 6));
        assert!(ends || unmarked, "{ended:?}");
        assert!(!ended.says("panicked"), "{}", ended.stderr());
        scene.expect_same()?;
        empty(&scene)?;
        scene.call(&["recover"], 0)?;
        scene.expect_clean()?;
        // A death on the full disk, and a recovery on it.
        let running = scene.begun("plan.json", "begun", &[])?;
        running.signal("KILL")?;
        running.ended()?;
        Command::new("sh")
            .args(["-c", FILL])
            .current_dir(scene.stage.project())
            .status()?;
        scene.stage.call(&["recover"])?.run()?;
        scene.expect_same()?;
        empty(&scene)?;
        scene.call(&["recover"], 0)?;
        scene.expect_clean()
    })
}

/// Mounts a disk of its own over a directory.
fn mounted(dir: &Path) -> Answer<()> {
    let mut mount = Command::new("mount");
    let ended = mount
        .args(["-t", "tmpfs", "-o", "size=400k", "none"])
        .arg(dir)
        .output()?;
    if ended.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&ended.stderr).into())
}

#[test]
fn enospc_restore_across_disks() -> Answer<()> {
    on_small_disk("enospc_restore_across_disks", |_| {
        // Originals cannot move from one disk to another: their copies wait for room.
        let stage = Stage::new()?;
        mounted(&stage.project())?;
        let stage = stage.file("AGENTS.md", "Mine.\n".repeat(10_000))?;
        let more = sidecar("agentsMd", "# Notes\\n", "overwrite");
        let selection = selection("claude", &[], &more.replace("agentsMd", "claudeMd"));
        fs::rename(
            stage.project().join("AGENTS.md"),
            stage.project().join("CLAUDE.md"),
        )?;
        let mut scene = Scene::new(stage)?.plan("plan.json", "persona-kit-4", &selection)?;
        let fill = "cat /dev/zero > filler 2> /dev/null; true";
        let ended = scene.execute("plan.json", &["sh", "-c", fill])?.run()?;
        expect(&ended, 6)?;
        assert!(ended.says("CLAUDE.md"), "{}", ended.stderr());
        assert!(ended.says("No space left on device"), "{}", ended.stderr());
        fs::remove_file(scene.stage.project().join("filler"))?;
        scene.call(&["recover"], 0)?;
        scene.expect_alike()?;
        scene.expect_clean()
    })
}
