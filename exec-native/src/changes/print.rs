//! Changes and what became of them, as programs read them.

use std::path::Path;

use plan_core::base::json::{Print, Writer};

use super::bring::BroughtBack;
use super::set::{Change, ChangeSet};
use crate::apply::ops::word;
use crate::state::RunId;

/// Prints a path as text; one that is no text also with its bytes, as in a URL.
fn print_path(out: &mut Writer, path: &Path) {
    out.field("path", &*path.to_string_lossy());
    if path.to_str().is_none() {
        out.field("rawPath", &word(path.as_os_str()));
    }
}

impl Print for ChangeSet {
    fn print(&self, out: &mut Writer) {
        let set = self;
        out.begin_object();
        out.field("run", &set.run);
        out.field("project", &*set.project.to_string_lossy());
        out.field("view", &*set.view.to_string_lossy());
        out.key("changes");
        out.begin_array();
        for change in &set.entries {
            print_change(out, change);
        }
        out.end_array();
        out.key("commits");
        out.begin_array();
        for commit in &set.commits {
            out.begin_object();
            out.field("name", &commit.name);
            out.field("id", &commit.id);
            out.field("reference", &commit.reference(&set.run));
            out.end_object();
        }
        out.end_array();
        out.end_object();
    }
}

fn print_change(out: &mut Writer, change: &Change) {
    out.begin_object();
    print_path(out, &change.path);
    out.field("kind", change.kind.as_str());
    out.field("what", change.what);
    out.field("size", &change.size);
    out.field("projectSize", &change.project_size);
    out.field("conflict", &change.conflict);
    out.field(
        "blocked",
        &change.blocked.map(|why| why.as_str().to_owned()),
    );
    out.end_object();
}

impl BroughtBack {
    /// Prints what became of the changes of a run.
    pub fn print(&self, out: &mut Writer, id: &RunId, dry_run: bool) {
        let done = self;
        out.begin_object();
        out.field("run", id.as_str());
        out.field("dryRun", &dry_run);
        out.field("appliedBy", &done.run.as_ref().map(ToString::to_string));
        out.key("applied");
        out.begin_array();
        for (path, kind) in &done.applied {
            out.begin_object();
            print_path(out, path);
            out.field("kind", kind.as_str());
            out.end_object();
        }
        out.end_array();
        out.key("conflicts");
        out.begin_array();
        for conflict in &done.conflicts {
            out.begin_object();
            print_path(out, &conflict.path);
            let beside = conflict.beside.as_ref();
            out.field(
                "beside",
                &beside.map(|path| path.to_string_lossy().into_owned()),
            );
            out.end_object();
        }
        out.end_array();
        out.key("left");
        out.begin_array();
        for (path, why) in &done.left {
            out.begin_object();
            print_path(out, path);
            out.field("reason", why.as_str());
            out.end_object();
        }
        out.end_array();
        out.key("missed");
        out.begin_array();
        for path in &done.missed {
            out.begin_object();
            print_path(out, path);
            out.end_object();
        }
        out.end_array();
        let references: Vec<String> = done
            .commits
            .iter()
            .map(|commit| commit.reference(id.as_str()))
            .collect();
        out.field("commits", &references);
        out.field("viewRemoved", &done.view_removed);
        out.end_object();
    }
}
