//! One human line for each action and each undo, and actions as JSON: what
//! `--effects` prints.

use alloc::format;
use alloc::string::String;

use super::action::{Action, ActionKind, ActionList, Content, View, WriteMode};
use super::undo::{EntryKind, PutBack, Undo};
use crate::base::json::{Print, Writer};
use crate::base::path::parent;
use crate::base::text::shell_join;

/// Describes an action in one line, in the present tense.
pub fn describe_action(kind: &ActionKind) -> String {
    match kind {
        ActionKind::MakeDir { path, mode } => format!("make directory {path} (mode {mode:04o})"),
        ActionKind::WriteFile {
            path,
            below,
            how,
            private,
            content,
            ..
        } => {
            let mut notes = match how {
                WriteMode::Overwrite => String::new(),
                WriteMode::Extend | WriteMode::CreateOnly => String::from(how.as_str()),
            };
            if *private {
                notes += if notes.is_empty() {
                    "private"
                } else {
                    ", private"
                };
            }
            if !notes.is_empty() {
                notes = format!(" ({notes})");
            }
            let source = match content {
                Content::Document(_) => String::new(),
                Content::File(source) => format!(" from {source}"),
            };
            format!(
                "write {}{notes} in {below}{source}",
                below_name(path, below)
            )
        }
        ActionKind::Symlink {
            path,
            below,
            target,
        } => {
            format!("link {} to {target} in {below}", below_name(path, below))
        }
        ActionKind::CopyTree { from, to, below } => {
            format!("copy {from} to {} in {below}", below_name(to, below))
        }
        ActionKind::RunCommand { argv, cwd, .. } => format!("run {} in {cwd}", shell_join(argv)),
        ActionKind::Mount {
            from,
            to,
            view,
            ignored,
            readonly,
            include_git,
        } => format!(
            "{} {from} {} {to} ({} ignored, {} read-only patterns, {} .git)",
            if *view == View::Overlay {
                "layer over"
            } else {
                "mirror"
            },
            if *view == View::Overlay { "in" } else { "to" },
            ignored.len(),
            readonly.len(),
            if *include_git { "with" } else { "without" },
        ),
        ActionKind::Transfer { to, .. } => format!("bring changes into {to}"),
        ActionKind::Share { path, run, .. } => format!("share {path} with {run}"),
        ActionKind::Remove { path, below } => {
            format!("remove {} from {below}", below_name(path, below))
        }
    }
}

/// Describes an undo in one line, in the present tense.
pub fn describe_undo(undo: &Undo) -> String {
    match undo {
        Undo::Nothing(_) => String::from("leave things as they are"),
        Undo::PutBack(undo) => describe_put_back(undo),
        Undo::RemoveDirs(undo) => {
            format!("remove {} if empty", undo.dirs.join(", "))
        }
        Undo::RemoveTrees(undo) if undo.paths.is_empty() => {
            String::from("leave things as they are")
        }
        Undo::RemoveTrees(undo) if undo.aside.is_some() => format!(
            "remove {}, and put back what stood there",
            undo.paths.join(", ")
        ),
        Undo::RemoveTrees(undo) => format!("remove {}", undo.paths.join(", ")),
        Undo::RemoveMount(undo) => format!("remove the mirror {}", undo.path),
        Undo::RemoveLayer(undo) => format!("remove the layer {}", undo.path),
        Undo::RestoreTree(undo) => format!("take changes in {} back", undo.below),
        Undo::MoveBack(undo) => format!("move {} back", undo.path),
    }
}

fn describe_put_back(undo: &PutBack) -> String {
    let name = below_name(&undo.path, &undo.below);
    match undo.original.kind {
        EntryKind::Absent => format!("remove {name} from {}", undo.below),
        EntryKind::File => format!("restore {name} in {}", undo.below),
        EntryKind::Symlink => format!("restore the link {name} in {}", undo.below),
    }
}

fn below_name<'p>(path: &'p str, below: &str) -> &'p str {
    let rest = path.strip_prefix(below).unwrap_or(path);
    rest.strip_prefix('/').unwrap_or(rest)
}

impl ActionKind {
    /// Returns the label of the kind, as journals and `--effects` name it.
    pub const fn label(&self) -> &'static str {
        match self {
            ActionKind::MakeDir { .. } => "make-dir",
            ActionKind::WriteFile { .. } => "write-file",
            ActionKind::Symlink { .. } => "symlink",
            ActionKind::CopyTree { .. } => "copy-tree",
            ActionKind::RunCommand { .. } => "run-command",
            ActionKind::Mount { .. } => "mount",
            ActionKind::Transfer { .. } => "transfer",
            ActionKind::Share { .. } => "share",
            ActionKind::Remove { .. } => "remove",
        }
    }

    /// Returns the path that the action is about: what it makes, or where it runs.
    pub fn path(&self) -> &str {
        match self {
            ActionKind::MakeDir { path, .. }
            | ActionKind::WriteFile { path, .. }
            | ActionKind::Symlink { path, .. }
            | ActionKind::Share { path, .. }
            | ActionKind::Remove { path, .. } => path,
            ActionKind::CopyTree { to, .. }
            | ActionKind::Mount { to, .. }
            | ActionKind::Transfer { to, .. } => to,
            ActionKind::RunCommand { cwd, .. } => cwd,
        }
    }

    /// Returns the directory that holds the action's path.
    pub fn parent(&self) -> &str {
        parent(self.path())
    }
}

impl Print for Content {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        match self {
            Content::Document(document) => out.field("document", document),
            Content::File(path) => out.field("file", path),
        }
        out.end_object();
    }
}

impl Print for Action {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        out.field("id", &u64::from(self.id));
        out.field("phase", &self.phase);
        out.field("kind", self.kind.label());
        print_fields(&self.kind, out);
        out.field("line", &describe_action(&self.kind));
        out.end_object();
    }
}

impl Print for ActionList {
    fn print(&self, out: &mut Writer) {
        out.begin_array();
        for action in self.iter() {
            action.print(out);
        }
        out.end_array();
    }
}

fn print_fields(kind: &ActionKind, out: &mut Writer) {
    match kind {
        ActionKind::MakeDir { path, mode } => {
            out.field("path", path);
            out.field("mode", &format!("{mode:04o}"));
        }
        ActionKind::WriteFile {
            path,
            below,
            how,
            content,
            private,
            over,
        } => {
            out.field("path", path);
            out.field("below", below);
            out.field("over", over);
            out.field("how", how);
            out.field("content", content);
            out.field("private", private);
        }
        ActionKind::Symlink {
            path,
            below,
            target,
        } => {
            out.field("path", path);
            out.field("below", below);
            out.field("target", target);
        }
        ActionKind::CopyTree { from, to, below } => {
            out.field("from", from);
            out.field("to", to);
            out.field("below", below);
        }
        ActionKind::RunCommand { argv, cwd, creates } => {
            out.field("argv", argv);
            out.field("cwd", cwd);
            out.field("creates", creates);
        }
        ActionKind::Mount {
            from,
            to,
            view,
            ignored,
            readonly,
            include_git,
        } => {
            out.field("from", from);
            out.field("to", to);
            out.field("view", view);
            out.field("ignored", ignored);
            out.field("readonly", readonly);
            out.field("includeGit", include_git);
        }
        ActionKind::Transfer { list, to } => {
            out.field("list", list);
            out.field("to", to);
        }
        ActionKind::Share { path, run, action } => {
            out.field("path", path);
            out.field("run", run);
            out.field("action", action);
        }
        ActionKind::Remove { path, below } => {
            out.field("path", path);
            out.field("below", below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json;
    use crate::effect::{Document, Original, Phase, Written};

    fn extend() -> ActionKind {
        ActionKind::WriteFile {
            path: "/repo/AGENTS.md".into(),
            below: "/repo".into(),
            over: None,
            how: WriteMode::Extend,
            content: Content::Document(Document::text("hi")),
            private: false,
        }
    }

    #[test]
    fn lines_are_for_people() {
        assert_eq!(
            describe_action(&extend()),
            "write AGENTS.md (extend) in /repo"
        );
        let run = ActionKind::RunCommand {
            argv: ["npx", "-y", "prpm", "install", "a/b", "--as", "it's"]
                .map(String::from)
                .into(),
            cwd: "/x".into(),
            creates: [].into(),
        };
        assert_eq!(
            describe_action(&run),
            "run npx -y prpm install a/b --as 'it'\\''s' in /x"
        );
        let undo = Undo::PutBack(PutBack {
            path: "/repo/a/b".into(),
            below: "/repo".into(),
            dirs: [].into(),
            original: Original::absent(),
            written: Written::file("sha256:0".into()),
            block: None,
        });
        assert_eq!(describe_undo(&undo), "remove a/b from /repo");
    }

    #[test]
    fn actions_print_as_records() {
        let mut list = ActionList::new();
        list.push(Phase::Sidecars, extend());
        assert_eq!(
            json::print(&list),
            r#"[{"id":0,"phase":"sidecars","kind":"write-file","path":"/repo/AGENTS.md","below":"/repo","how":"extend","content":{"document":{"format":"text","value":"hi"}},"private":false,"line":"write AGENTS.md (extend) in /repo"}]"#
        );
    }
}
