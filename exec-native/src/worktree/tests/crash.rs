//! Killed at every step: afterwards everything is as if nothing had happened, or is whole.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;

use super::super::faults::arm;
use super::*;

pub(super) const CHILD: &str = "CALLSHEET_TEST_WORKTREE";

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let mut words = order.splitn(3, ' ');
    let mut next = || words.next().unwrap().to_owned();
    let (what, number, root): (_, u32, _) = (next(), next().parse().unwrap(), next());
    let desk = Desk::at(Path::new(&root));
    match &*what {
        "some" => storm::make_some(&desk, number),
        "env" => {
            make(&desk.trees(), "call").remove(End::Remove).unwrap();
        }
        what => act(&desk, what, number),
    }
}

fn act(desk: &Desk, what: &str, number: u32) {
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    let isolation = if what.ends_with("clone") {
        Isolation::Clone
    } else {
        Isolation::Worktree
    };
    let spec = Spec {
        isolation,
        ..spec("call", &base)
    };
    match what {
        "create" | "create-clone" => {
            arm(number);
            trees.create(&spec, &mut announced).unwrap();
        }
        "copy" => {
            // The second of a commit is copied.
            drop(make(&trees, "first"));
            arm(number);
            trees.create(&spec, &mut announced).unwrap();
        }
        "remove" | "remove-clone" => {
            let tree = trees.create(&spec, &mut announced).unwrap();
            put(tree.path(), "work", "precious");
            arm(number);
            tree.remove(End::Remove).unwrap();
        }
        "merge" => {
            let from = trees.repo().resolve("work").unwrap();
            let order = MergeSpec {
                call: "m",
                target: "integration",
                from: &from,
                message: "Merge",
                trailers: &[],
                wait: std::time::Duration::ZERO,
            };
            arm(number);
            trees
                .merge(&order, &mut announced, &mut |_| Ok(None))
                .unwrap();
        }
        "gc" => {
            arm(number);
            trees.reconcile(&mut |_| Fate::Unfinished).unwrap();
        }
        other => panic!("{other}"),
    }
}

fn run_child(desk: &Desk, what: &str, number: u32, path: Option<&Path>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "worktree::tests::crash::child"]);
    command.env(CHILD, format!("{what} {number} {}", desk.root.display()));
    if let Some(path) = path {
        let rest = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{rest}", path.display()));
    }
    command.output().unwrap()
}

/// Takes over from a dead process, killed once itself, and looks whether all is well.
fn recover(desk: &Desk, before: &BTreeMap<String, String>, at: &str, number: u32) {
    run_child(desk, "gc", number % 7, None);
    let trees = desk.trees();
    trees.reconcile(&mut |_| Fate::Unfinished).unwrap();
    let again = trees.reconcile(&mut |_| Fate::Unfinished).unwrap();
    assert_eq!(again, [], "{at}");
    let mut after = desk.snapshot();
    let refs = after.get_mut("refs").unwrap();
    let lines: Vec<_> = refs
        .lines()
        .filter(|line| !line.contains("/salvage/"))
        .collect();
    *refs = lines.join("\n");
    assert_eq!(after, *before, "{at}");
    assert_eq!(desk.left(), [""; 0], "{at}");
    // The next attempt finds its place.
    make(&trees, "next").remove(End::Remove).unwrap();
}

/// Kills a process at one step after another until it comes through.
fn sweep(what: &str, least: u32, look: &dyn Fn(&Desk, &str)) {
    let desk = Desk::new();
    let before = desk.snapshot();
    for number in 0.. {
        let at = format!("{what} {number}");
        let ended = run_child(&desk, what, number, None);
        let told = String::from_utf8_lossy(&ended.stdout);
        let killed = ended.status.signal() == Some(9);
        assert!(killed || ended.status.success(), "{at}: {told}");
        recover(&desk, &before, &at, number);
        look(&desk, &at);
        if !killed {
            assert!(number >= least, "only {number} steps");
            return;
        }
    }
}

#[test]
fn killed_while_a_tree_is_made() {
    sweep("create", 7, &|desk, at| {
        let saved = git(&desk.repo(), &["for-each-ref", "refs/callsheet"]);
        assert_eq!(saved, "", "{at}");
    });
}

#[test]
fn killed_while_a_tree_is_copied() {
    sweep("copy", 12, &|_, _| {});
}

#[test]
fn killed_while_a_clone_is_made() {
    sweep("create-clone", 6, &|_, _| {});
}

fn work_is_saved(desk: &Desk, at: &str) {
    let saved = Name::new("run-1", "call", 1).salvage();
    let shown = git(&desk.repo(), &["show", &format!("{saved}:work")]);
    assert_eq!(shown, "precious", "{at}");
    git(&desk.repo(), &["update-ref", "-d", &saved]);
}

#[test]
fn killed_while_a_tree_is_removed() {
    sweep("remove", 9, &work_is_saved);
}

#[test]
fn killed_while_a_clone_is_removed() {
    sweep("remove-clone", 9, &work_is_saved);
}

#[test]
fn killed_while_work_is_merged() {
    let desk = Desk::new();
    git(&desk.repo(), &["branch", "integration"]);
    let trees = desk.trees();
    let tree = make(&trees, "work");
    put(tree.path(), "work", "x");
    let work = tree.commit_all("work", &[]).unwrap().unwrap();
    git(&desk.repo(), &["branch", "work", work.as_str()]);
    tree.remove(End::Remove).unwrap();
    let base = git(&desk.repo(), &["rev-parse", "integration"]);
    let before = desk.snapshot();
    for number in 0.. {
        let at = format!("merge {number}");
        let ended = run_child(&desk, "merge", number, None);
        let killed = ended.status.signal() == Some(9);
        let told = String::from_utf8_lossy(&ended.stdout);
        assert!(killed || ended.status.success(), "{at}: {told}");
        // The branch has all of the merge or nothing.
        if git(&desk.repo(), &["rev-parse", "integration"]) != base {
            assert_eq!(git(&desk.repo(), &["show", "integration:work"]), "x");
            git(
                &desk.repo(),
                &["update-ref", "refs/heads/integration", &base],
            );
        }
        recover(&desk, &before, &at, number);
        if !killed {
            assert!(number >= 9, "only {number} steps");
            return;
        }
    }
}

/// Puts a git into a directory that dies at a system call, and kills who called it.
fn deadly_git(dir: &Path, command: &str, nth: u32) {
    let real = Command::new("sh")
        .args(["-c", "command -v git"])
        .output()
        .unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let set = "?mkdir,?mkdirat,?rename,?renameat,?renameat2,?unlink,?unlinkat,?rmdir,write,?link";
    let text = format!(
        "#!/bin/sh\nfor word; do\n  if [ \"$word\" = {command} ]; then\n    \
         strace -qq -o /dev/null -e trace={set} -e inject={set}:signal=SIGKILL:when={nth} {real} \"$@\"\n    \
         code=$?\n    [ $code -lt 128 ] && exit $code\n    kill -9 $PPID\n    exit 1\n  fi\ndone\nexec {real} \"$@\"\n",
        real = real.trim()
    );
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("git"), text).unwrap();
    fs::set_permissions(dir.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Kills git and its caller at one system call after another.
fn sweep_git(what: &str, commands: &[&str]) {
    let traced = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .output();
    if !traced.is_ok_and(|output| output.status.success()) {
        println!("skipped: strace is not installed or may not trace here");
        return;
    }
    for command in commands {
        let desk = Desk::new();
        let before = desk.snapshot();
        let tools = desk.root.join("tools");
        let mut deaths = 0;
        for nth in 1.. {
            let at = format!("{what} {command} {nth}");
            deadly_git(&tools, command, nth);
            let ended = run_child(&desk, what, 1000, Some(&tools));
            let killed = ended.status.signal() == Some(9);
            let told = String::from_utf8_lossy(&ended.stdout);
            assert!(killed || ended.status.success(), "{at}: {told}");
            // One that comes through leaves its tree, or what it saved.
            recover(&desk, &before, &at, nth);
            deaths += u32::from(killed);
            if !killed {
                break;
            }
        }
        assert!(deaths >= 2, "{what} {command}: {deaths} deaths");
    }
}

#[test]
fn killed_together_with_git_while_a_tree_is_made() {
    sweep_git("create", &["worktree", "update-ref", "read-tree"]);
}

#[test]
fn killed_together_with_git_while_a_tree_is_copied() {
    sweep_git("copy", &["read-tree", "update-index"]);
}

#[test]
fn killed_together_with_git_while_a_tree_is_removed() {
    sweep_git("remove", &["worktree", "update-ref"]);
}

#[test]
fn trees_of_others_are_reported_or_left() {
    let desk = Desk::new();
    let trees = desk.trees();
    let other = make(&desk.trees_of("other run"), "call");
    let known = make(&trees, "known");
    drop(make(&trees, "unknown"));
    git(&desk.repo(), &["branch", "callsheet/stranger/x"]);
    let found = trees.reconcile(&mut |record| match &*record.call {
        "known" => Fate::Live,
        _ => Fate::Unknown,
    });
    let found = found.unwrap();
    let in_use = |record: &Record| Finding::InUse(record.clone());
    assert!(found.contains(&in_use(other.record())), "{found:?}");
    assert!(found.contains(&in_use(known.record())), "{found:?}");
    let mut unknown: Vec<_> = found
        .iter()
        .filter_map(|finding| match finding {
            Finding::Unknown { what } => Some(what.rsplit('/').next().unwrap().to_owned()),
            _ => None,
        })
        .collect();
    unknown.sort();
    let mut expected = vec![Name::new("run-1", "unknown", 1).file(), "x".to_owned()];
    expected.sort();
    assert_eq!(unknown, expected);
    assert!(trees.open("unknown", 1).unwrap().is_some());
}

#[test]
fn a_git_that_outlives_its_parent_keeps_others_away() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let tools = desk.root.join("tools");
    let real = Command::new("sh")
        .args(["-c", "command -v git"])
        .output()
        .unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    // The parent dies at once; git registers the tree a second later.
    let text = format!(
        "#!/bin/sh\nfor word; do\n  if [ \"$word\" = worktree ]; then\n    kill -9 $PPID\n    sleep 1\n  fi\ndone\nexec {} \"$@\"\n",
        real.trim()
    );
    fs::create_dir_all(&tools).unwrap();
    fs::write(tools.join("git"), text).unwrap();
    fs::set_permissions(tools.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let trees = desk.trees();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut child = command
        .args(["--exact", "worktree::tests::crash::child"])
        .env(CHILD, format!("create 1000 {}", desk.root.display()))
        .env("PATH", path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let found = trees.reconcile(&mut |_| Fate::Unfinished).unwrap();
    assert!(matches!(&*found, [Finding::Unmade(_)]), "{found:?}");
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}
