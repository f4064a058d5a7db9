//! The directory of a layer, and how it is put over its project.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use plan_core::effect::UPPER;

use crate::os::ns::{self, Stack};

/// The kernel's own directory.
pub(crate) const WORK: &str = "work";
/// The layer between the upper one and the project: it hides.
pub(crate) const HIDDEN: &str = "hidden";
/// The list of what is protected: paths with a zero byte behind each.
pub(crate) const READONLY: &str = "readonly";

/// Writes the list of what is protected.
pub(crate) fn print_list(paths: &[PathBuf]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for path in paths {
        bytes.extend_from_slice(path.as_os_str().as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Reads the list of what is protected.
pub(crate) fn read_list(bytes: &[u8]) -> impl Iterator<Item = &Path> {
    let names = bytes.split(|byte| *byte == 0);
    let names = names.filter(|name| !name.is_empty());
    names.map(|name| Path::new(OsStr::from_bytes(name)))
}

/// Puts a layer over its project, in the namespace that this process has for itself.
///
/// # Errors
/// The system does not allow a part of it; the word says which.
pub(crate) fn put_over(layer: &Path, project: &Path) -> Result<(), (&'static str, io::Error)> {
    let list = crate::os::fs::read(&layer.join(READONLY));
    let list = list.map_err(|error| ("the list of protected paths", error))?;
    mount(layer, project, project).map_err(|error| ("the layer", error))?;
    for path in read_list(&list) {
        match ns::protect(&project.join(path)) {
            // It is hidden, or was removed since it was found.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result.map_err(|error| ("a protected path", error))?,
        }
    }
    ns::mask(layer).map_err(|error| ("the mask of the layer", error))
}

/// Mounts what a layer and a project are together.
///
/// # Errors
/// The system or a file system does not allow it.
pub(crate) fn mount(layer: &Path, project: &Path, target: &Path) -> io::Result<()> {
    let stack = Stack {
        upper: &layer.join(UPPER),
        work: &layer.join(WORK),
        lower: [&layer.join(HIDDEN), project],
    };
    ns::mount_overlay(&stack, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_any_name() {
        let odd = PathBuf::from(OsStr::from_bytes(b"a\n\xff b/c"));
        let paths = [PathBuf::from("x"), odd];
        let bytes = print_list(&paths);
        assert_eq!(bytes, b"x\0a\n\xff b/c\0");
        assert!(read_list(&bytes).eq(paths.iter()));
        assert_eq!(read_list(b"").count(), 0);
    }
}
