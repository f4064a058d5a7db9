//! Undo data: what an announced action needs to be taken back, as a journal holds
//! it. It names files and digests and never holds contents.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::record::{record, words};
use crate::base::tagged::tagged;

words! {
    /// What stood, or stands, at a path.
    pub enum EntryKind {
        /// Nothing.
        Absent = "absent",
        /// A regular file.
        File = "file",
        /// A symbolic link.
        Symlink = "symlink",
    }
}

record! {
    /// A path's content before an action.
    pub struct Original {
        /// What stood there.
        pub kind: EntryKind => "kind",
        /// The backup's name in the run's blob directory, for a file.
        pub blob: Option<String> => "blob",
        /// The digest of a file's bytes.
        pub digest: Option<String> => "digest",
        /// The permission bits of a file.
        pub mode: Option<u64> => "mode",
        /// The modification time of a file: seconds, a dot, nine digits.
        pub mtime: Option<String> => "mtime",
        /// What a symbolic link pointed to, when that is text.
        pub target: Option<String> => "target",
    }
}

record! {
    /// What an action leaves at a path, to tell it from later changes.
    pub struct Written {
        /// What the action leaves.
        pub kind: EntryKind => "kind",
        /// The digest of a file's bytes.
        pub digest: Option<String> => "digest",
        /// What a symbolic link points to.
        pub target: Option<String> => "target",
    }
}

record! {
    /// The part of a file that an action put behind what stood there.
    pub struct Block {
        /// The digest of its bytes, the delimiter included.
        pub digest: String => "digest",
        /// Its length in bytes.
        pub length: u64 => "length",
    }
}

record! {
    /// Puts back what stood at a path, if nobody else changed it.
    pub struct PutBack {
        /// The path.
        pub path: String => "path",
        /// The directory that the path must not leave.
        pub below: String => "below",
        /// Directories that the action creates, outermost first.
        pub dirs: Vec<String> => "dirs",
        /// What stood there before.
        pub original: Original => "original",
        /// What the action leaves there.
        pub written: Written => "written",
        /// The part that the action added to what stood there, if that is all it did.
        pub block: Option<Block> => "block",
    }
}

record! {
    /// Removes directories that are empty.
    pub struct RemoveDirs {
        /// The created directories, outermost first.
        pub dirs: Vec<String> => "dirs",
    }
}

record! {
    /// Removes trees that did not exist before.
    pub struct RemoveTrees {
        /// The directory that the trees must not leave.
        pub below: String => "below",
        /// The trees.
        pub paths: Vec<String> => "paths",
        /// What existed before and is left alone.
        pub existed: Vec<String> => "existed",
        /// What existed before and was moved away for the trees; it returns when they
        /// are gone. It is among the trees as well.
        pub aside: Option<Vec<MoveBack>> => "aside",
        /// Directories above the trees that did not exist, outermost first.
        pub dirs: Vec<String> => "dirs",
        /// The name of the list of what was created, in the run's blob directory. It
        /// is there only once the action is finished.
        pub manifest: String => "manifest",
    }
}

record! {
    /// Removes a mirrored project, if nobody worked in it.
    pub struct RemoveMount {
        /// The mirror.
        pub path: String => "path",
        /// Directories above it that did not exist, outermost first.
        pub dirs: Vec<String> => "dirs",
        /// The name of the list of what was mirrored, in the run's blob directory.
        pub manifest: String => "manifest",
        /// The project.
        pub from: Option<String> => "from",
        /// Device and inode of the mirror, as `12:345`, once it is known.
        pub identity: Option<String> => "identity",
    }
}

record! {
    /// Removes a layer over a project, if nobody worked in it.
    pub struct RemoveLayer {
        /// The directory of the layer.
        pub path: String => "path",
        /// The project.
        pub from: String => "from",
        /// Directories above the layer that did not exist, outermost first.
        pub dirs: Vec<String> => "dirs",
    }
}

record! {
    /// Puts back everything that a list in the run's blob directory names.
    pub struct RestoreTree {
        /// The directory that no path of the list leaves.
        pub below: String => "below",
        /// The list's name: each path, what stood there and what stands there now.
        pub list: String => "list",
    }
}

record! {
    /// Moves a directory back to where it was.
    pub struct MoveBack {
        /// The directory's place.
        pub path: String => "path",
        /// The directory that the path must not leave.
        pub below: String => "below",
        /// The backup's name in the run's blob directory.
        pub blob: String => "blob",
    }
}

record! {
    /// Nothing to take back.
    pub struct Nothing {}
}

tagged! {
    /// How an action is taken back.
    pub enum Undo {
        /// There is nothing to take back.
        Nothing(Nothing) = "nothing",
        /// A file or link is put back.
        PutBack(PutBack) = "putBack",
        /// Empty directories are removed.
        RemoveDirs(RemoveDirs) = "removeDirs",
        /// Created trees are removed.
        RemoveTrees(RemoveTrees) = "removeTrees",
        /// A mirror is removed.
        RemoveMount(RemoveMount) = "removeMount",
        /// A layer is removed.
        RemoveLayer(RemoveLayer) = "removeLayer",
        /// Everything in a list is put back.
        RestoreTree(RestoreTree) = "restoreTree",
        /// A directory is moved back.
        MoveBack(MoveBack) = "moveBack",
    }
}

impl Original {
    /// Nothing stood there.
    pub const fn absent() -> Self {
        Self {
            kind: EntryKind::Absent,
            blob: None,
            digest: None,
            mode: None,
            mtime: None,
            target: None,
        }
    }
}

impl Written {
    /// The action leaves nothing.
    pub const fn absent() -> Self {
        Self {
            kind: EntryKind::Absent,
            digest: None,
            target: None,
        }
    }

    /// The action leaves a file.
    pub const fn file(digest: String) -> Self {
        Self {
            kind: EntryKind::File,
            digest: Some(digest),
            target: None,
        }
    }

    /// The action leaves a file that is the run's own, whoever changes it.
    pub const fn any_file() -> Self {
        Self {
            kind: EntryKind::File,
            digest: None,
            target: None,
        }
    }

    /// Tells whether what is found at the path is what the action left.
    pub fn covers(&self, found: &Self) -> bool {
        self == found || (found.kind == EntryKind::File && *self == Self::any_file())
    }

    /// The action leaves a symbolic link.
    pub const fn symlink(target: String) -> Self {
        Self {
            kind: EntryKind::Symlink,
            digest: None,
            target: Some(target),
        }
    }
}

impl Undo {
    /// Creates the undo of an action that leaves nothing behind.
    pub const fn nothing() -> Self {
        Undo::Nothing(Nothing {})
    }

    /// Returns the paths that the undo is about.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Undo::Nothing(_) => Vec::new(),
            Undo::PutBack(undo) => [&*undo.path].into(),
            Undo::RemoveDirs(undo) => undo.dirs.iter().map(|path| &**path).collect(),
            Undo::RemoveTrees(undo) => undo.paths.iter().map(|path| &**path).collect(),
            Undo::RemoveMount(undo) => [&*undo.path].into(),
            Undo::RemoveLayer(undo) => [&*undo.path].into(),
            Undo::RestoreTree(undo) => [&*undo.below].into(),
            Undo::MoveBack(undo) => [&*undo.path].into(),
        }
    }
}
