//! Reading single persona files and directories of them.

use plan_core::persona::resolve::{Layer, PATH, PersonaFile, Unread};

use crate::os::walk;

/// The largest persona document that is read, in bytes.
pub const DOCUMENT_LIMIT: u64 = 8 << 20;

/// Reads one file; a failure becomes part of the facts.
pub(super) fn read_file(path: String) -> PersonaFile {
    let text = walk::read_text_limited(&path, DOCUMENT_LIMIT);
    PersonaFile { path, text }
}

/// Reads the file that a reference gives directly. Another kind of file is only
/// looked for: its content is never asked for.
pub(super) fn read_given(path: &str) -> Layer {
    let text = if is_json(path) {
        walk::read_text_limited(path, DOCUMENT_LIMIT)
    } else if walk::exists(path) {
        Ok(String::new())
    } else {
        Err(Unread::Missing)
    };
    let path = path.to_owned();
    Layer {
        source: PATH.to_owned(),
        files: vec![PersonaFile { path, text }],
    }
}

/// Tells whether a path is that of a JSON file.
pub(super) fn is_json(path: &str) -> bool {
    path.strip_suffix(".json").is_some()
}

/// Reads every JSON file of a directory.
pub(super) fn read_directory(directory: &str) -> Vec<PersonaFile> {
    match walk::list_json_files(directory) {
        Ok(paths) => paths.into_iter().map(read_file).collect(),
        Err(why) => vec![failed(directory, why)],
    }
}

/// Reads the compiled persona of every agent directory.
pub(super) fn read_agents(directory: &str) -> Vec<PersonaFile> {
    let agents = match walk::list_dirs(directory) {
        Ok(agents) => agents,
        Err(why) => return vec![failed(directory, why)],
    };
    agents
        .iter()
        .filter_map(|agent| read_agent(agent))
        .collect()
}

fn read_agent(agent: &str) -> Option<PersonaFile> {
    let compiled = format!("{agent}/persona.json");
    if walk::exists(&compiled) {
        return Some(read_file(compiled));
    }
    let sources = ["ts", "js", "mjs"].map(|end| format!("{agent}/persona.{end}"));
    let source = sources.into_iter().find(|source| walk::exists(source))?;
    let why = "the persona is not compiled: there is no persona.json beside it";
    Some(failed(&source, Unread::Failed(why.to_owned())))
}

/// A path that should have had a persona and could not be read.
pub(super) fn failed(path: &str, why: Unread) -> PersonaFile {
    PersonaFile {
        path: path.to_owned(),
        text: Err(why),
    }
}
