//! What a list of actions must satisfy before any of it is performed.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::action::{Action, ActionKind, ActionList, Content, WriteMode};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::path::RelPath;

impl ActionList {
    /// Checks every action: paths are absolute and stay below the directory that
    /// they are meant for, nothing reaches into `.git`, and no two actions claim one
    /// path in ways that exclude each other.
    ///
    /// # Errors
    /// Every problem found, in the order of the list.
    pub fn check(&self) -> Result<(), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut taken = BTreeMap::new();
        for action in self.iter() {
            let mut report = |code, message: String| {
                let message = format!("action {}: {message}", action.id);
                problems.push(Diagnostic::error(code, message));
            };
            check_action(&action.kind, &mut report);
            check_claim(action, &mut taken, &mut report);
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

type Report<'r> = &'r mut dyn FnMut(Code, String);

fn check_action(kind: &ActionKind, report: Report<'_>) {
    match kind {
        ActionKind::MakeDir { path, .. } | ActionKind::Share { path, .. } => absolute(path, report),
        ActionKind::WriteFile {
            path,
            below,
            over,
            content,
            ..
        } => {
            beneath(path, below, report);
            if let Some(over) = over {
                absolute(over, report);
            }
            if let Content::File(source) = content {
                absolute(source, report);
            }
        }
        ActionKind::Symlink {
            path,
            below,
            target,
        } => {
            beneath(path, below, report);
            if target.is_empty() || target.contains('\0') {
                report(
                    Code::EFFECT_PATH_ESCAPES,
                    format!("the target of `{path}` must be a path"),
                );
            }
        }
        ActionKind::CopyTree { from, to, below } => {
            absolute(from, report);
            beneath(to, below, report);
        }
        ActionKind::RunCommand { argv, cwd, creates } => {
            check_command(argv, report);
            absolute(cwd, report);
            for path in creates {
                relative(path, cwd, report);
            }
        }
        ActionKind::Mount { from, to, .. } => {
            absolute(from, report);
            absolute(to, report);
            if inside(from, to) {
                report(
                    Code::EFFECT_PATH_ESCAPES,
                    format!("`{to}` must not hold the project that it mirrors"),
                );
            }
        }
        ActionKind::Transfer { list, to } => {
            absolute(list, report);
            absolute(to, report);
        }
        ActionKind::Remove { path, below } => beneath(path, below, report),
    }
}

fn check_command(argv: &[String], report: Report<'_>) {
    if argv.first().is_none_or(String::is_empty) {
        report(Code::RECORD_INVALID, "a command needs a program".into());
    }
    if argv.iter().any(|word| word.contains('\0')) {
        report(
            Code::RECORD_INVALID,
            "a command must not hold NUL characters".into(),
        );
    }
}

/// Refuses what is not one spelling of an absolute path.
fn absolute(path: &str, report: Report<'_>) {
    let plain = path == "/"
        || path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(is_plain_segment));
    if !plain || path.contains('\0') {
        report(
            Code::EFFECT_PATH_ESCAPES,
            format!("`{path}` must be an absolute path without `.` and `..`"),
        );
    }
}

fn is_plain_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
}

fn beneath(path: &str, below: &str, report: Report<'_>) {
    absolute(below, report);
    let root = below.strip_suffix('/').unwrap_or(below);
    let rest = path
        .strip_prefix(root)
        .and_then(|rest| rest.strip_prefix('/'));
    if let Some(rest) = rest {
        relative(rest, below, report);
    } else {
        report(
            Code::EFFECT_PATH_ESCAPES,
            format!("`{path}` must lie below `{below}`"),
        );
    }
}

fn relative(path: &str, below: &str, report: Report<'_>) {
    if let Err(problem) = RelPath::new(path) {
        report(
            Code::EFFECT_PATH_ESCAPES,
            format!("`{path}` below `{below}` {problem}"),
        );
    }
}

fn inside(path: &str, root: &str) -> bool {
    let root = root.strip_suffix('/').unwrap_or(root);
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How an action holds its path.
#[derive(Clone, Copy, PartialEq)]
enum Claim {
    /// Later writes may stack on it; undone in reverse, each finds its own.
    File,
    /// Other paths may lie in it.
    Dir,
    /// Nothing else may use it.
    Alone,
}

fn claim(kind: &ActionKind) -> Option<(&str, Claim)> {
    match kind {
        ActionKind::WriteFile { path, .. } => Some((path, Claim::File)),
        ActionKind::Symlink { path, .. } => Some((path, Claim::Alone)),
        ActionKind::MakeDir { path, .. } => Some((path, Claim::Dir)),
        ActionKind::CopyTree { to, .. } | ActionKind::Mount { to, .. } => Some((to, Claim::Dir)),
        ActionKind::RunCommand { .. }
        | ActionKind::Transfer { .. }
        | ActionKind::Share { .. }
        | ActionKind::Remove { .. } => None,
    }
}

fn check_claim<'a>(action: &'a Action, taken: &mut BTreeMap<&'a str, Claim>, report: Report<'_>) {
    if let ActionKind::Remove { path, .. } = &action.kind {
        taken.remove(&**path);
    }
    let Some((path, claim)) = claim(&action.kind) else {
        return;
    };
    let mut above = path;
    while let Some((parent, _)) = above.rsplit_once('/') {
        if taken.get(parent).is_some_and(|held| *held != Claim::Dir) {
            report(
                Code::EFFECT_PATH_TAKEN,
                format!("`{path}` lies in `{parent}`, which an earlier action makes a file"),
            );
        }
        above = parent;
    }
    let fresh = matches!(
        action.kind,
        ActionKind::WriteFile {
            how: WriteMode::CreateOnly,
            ..
        } | ActionKind::CopyTree { .. }
            | ActionKind::Mount { .. }
    );
    if let Some(held) = taken.insert(path, claim)
        && (held != claim || claim == Claim::Alone || fresh)
    {
        report(
            Code::EFFECT_PATH_TAKEN,
            format!("`{path}` is made by an earlier action already"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{Document, Phase, View};

    fn write(path: &str, how: WriteMode) -> ActionKind {
        ActionKind::WriteFile {
            path: path.into(),
            below: "/repo".into(),
            over: None,
            how,
            content: Content::Document(Document::text("x")),
            private: false,
        }
    }

    fn problems(kinds: impl IntoIterator<Item = ActionKind>) -> Vec<(Code, String)> {
        let mut list = ActionList::new();
        for kind in kinds {
            list.push(Phase::Sidecars, kind);
        }
        let problems = list.check().err().unwrap_or_default();
        let pairs = problems.into_iter();
        pairs
            .map(|problem| (problem.code, problem.message.clone()))
            .collect()
    }

    #[test]
    fn paths_stay_where_they_are_meant() {
        for path in [
            "",
            "AGENTS.md",
            "/repo",
            "/repo/",
            "/repository/x",
            "/repo/../x",
            "/repo/a//b",
            "/repo/./a",
            "/repo/.git/hooks/pre-commit",
            "/repo/a/.GIT",
            "/repo/a\0b",
            "/repo/a\\b",
        ] {
            let found = problems([write(path, WriteMode::Overwrite)]);
            assert_eq!(found.len(), 1, "{path:?}: {found:?}");
            assert_eq!(found[0].0, Code::EFFECT_PATH_ESCAPES);
        }
        assert!(problems([write("/repo/a/..b", WriteMode::Overwrite)]).is_empty());
    }

    #[test]
    fn commands_have_a_program_and_confined_products() {
        let command = |argv: &[&str], creates: &str| ActionKind::RunCommand {
            argv: argv.iter().map(|word| String::from(*word)).collect(),
            cwd: "/repo".into(),
            creates: [String::from(creates)].into(),
        };
        assert!(problems([command(&["true"], ".skills/a")]).is_empty());
        assert_eq!(problems([command(&[], "a")]).len(), 1);
        assert_eq!(problems([command(&["a\0"], "a")]).len(), 1);
        assert_eq!(problems([command(&["true"], "../a")]).len(), 1);
        assert_eq!(problems([command(&["true"], ".")]).len(), 1);
    }

    #[test]
    fn writes_may_stack_and_nothing_else_may() {
        let over = || write("/repo/AGENTS.md", WriteMode::Overwrite);
        let link = || ActionKind::Symlink {
            path: "/repo/AGENTS.md".into(),
            below: "/repo".into(),
            target: "x".into(),
        };
        let remove = ActionKind::Remove {
            path: "/repo/AGENTS.md".into(),
            below: "/repo".into(),
        };
        assert!(problems([over(), write("/repo/AGENTS.md", WriteMode::Extend)]).is_empty());
        assert!(problems([over(), over()]).is_empty());
        assert!(problems([link(), remove, over()]).is_empty());
        for pair in [
            [over(), write("/repo/AGENTS.md", WriteMode::CreateOnly)],
            [over(), link()],
            [link(), over()],
            [over(), write("/repo/AGENTS.md/x", WriteMode::Overwrite)],
        ] {
            let found = problems(pair);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Code::EFFECT_PATH_TAKEN);
        }
    }

    #[test]
    fn a_mirror_does_not_hold_its_project() {
        let mount = |to: &str| ActionKind::Mount {
            from: "/repo/sub".into(),
            to: to.into(),
            view: View::Copy,
            ignored: Vec::new(),
            readonly: Vec::new(),
            include_git: false,
        };
        assert_eq!(problems([mount("/repo")]).len(), 1);
        assert_eq!(problems([mount("/repo/sub")]).len(), 1);
        assert!(problems([mount("/repo/sub/mirror")]).is_empty());
    }
}
