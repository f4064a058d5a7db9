//! Systems without namespaces: every question is answered with "unsupported".

use std::io;
use std::path::Path;

/// The hidden command that writes the maps of another process.
pub const MAP_COMMAND: &str = "__map";

/// The directories of an overlay.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'s> {
    /// Gets what is written.
    pub upper: &'s Path,
    /// The kernel's own, beside the upper one.
    pub work: &'s Path,
    /// What is read, uppermost first.
    pub lower: [&'s Path; 2],
}

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Names the setting that keeps this user from namespaces.
pub fn obstacle() -> Option<&'static str> {
    Some("this system has no layers")
}

/// Would move this process into namespaces of its own.
///
/// # Errors
/// Always.
pub fn unshare() -> io::Result<()> {
    unsupported()
}

/// Would give a process its users.
///
/// # Errors
/// Always.
pub fn write_maps(_pid: u32) -> io::Result<()> {
    unsupported()
}

/// Would keep mounts from every other namespace.
///
/// # Errors
/// Always.
pub fn make_private() -> io::Result<()> {
    unsupported()
}

/// Would mount an overlay.
///
/// # Errors
/// Always.
pub fn mount_overlay(_stack: &Stack<'_>, _target: &Path) -> io::Result<()> {
    unsupported()
}

/// Would take a mount away.
///
/// # Errors
/// Always.
pub fn take_away(_target: &Path) -> io::Result<()> {
    unsupported()
}

/// Would make a path read-only.
///
/// # Errors
/// Always.
pub fn protect(_path: &Path) -> io::Result<()> {
    unsupported()
}

/// Would put an empty directory over another.
///
/// # Errors
/// Always.
pub fn mask(_dir: &Path) -> io::Result<()> {
    unsupported()
}

/// Would let this process end with its parent.
///
/// # Errors
/// Always.
pub fn end_with_parent(_parent: u32) -> io::Result<()> {
    unsupported()
}

/// Returns nothing.
pub fn lasting_parent() -> Option<u32> {
    None
}

/// Would join another process's namespaces.
///
/// # Errors
/// Always.
pub fn join(_mark: &Path) -> io::Result<bool> {
    unsupported()
}

/// Would move this process below the namespaces that it joined.
///
/// # Errors
/// Always.
pub fn settle() -> io::Result<()> {
    unsupported()
}

/// Returns `false`.
pub fn is_mounted(_text: &str) -> bool {
    false
}

/// Ends nobody.
pub fn end_inhabitants(_text: &str) -> usize {
    0
}
