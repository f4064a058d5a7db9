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

/// The directory of a layer that holds what was written to it.
pub const UPPER: &str = "upper";

words! {
    /// How a run sees the project that it is about.
    pub enum View {
        /// A private layer over the project, at the project's own path. The kernel keeps
        /// hidden paths hidden and read-only paths unwritten.
        Overlay = "overlay",
        /// A copy of the project elsewhere.
        Copy = "copy",
        /// The project itself.
        InPlace = "inplace",
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
        /// The directory that shows through `below` where nothing was written there: a
        /// layer's project. Text to extend and the modes of parents come from it.
        over: Option<String>,
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
    /// Makes a view of a project.
    Mount {
        /// The project.
        from: String,
        /// The place to create: the copy, or the directory of the layer.
        to: String,
        /// Which view.
        view: View,
        /// What is left out, in gitignore syntax.
        ignored: Vec<String>,
        /// What is made read-only, in gitignore syntax.
        readonly: Vec<String>,
        /// Whether `.git` is mirrored too.
        include_git: bool,
    },
    /// Brings listed changes of a view into the project.
    Transfer {
        /// The file that lists the changes, as the executor writes it.
        list: String,
        /// The project.
        to: String,
    },
    /// Takes a share in what a live run did, so that whoever ends last undoes it.
    Share {
        /// The path that both want.
        path: String,
        /// The other run.
        run: String,
        /// The number of the other run's action.
        action: u64,
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
