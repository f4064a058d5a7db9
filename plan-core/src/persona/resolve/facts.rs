//! What the host reports about persona files.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::Value;
use crate::base::record::{Scan as _, record};

/// The source name of the layer that holds one directly given file.
pub const PATH: &str = "path";

/// The source name of the layer of personas that come with the program. It lies
/// below every other layer, and everything may extend its personas.
pub const BUILT_IN: &str = "builtin";

/// Why a file has no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unread {
    /// There is no such file.
    #[error("the file does not exist")]
    Missing,
    /// The file is larger than the limit.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The file's bytes are not text.
    #[error("the file is not UTF-8 text")]
    NotUtf8,
    /// The system refused, or the host has another reason; in one line.
    #[error("{0}")]
    Failed(String),
}

impl Unread {
    /// Returns the code of the problem.
    pub const fn code(&self) -> Code {
        match self {
            Unread::TooLarge { .. } => Code::DOCUMENT_TOO_LARGE,
            Unread::Missing | Unread::NotUtf8 | Unread::Failed(_) => Code::DOCUMENT_UNREADABLE,
        }
    }
}

/// One persona file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonaFile {
    /// The absolute path, with `/` between segments.
    pub path: String,
    /// The text, or why there is none.
    pub text: Result<String, Unread>,
}

/// One place that persona files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The name in messages: `cwd`, `cwd:agents`, `user`, `dir:1`, [`BUILT_IN`], [`PATH`].
    pub source: String,
    /// The files, in the order in which the first of equal ids wins.
    pub files: Vec<PersonaFile>,
}

/// Everything about the file system that a resolution depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The working directory, absolute.
    pub cwd: String,
    /// The layers, the strongest first.
    pub layers: Vec<Layer>,
    /// Those of [`super::probe_paths`] that exist.
    pub existing: BTreeSet<String>,
    /// Why a router chose a built-in persona, by the persona's intent.
    pub routing: BTreeMap<String, String>,
}

record! {
    /// One persona file, as a host without a file system gives it.
    pub struct FileDocument {
        /// The absolute path, with `/` between segments.
        pub path: String => "path",
        /// The text.
        pub text: String => "text",
    }
}

record! {
    /// One place that persona files come from, as a host without a file system gives it.
    pub struct LayerDocument {
        /// The name in messages.
        pub source: String => "source",
        /// The files, in the order in which the first of equal ids wins.
        pub files: Vec<FileDocument> => "files",
    }
}

record! {
    /// Everything that a resolution depends on, as a host without a file system gives it.
    pub struct FactsDocument {
        /// The working directory, absolute; `/` by default.
        pub cwd: Option<String> => "cwd",
        /// The layers, the strongest first.
        pub layers: Vec<LayerDocument> => "layers",
        /// The paths that exist besides the files: sidecars, local skills.
        pub existing: Option<Vec<String>> => "existing",
    }
}

impl Facts {
    /// Reads what a host without a file system knows. The files of the layers exist.
    ///
    /// # Errors
    /// A diagnostic that names the member.
    pub fn read(value: &Value<'_>) -> Result<Self, Diagnostic> {
        let document = FactsDocument::scan(value, &Path::root("facts"))?;
        let mut facts = Self {
            cwd: document.cwd.unwrap_or_else(|| String::from("/")),
            ..Self::default()
        };
        facts
            .existing
            .extend(document.existing.into_iter().flatten());
        for LayerDocument { source, files } in document.layers {
            facts
                .existing
                .extend(files.iter().map(|file| file.path.clone()));
            let files = files.into_iter().map(|FileDocument { path, text }| {
                let text = Ok(text);
                PersonaFile { path, text }
            });
            let files = files.collect();
            facts.layers.push(Layer { source, files });
        }
        Ok(facts)
    }
}
