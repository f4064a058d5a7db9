//! Actions: the unit of doing and of undoing.

use alloc::string::String;
use alloc::vec::Vec;

use super::document::Document;
use super::phase::Phase;
use crate::base::record::words;

words! {
    /// What writing a file does to one that exists.
    pub enum WriteMode {
        /// Its content is replaced until the run is undone.
        Overwrite = "overwrite",
        /// The text is added behind it, after a delimiter.
        Extend = "extend",
        /// An existing file is an error.
        CreateOnly = "create-only",
    }
}

/// One thing to do, numbered within its list.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The place in the list, from 0; journals refer to it.
    pub id: u32,
    /// The phase it belongs to.
    pub phase: Phase,
    /// What to do.
    pub kind: ActionKind,
}

/// What an action does. All paths are absolute.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionKind {
    /// Creates a directory and its parents, with the mode bits given.
    MakeDir {
        /// The directory.
        path: String,
        /// Its permission bits, such as `0o700`.
        mode: u32,
    },
    /// Writes a file.
    WriteFile {
        /// The file.
        path: String,
        /// The directory that the path must not leave, not even by links.
        below: String,
        /// What happens to an existing file.
        how: WriteMode,
        /// What to write.
        content: Content,
        /// Whether only the owner may read it.
        private: bool,
    },
    /// Creates a symbolic link.
    Symlink {
        /// The link.
        path: String,
        /// The directory that the path must not leave.
        below: String,
        /// What it points to.
        target: String,
    },
    /// Copies a directory that must exist to a place that must not.
    CopyTree {
        /// The directory to copy.
        from: String,
        /// The place to create.
        to: String,
        /// The directory that `to` must not leave.
        below: String,
    },
    /// Runs a program to its end; failure fails the action.
    RunCommand {
        /// Program and arguments; never a shell line unless the plan says so.
        argv: Vec<String>,
        /// Its working directory.
        cwd: String,
        /// What it is expected to create below `cwd`. What stands there is moved away
        /// first; undo removes what the program created and moves it back.
        creates: Vec<String>,
    },
    /// Mirrors a project directory.
    Mount {
        /// The project.
        from: String,
        /// The place to create.
        to: String,
        /// What is left out, in gitignore syntax.
        ignored: Vec<String>,
        /// What is made read-only, in gitignore syntax.
        readonly: Vec<String>,
        /// Whether `.git` is mirrored too.
        include_git: bool,
    },
    /// Removes a file or directory; undo puts it back.
    Remove {
        /// What to remove.
        path: String,
        /// The directory that the path must not leave.
        below: String,
    },
}

/// What a file gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A document; its references are resolved when the file is written and the
    /// values reach nothing but the file.
    Document(Document<'static>),
    /// The bytes of another file.
    File(String),
}

/// An ordered list of actions, each with its number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ActionList {
    actions: Vec<Action>,
}

impl ActionList {
    /// Creates a list without actions.
    pub const fn new() -> Self {
        Self {
            actions: Vec::new(),
        }
    }

    /// Appends an action; its number is its place.
    pub fn push(&mut self, phase: Phase, kind: ActionKind) {
        let id = u32::try_from(self.actions.len()).unwrap_or(u32::MAX);
        self.actions.push(Action { id, phase, kind });
    }

    /// Walks the actions in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Action> {
        self.actions.iter()
    }

    /// Returns the number of actions.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}
