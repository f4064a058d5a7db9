//! Writing files.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use plan_core::base::digest;
use plan_core::effect::{
    ActionKind, Block, Content, EntryKind, MissingReference, Original, PutBack, Undo, WriteMode,
    Written,
};

use super::{Bench, Prepared};
use crate::apply::options::ApplyOptions;
use crate::apply::publish::{Seen, Slot, out_name, temp_name};
use crate::apply::restore::{DELIMITER, capture, is_written};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::fs::{
    self, Attributes, Place, is_dir, is_file, missing_parents, resolve, resolve_making, write_draft,
};

pub(super) struct WriteFile {
    path: PathBuf,
    below: PathBuf,
    /// The directory that shows through.
    over: Option<PathBuf>,
    bytes: Vec<u8>,
    /// The mode of what stood there before.
    mode: Option<u32>,
    private: bool,
    seen: Seen,
    undo: PutBack,
}

pub(super) fn prepare(bench: &Bench<'_>, kind: &ActionKind) -> Result<WriteFile, ExecError> {
    let ActionKind::WriteFile {
        path,
        below,
        over,
        how,
        content,
        private,
    } = kind
    else {
        return Err(ExecError::new(
            ExecErrorKind::Internal,
            "not an action that writes",
        ));
    };
    let text = read_content(content, bench.options)?;
    let at = Path::new(path);
    let place = resolve(Path::new(below), at).at(at)?;
    let (original, seen) = capture(bench.run, bench.id, place.as_ref()).at(at)?;
    if !at.starts_with(bench.run.dir.path()) {
        refuse_protected(place.as_ref()).at(at)?;
    }
    let length = text.len();
    let over = over.as_deref().map(Path::new);
    // What shows through is what the agent would see without this file.
    let shown = shown_through(over, Path::new(below), at).filter(|_| !stands(&original));
    let has_shown = shown.is_some();
    let bytes = match &shown {
        Some(path) => combine(*how, EntryKind::File, path, text)?,
        None => combine(*how, original.kind, at, text)?,
    };
    let mode = match shown {
        Some(path) => fs::mode_of(&path).at(&path)?,
        None => original.mode.and_then(|mode| u32::try_from(mode).ok()),
    };
    let extends = stands(&original) || has_shown;
    let block = added(&bytes, length, extends);
    let dirs = parents_to_make(below, path)?;
    // A harness may rewrite the settings in its private home.
    let written = if *private && original.kind == EntryKind::Absent {
        Written::any_file()
    } else {
        Written::file(digest::of_bytes(&bytes))
    };
    let undo = PutBack {
        path: path.clone(),
        below: below.clone(),
        dirs,
        original,
        written,
        block,
    };
    Ok(WriteFile {
        path: path.into(),
        below: below.into(),
        over: over.map(Path::to_owned),
        bytes,
        mode,
        private: *private,
        seen,
        undo,
    })
}

fn stands(original: &Original) -> bool {
    original.kind != EntryKind::Absent
}

/// Finds the file that shows through at a path of a layer.
fn shown_through(over: Option<&Path>, below: &Path, path: &Path) -> Option<PathBuf> {
    let shown = over?.join(path.strip_prefix(below).ok()?);
    is_file(&shown).then_some(shown)
}

/// Lets the parents of a path look like the directories that they lie over.
fn pass_for(over: &Path, below: &Path, path: &Path) -> io::Result<()> {
    let inside = path.strip_prefix(below).unwrap_or(Path::new(""));
    for dir in inside.ancestors().skip(1) {
        let shown = over.join(dir);
        if is_dir(&shown) {
            Dir::open(&below.join(dir))?.look_like(&Dir::open(&shown)?)?;
        }
    }
    Ok(())
}

/// Refuses to replace a file of the user that the user may not write: the directory would
/// allow it, but somebody has said what they want.
fn refuse_protected(place: Option<&Place>) -> io::Result<()> {
    let Some(place) = place else {
        return Ok(());
    };
    let is_file = |meta: Meta| meta.kind == Kind::File;
    if place.dir.stat(&place.name)?.is_some_and(is_file) {
        place.dir.check_writable(&place.name)?;
    }
    Ok(())
}

/// Lists the directories that a path needs and that do not exist, as text.
pub(super) fn parents_to_make(below: &str, path: &str) -> Result<Vec<String>, ExecError> {
    let missing = missing_parents(Path::new(below), Path::new(path)).at(path)?;
    let texts = missing.iter().map(|dir| dir.to_string_lossy().into_owned());
    Ok(texts.collect())
}

/// Describes what was put behind existing text, so that it can be told from the rest.
fn added(bytes: &[u8], length: usize, extends: bool) -> Option<Block> {
    let length = length + DELIMITER.len();
    let start = bytes.len().checked_sub(length)?;
    let (_, block) = bytes.split_at_checked(start)?;
    let is_block = extends && block.starts_with(DELIMITER);
    is_block.then(|| Block {
        digest: digest::of_bytes(block),
        length: length as u64,
    })
}

fn combine(
    how: WriteMode,
    found: EntryKind,
    path: &Path,
    text: Vec<u8>,
) -> Result<Vec<u8>, ExecError> {
    match (how, found) {
        (WriteMode::Overwrite, _) | (_, EntryKind::Absent) => Ok(text),
        (WriteMode::CreateOnly, _) => {
            Err(ExecError::new(ExecErrorKind::Failed, "the file exists already").at(path))
        }
        // A link to nothing holds no text to extend.
        (WriteMode::Extend, EntryKind::Symlink) if !is_file(path) => Ok(text),
        (WriteMode::Extend, _) => {
            let mut bytes = fs::read(path).at(path)?;
            bytes.extend_from_slice(DELIMITER);
            bytes.extend_from_slice(&text);
            Ok(bytes)
        }
    }
}

fn read_content(content: &Content, options: &ApplyOptions<'_>) -> Result<Vec<u8>, ExecError> {
    match content {
        Content::File(source) => fs::read(Path::new(source)).at(source),
        Content::Document(document) => document
            .render(|template, field| (options.resolver)(template, field))
            .map(String::into_bytes)
            .map_err(missing),
    }
}

/// Returns the digest of what an action would write, if what stood there before is what
/// another run found; `None` when that cannot be told.
pub(crate) fn would_write(
    kind: &ActionKind,
    options: &ApplyOptions<'_>,
    original: &Original,
    blobs: &Dir,
) -> Result<Option<String>, ExecError> {
    let ActionKind::WriteFile { how, content, .. } = kind else {
        return Ok(None);
    };
    let text = read_content(content, options)?;
    let bytes = match (how, original.kind, &original.blob) {
        (WriteMode::Overwrite, ..) | (WriteMode::Extend, EntryKind::Absent, _) => text,
        (WriteMode::Extend, EntryKind::File, Some(blob)) => {
            let before = fs::read_at(blobs, OsStr::new(blob)).at(blobs.path())?;
            [&before, DELIMITER, &text].concat()
        }
        (WriteMode::Extend | WriteMode::CreateOnly, ..) => return Ok(None),
    };
    Ok(Some(digest::of_bytes(&bytes)))
}

/// Checks that content can be had, before anything is touched.
pub(crate) fn check_content(
    content: &Content,
    options: &ApplyOptions<'_>,
) -> Result<(), ExecError> {
    match content {
        Content::File(source) if !is_file(Path::new(source)) => {
            let message = "the file to copy from does not exist";
            Err(ExecError::new(ExecErrorKind::Failed, message).at(source))
        }
        Content::File(_) => Ok(()),
        Content::Document(document) => document.references().iter().try_for_each(|reference| {
            let resolved = (options.resolver)(&reference.template, &reference.field);
            resolved.map(drop).map_err(missing)
        }),
    }
}

fn missing(missing: MissingReference) -> ExecError {
    ExecError::new(ExecErrorKind::Config, missing.to_string()).because(missing)
}

impl Prepared for WriteFile {
    fn undo(&self) -> Undo {
        Undo::PutBack(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let mode = if self.private {
            Some(0o600)
        } else {
            self.mode.map(|mode| mode & 0o777)
        };
        let attributes = Attributes { mode, mtime: None };
        let dir_mode = if self.private { 0o700 } else { 0o777 };
        let (temp, out) = (
            temp_name(bench.run, bench.id),
            out_name(bench.run, bench.id),
        );
        // What a harness may rewrite is ours only as we wrote it.
        let is_ours = |dir: &Dir, name: &OsStr| {
            is_written(&Written::file(digest::of_bytes(&self.bytes)), dir, name)
        };
        let place = resolve_making(&self.below, &self.path, dir_mode).at(&self.path)?;
        write_draft(&place.dir, &temp, &self.bytes, attributes)
            .and_then(|()| {
                let slot = Slot::new(bench.run, &place, out);
                slot.publish_over((&place.dir, &temp), &self.seen, &is_ours)
            })
            .at(&self.path)?
            .finish(bench.run, &self.undo)?;
        if let Some(over) = &self.over {
            pass_for(over, &self.below, &self.path).at(&self.path)?;
        }
        Ok(self.undo.written.digest.clone())
    }
}
