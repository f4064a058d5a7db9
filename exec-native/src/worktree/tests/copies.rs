//! Trees that are copied from another one of the same commit: they are what git would have
//! written itself.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::thread;

use super::*;

/// Everything about a tree's files that git cares for, with what git thinks of them.
fn look(at: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut names = Vec::new();
    walk(at, &mut names);
    let mut found = BTreeMap::new();
    for name in names {
        let path = Path::new(&name);
        let meta = fs::symlink_metadata(path).unwrap();
        let bytes = if meta.is_symlink() {
            fs::read_link(path)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes()
        } else if meta.is_dir() {
            Vec::new()
        } else {
            fs::read(path).unwrap()
        };
        let name = path.strip_prefix(at).unwrap().to_str().unwrap().to_owned();
        if name != ".git" {
            found.insert(name, (meta.mode(), bytes));
        }
    }
    for args in [
        &["status", "--porcelain", "--ignored"][..],
        &["ls-files", "-s", "-t"],
        &["diff", "HEAD", "--stat"],
        &["write-tree"],
        &["fsck", "--no-dangling", "--no-progress"],
    ] {
        let told = git(at, args).into_bytes();
        found.insert(format!("git {}", args.join(" ")), (0, told));
    }
    found
}

/// The names of templates and their locks.
fn templates(desk: &Desk) -> Vec<String> {
    let mut found = Vec::new();
    for repo in fs::read_dir(desk.root.join("state/worktrees")).unwrap() {
        for entry in fs::read_dir(repo.unwrap().path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with(".base-") {
                found.push(name);
            }
        }
    }
    found
}

/// Makes trees of a repository; all but the first, which is returned, were copied.
fn some(desk: &Desk) -> (Trees, Tree, Vec<Tree>) {
    let trees = desk.trees();
    let first = make(&trees, "first");
    assert!(templates(desk).is_empty());
    let others = ["second", "third"].map(|call| make(&trees, call));
    assert_eq!(templates(desk).len(), 2, "a directory and its lock");
    (trees, first, others.into())
}

fn time_of(tree: &Tree) -> std::time::SystemTime {
    let meta = fs::metadata(tree.path().join("README.md"));
    meta.unwrap().modified().unwrap()
}

/// Asserts that each tree is as git alone makes it, and that work in it is seen.
fn are_alike(desk: &Desk) {
    let own = desk.root.join("own");
    git(
        &desk.repo(),
        &[
            "worktree",
            "add",
            "-q",
            "--detach",
            own.to_str().unwrap(),
            "HEAD",
        ],
    );
    let wanted = look(&own);
    let (_trees, first, others) = some(desk);
    assert_eq!(look(first.path()), wanted);
    // By that they were copied and not written by git.
    let times: Vec<_> = others.iter().map(time_of).collect();
    assert_eq!(times[0], times[1]);
    for tree in others {
        assert_eq!(look(tree.path()), wanted);
        assert!(!tree.is_dirty().unwrap());
        // Of the same length.
        fs::write(tree.path().join("README.md"), "eno\n").unwrap();
        let status = git(tree.path(), &["status", "--porcelain", "README.md"]);
        assert_eq!(status, " M README.md");
        tree.remove(End::Discard).unwrap();
    }
}

#[test]
fn a_copied_tree_is_what_git_writes() {
    let desk = Desk::new();
    let repo = desk.repo();
    put(&repo, "run.sh", "#!/bin/sh\n");
    fs::set_permissions(repo.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, target) in [
        ("link", "src/lib.rs"),
        ("dangling", "/no/where"),
        ("src/up", ".."),
    ] {
        std::os::unix::fs::symlink(target, repo.join(name)).unwrap();
    }
    put(&repo, "deep/er/and/deeper", "x");
    put(&repo, "a name\twith \"all\"\nof it, ä", "x");
    put(&repo, "empty", "");
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-qm", "second"]);
    are_alike(&desk);
}

#[test]
fn attributes_and_filters_count_in_a_copied_tree() {
    let desk = Desk::new();
    let repo = desk.repo();
    git(&repo, &["config", "filter.up.smudge", "tr a-z A-Z"]);
    git(&repo, &["config", "filter.up.clean", "tr A-Z a-z"]);
    git(&repo, &["config", "filter.up.required", "true"]);
    let rules =
        "*.crlf text eol=crlf\n*.up filter=up\n*.id ident\n*.w working-tree-encoding=UTF-16LE\n";
    put(&repo, ".gitattributes", rules);
    put(&repo, "a.crlf", "one\ntwo\n");
    put(&repo, "b.up", "low\n");
    put(&repo, "c.id", "$Id$\n");
    fs::write(repo.join("d.w"), [b'x', 0, b'\n', 0]).unwrap();
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-qm", "second"]);
    are_alike(&desk);
    let trees = desk.trees();
    let (_first, second) = (make(&trees, "4"), make(&trees, "5"));
    let read = |name: &str| fs::read(second.path().join(name)).unwrap();
    assert_eq!(read("a.crlf"), b"one\r\ntwo\r\n");
    assert_eq!(read("b.up"), b"LOW\n");
    assert!(read("c.id").starts_with(b"$Id: "));
    assert_eq!(read("d.w"), [b'x', 0, b'\n', 0]);
    // Settings that change meanwhile count from the next tree on.
    git(&repo, &["config", "filter.up.smudge", "tr a-z B-ZA"]);
    let third = make(&trees, "6");
    let read = |name: &str| fs::read(third.path().join(name)).unwrap();
    assert_eq!(read("b.up"), b"MPX\n");
    put(&repo, ".git/info/attributes", "*.up -filter\n");
    let fourth = make(&trees, "7");
    assert_eq!(fs::read(fourth.path().join("b.up")).unwrap(), b"low\n");
}

#[test]
fn submodules_are_empty_in_a_copied_tree_too() {
    let desk = Desk::new();
    let other = desk.root.join("other");
    git(&desk.root, &["clone", "-q", "repo", "other"]);
    git(
        &desk.repo(),
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            other.to_str().unwrap(),
            "module",
        ],
    );
    git(&desk.repo(), &["commit", "-qm", "second"]);
    are_alike(&desk);
}

#[test]
fn an_index_of_another_kind_is_git_s_own_affair() {
    for settings in [
        &[("index.version", "4")][..],
        &[("feature.manyFiles", "true")],
        &[("core.splitIndex", "true")],
        &[("index.skipHash", "true"), ("index.threads", "2")],
        &[("core.fileMode", "false"), ("core.symlinks", "false")],
    ] {
        let desk = Desk::new();
        std::os::unix::fs::symlink("README.md", desk.repo().join("link")).unwrap();
        git(&desk.repo(), &["add", "-A"]);
        git(&desk.repo(), &["commit", "-qm", "second"]);
        for (name, value) in settings {
            git(&desk.repo(), &["config", name, value]);
        }
        are_alike(&desk);
    }
}

#[test]
fn a_sparse_checkout_is_sparse_in_copied_trees() {
    let desk = Desk::new();
    put(&desk.repo(), "other/file", "x");
    git(&desk.repo(), &["add", "-A"]);
    git(&desk.repo(), &["commit", "-qm", "second"]);
    git(&desk.repo(), &["sparse-checkout", "set", "--cone", "src"]);
    let own = look(&desk.repo());
    let (_trees, first, others) = some(&desk);
    for tree in others {
        assert_eq!(look(tree.path()), look(first.path()));
    }
    assert!(own.contains_key("src/lib.rs") && !own.contains_key("other/file"));
}

#[test]
fn repositories_with_longer_ids_are_copied_too() {
    let desk = Desk::new();
    fs::remove_dir_all(desk.repo()).unwrap();
    fs::create_dir(desk.repo()).unwrap();
    git(&desk.repo(), &["init", "-q", "--object-format=sha256"]);
    put(&desk.repo(), "README.md", "one\n");
    git(&desk.repo(), &["add", "-A"]);
    git(&desk.repo(), &["commit", "-qm", "first"]);
    are_alike(&desk);
}

#[test]
fn a_template_goes_with_its_process_and_with_its_commit() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let (trees, first, others) = some(&desk);
    let old = templates(&desk);
    // Work in one tree is in no other.
    put(first.path(), "README.md", "changed");
    put(others[0].path(), "README.md", "changed");
    let next = make(&trees, "next");
    assert_eq!(
        fs::read_to_string(next.path().join("README.md")).unwrap(),
        "one\n"
    );
    // Another commit takes its place when two trees begin with it.
    put(&desk.repo(), "new", "x");
    git(&desk.repo(), &["add", "-A"]);
    git(&desk.repo(), &["commit", "-qm", "second"]);
    let more = ["4", "5"].map(|call| make(&trees, call));
    assert!(more.iter().all(|tree| tree.path().join("new").exists()));
    let new = templates(&desk);
    assert!(new.len() == 2 && new != old, "{new:?}");
    git(&desk.repo(), &["reset", "-q", "--hard", "HEAD^"]);
    for tree in [first, next].into_iter().chain(others).chain(more) {
        tree.remove(End::Discard).unwrap();
    }
    drop(trees);
    assert_eq!(templates(&desk), [""; 0]);
    assert_eq!(desk.left(), [""; 0]);
    for line in git(
        &desk.repo(),
        &["for-each-ref", "--format=%(refname)", "refs/callsheet"],
    )
    .lines()
    {
        git(&desk.repo(), &["update-ref", "-d", line]);
    }
    assert_eq!(desk.snapshot(), before);
}

#[test]
fn a_template_of_the_dead_is_removed_and_that_of_the_living_stays() {
    let desk = Desk::new();
    let (trees, _first, _others) = some(&desk);
    let living = templates(&desk);
    let dead = desk.root.join("state/worktrees").join(trees.repo().id());
    put(&dead, ".base-00/files/x", "x");
    put(&dead, ".base-00.lock", "");
    assert_eq!(trees.gc().unwrap().len(), 3, "three trees in use");
    assert_eq!(templates(&desk), living);
}

#[test]
fn a_template_that_was_changed_is_no_template() {
    let desk = Desk::new();
    let (trees, _first, _others) = some(&desk);
    let root = desk.root.join("state/worktrees").join(trees.repo().id());
    let name = templates(&desk);
    let name = name.iter().find(|name| !name.contains("lock")).unwrap();
    let files = root.join(name).join("files");
    for change in [
        &|| fs::write(files.join("README.md"), "longer than it was").unwrap(),
        &|| fs::write(files.join("README.md"), "two\n").unwrap(),
        &|| fs::remove_file(files.join("README.md")).unwrap(),
        &|| fs::remove_dir_all(&files).unwrap(),
    ] as [&dyn Fn(); 4]
    {
        change();
        let tree = make(&trees, "4");
        assert_eq!(git(tree.path(), &["status", "--porcelain"]), "");
        assert_eq!(
            fs::read_to_string(tree.path().join("README.md")).unwrap(),
            "one\n"
        );
        tree.remove(End::Discard).unwrap();
    }
}

#[test]
fn many_trees_at_once_are_all_whole() {
    let desk = Desk::new();
    for number in 0..300 {
        put(&desk.repo(), &format!("{}/{number}", number % 17), "text\n");
    }
    git(&desk.repo(), &["add", "-A"]);
    git(&desk.repo(), &["commit", "-qm", "second"]);
    let trees = desk.trees();
    thread::scope(|scope| {
        for number in 0..12 {
            let trees = &trees;
            scope.spawn(move || {
                let tree = make(trees, &number.to_string());
                assert_eq!(git(tree.path(), &["status", "--porcelain"]), "");
                assert_eq!(git(tree.path(), &["ls-files"]).lines().count(), 303);
                assert!(tree.path().join("16/16").exists());
                tree.remove(End::Remove).unwrap();
            });
        }
    });
}
