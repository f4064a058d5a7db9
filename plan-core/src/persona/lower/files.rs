//! Lowering of the files that the harness reads from its working directory.

use alloc::string::ToString;

use super::{Places, below, inside};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::path::is_absolute;
use crate::effect::{ActionKind, ActionList, Content, Document, Phase, WriteMode};
use crate::persona::harness::compat::ConfigFile;
use crate::persona::plan::{SidecarMode, SidecarWrite};

/// Lowers sidecars, which are written into the agent's directory.
///
/// # Errors
/// A file name that is no bare name, a source that is not absolute, or no text.
pub fn lower_sidecars(
    sidecars: &[SidecarWrite<'_>],
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    let cwd = places.files_root();
    let root = Path::root("plan");
    let all = root.field("sidecars");
    for (place, sidecar) in sidecars.iter().enumerate() {
        let at = all.index(place);
        let name_at = at.field("filename");
        let name = &*sidecar.filename;
        if !is_absolute(name) && name.contains('/') {
            let problem = alloc::format!("must be a basename; got `{name}`");
            let code = Code::EFFECT_PATH_ESCAPES;
            return Err(Diagnostic::at(code, &name_at, &problem));
        }
        inside(name, &name_at)?;
        let content = content(sidecar, &at)?;
        let how = match sidecar.mode {
            SidecarMode::Overwrite => WriteMode::Overwrite,
            SidecarMode::Extend => WriteMode::Extend,
        };
        let path = below(&cwd, &sidecar.filename, &name_at)?;
        let below = cwd.clone();
        list.push(
            Phase::Sidecars,
            ActionKind::WriteFile {
                path,
                below,
                over: places.over(),
                how,
                content,
                private: false,
            },
        );
    }
    Ok(())
}

fn content(sidecar: &SidecarWrite<'_>, at: &Path<'_>) -> Result<Content, Diagnostic> {
    match (&sidecar.contents, &sidecar.source_path) {
        (Some(text), _) => Ok(Content::Document(Document::text(text.to_string()))),
        (None, Some(source)) if is_absolute(source) => Ok(Content::File(source.to_string())),
        (None, Some(source)) => {
            let problem = alloc::format!("must be absolute; got `{source}`");
            let at = at.field("sourcePath");
            Err(Diagnostic::at(Code::EFFECT_PATH_ESCAPES, &at, &problem))
        }
        (None, None) => Err(Diagnostic::at(
            Code::RECORD_INVALID,
            at,
            "needs contents or sourcePath",
        )),
    }
}

/// Lowers configuration files, which are written below the agent's directory.
///
/// # Errors
/// A path that leaves that directory or reaches into `.git`.
pub fn lower_config_files(
    files: &[ConfigFile<'_>],
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    let cwd = places.files_root();
    let root = Path::root("plan");
    let all = root.field("configFiles");
    for (place, file) in files.iter().enumerate() {
        let at = all.index(place);
        let kind = ActionKind::WriteFile {
            path: below(&cwd, &file.path, &at.field("path"))?,
            below: cwd.clone(),
            over: places.over(),
            how: WriteMode::Overwrite,
            content: Content::Document(Document::text(file.contents.to_string())),
            private: false,
        };
        list.push(Phase::ConfigFiles, kind);
    }
    Ok(())
}
