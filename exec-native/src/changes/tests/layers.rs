//! Layers, with hand-made upper directories.

use super::*;

/// Hides a name in an upper directory; `false` where the system does not let us.
fn whiteout(upper: &Path, path: &str) -> bool {
    let path = upper.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = std::process::Command::new("mknod")
        .arg(&path)
        .args(["c", "0", "0"])
        .output();
    let made = made.is_ok_and(|made| made.status.success());
    if !made {
        println!("skipped: this user may not make a whiteout");
    }
    made
}

fn mark(path: &Path, name: &str, value: &[u8]) -> bool {
    let made = rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty());
    if made.is_err() {
        println!("skipped: no attributes here: {made:?}");
    }
    made.is_ok()
}

#[test]
fn a_layer_is_read_as_the_kernel_writes_it() {
    let desk = Desk::new();
    let layer = desk.layer();
    let upper = layer.upper();
    assert_eq!(lines(&desk.changes(layer.id())), [""; 0]);
    put(&upper, "README.md", "agent's");
    put(&upper, "src/main.rs", "fn main() {}");
    put(&upper, "deep/er/new", "x");
    fs::create_dir(upper.join("hollow")).unwrap();
    fs::copy(desk.project().join("src/lib.rs"), upper.join("src/lib.rs")).unwrap();
    chmod(&upper.join("src/lib.rs"), 0o755);
    if !whiteout(&upper, "link") {
        return;
    }
    let mut expected = vec![
        "modified file README.md",
        "added file deep/er/new",
        "added directory hollow",
        "deleted symlink link",
        "mode file src/lib.rs",
    ];
    assert_eq!(lines(&desk.changes(layer.id())), expected);
    assert!(whiteout(&upper, "docs"));
    expected.splice(
        2..2,
        [
            "deleted directory docs",
            "deleted file docs/a.md",
            "deleted file docs/b.md",
        ],
    );
    assert_eq!(lines(&desk.changes(layer.id())), expected);
    let before = desk.snapshot();
    let done = desk.bring(layer.id());
    assert_eq!(done.applied.len(), expected.len(), "{done:?}");
    assert!(done.missed.is_empty(), "{done:?}");
    assert!(!desk.project().join("docs").exists());
    assert!(fs::symlink_metadata(desk.project().join("link")).is_err());
    assert_eq!(mode(&desk.project().join("src/lib.rs")), 0o755);
    assert!(desk.changes(layer.id()).is_empty());
    assert!(
        revert(&desk.state(), &done.run.unwrap())
            .unwrap()
            .is_clean()
    );
    assert_eq!(desk.snapshot(), before);
}

#[test]
fn an_opaque_directory_and_a_file_in_a_directory_s_place_delete_what_they_hide() {
    let desk = Desk::new();
    let layer = desk.layer();
    put(&layer.upper(), "docs/b.md", "new b");
    put(&layer.upper(), "src", "a file");
    let expected = [
        "modified file docs/b.md",
        "type file src",
        "deleted file src/lib.rs",
        "deleted file src/main.rs",
    ];
    assert_eq!(lines(&desk.changes(layer.id())), expected);
    if !mark(&layer.upper().join("docs"), "user.overlay.opaque", b"y") {
        return;
    }
    let set = desk.changes(layer.id());
    assert_eq!(lines(&set)[0], "deleted file docs/a.md");
    desk.bring(layer.id());
    assert!(!desk.project().join("docs/a.md").exists());
    assert_eq!(desk.read("docs/b.md"), "new b");
    assert_eq!(desk.read("src"), "a file");
}

#[test]
fn what_the_user_touched_meanwhile_is_a_conflict() {
    let desk = Desk::new();
    let layer = desk.layer();
    put(&layer.upper(), "README.md", "agent's");
    put(&layer.upper(), "src/main.rs", "agent's");
    put(&layer.upper(), "docs/a.md", "agent's");
    desk.put("README.md", "user's");
    fs::remove_file(desk.project().join("docs/a.md")).unwrap();
    assert!(mark(
        &layer.upper().join("docs/a.md"),
        "user.overlay.origin",
        b"x"
    ));
    let expected = [
        "modified file README.md conflict",
        "modified file docs/a.md conflict",
        "modified file src/main.rs",
    ];
    assert_eq!(lines(&desk.changes(layer.id())), expected);
    let done = desk.bring(layer.id());
    assert_eq!((done.applied.len(), done.conflicts.len()), (1, 2));
    assert_eq!(desk.read("README.md"), "user's");
    let beside = format!("docs/a.md.callsheet-{}", layer.id());
    assert_eq!(desk.read(beside), "agent's");
    assert!(!desk.project().join("docs/a.md").exists());
    put(&layer.upper(), "src/main.rs", "agent's again");
    assert_eq!(
        lines(&desk.changes(layer.id())),
        ["modified file src/main.rs"]
    );
}

#[test]
fn many_deletions_in_a_layer_need_confirmation() {
    let desk = Desk::new();
    for number in 0..60 {
        desk.put(&format!("many/{number}"), "x");
    }
    let layer = desk.layer();
    if !whiteout(&layer.upper(), "many") {
        return;
    }
    let refused = desk
        .bring_with(layer.id(), &ApplyChanges::default())
        .unwrap_err();
    assert!(refused.to_string().contains("60 of 66 files"), "{refused}");
}

/// Lets the kernel make the layer, in a namespace of its own; `false` where it does not.
fn in_overlay(layer: &Layer, project: &Path, script: &str) -> bool {
    let mount = "mount -t overlay overlay -o \
        lowerdir=\"$1\",upperdir=\"$2/upper\",workdir=\"$2/work\",userxattr \"$1\" || exit 77
        cd \"$1\" || exit 77";
    let script = format!("{mount}\nset -e\n{script}");
    let done = std::process::Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
        ])
        .arg(project)
        .arg(layer.upper().parent().unwrap())
        .output();
    match done {
        Ok(done) if done.status.success() => true,
        Ok(done) if done.status.code() == Some(77) || !Path::new("/proc/self/ns/user").exists() => {
            println!(
                "skipped: no overlay here: {}",
                String::from_utf8_lossy(&done.stderr)
            );
            false
        }
        Ok(done) => {
            let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
            // Where namespaces are forbidden there is nothing to look at.
            assert!(stderr.contains("unshare"), "{stderr}");
            println!("skipped: {stderr}");
            false
        }
        Err(error) => {
            println!("skipped: {error}");
            false
        }
    }
}

#[test]
fn what_the_kernel_leaves_in_a_layer_is_understood() {
    let desk = Desk::new();
    desk.put("keep/deep/x", "x");
    desk.put("moved/one", "1");
    desk.put("gone.txt", "x");
    let layer = desk.layer();
    let script = "echo more >> README.md; chmod 755 src/main.rs; touch src/lib.rs
        rm -r docs; mkdir docs; echo b > docs/b.md; rm link; ln -s src link
        mkdir -p new/hollow new/full; echo x > new/full/x; rmdir empty
        mv moved there; echo y >> gone.txt; rm -r keep; echo file > keep; : > README.new
        rm README.new";
    if !in_overlay(&layer, &desk.project(), script) {
        return;
    }
    fs::remove_file(desk.project().join("gone.txt")).unwrap();
    let expected = [
        "modified file README.md",
        "deleted file docs/a.md",
        "modified file docs/b.md",
        "deleted directory empty",
        "modified file gone.txt conflict",
        "type file keep",
        "deleted directory keep/deep",
        "deleted file keep/deep/x",
        "modified symlink link",
        "deleted directory moved",
        "deleted file moved/one",
        "added file new/full/x",
        "added directory new/hollow",
        "mode file src/main.rs",
        "added file there/one",
    ];
    assert_eq!(lines(&desk.changes(layer.id())), expected);
    let done = desk.bring(layer.id());
    assert!(done.missed.is_empty(), "{done:?}");
    assert_eq!(done.conflicts.len(), 1);
    assert_eq!(desk.read("keep"), "file\n");
    assert_eq!(desk.read("there/one"), "1");
    assert!(!desk.project().join("moved").exists());
    assert!(desk.changes(layer.id()).is_empty());
    // The view shows what came back, so later work is told from that.
    assert!(in_overlay(
        &layer,
        &desk.project(),
        "echo again >> README.md"
    ));
    assert_eq!(
        lines(&desk.changes(layer.id())),
        ["modified file README.md"]
    );
}
