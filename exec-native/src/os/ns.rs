//! User and mount namespaces of our own: what a private layer over a project needs.
//! Nothing here reaches the namespace that the caller of callsheet lives in.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change,
    mount_remount, unmount,
};
use rustix::process::{
    Pid, PidfdFlags, Signal, getegid, geteuid, getpid, getppid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal,
};
use rustix::thread::{ThreadNameSpaceType, UnshareFlags, gettid, move_into_thread_name_spaces};

use super::proc::Mark;

/// The hidden command that writes the maps of another process.
pub const MAP_COMMAND: &str = "__map";

/// Why namespaces may be forbidden, each by a file, the value in it, and what to do.
const OBSTACLES: [(&str, &str, &str); 3] = [
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor restricts user namespaces; give callsheet a profile with `userns,` or set \
         kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "user namespaces are switched off; set kernel.unprivileged_userns_clone=1",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "no user namespace may be made; set user.max_user_namespaces to more than 0",
    ),
];

/// Names the setting that keeps this user from namespaces, with the next step.
pub fn obstacle() -> Option<&'static str> {
    let mut found = OBSTACLES.iter().filter(|(file, value, _)| {
        let text = fs::read_to_string(file);
        text.is_ok_and(|text| text.trim() == *value)
    });
    found.next().map(|(_, _, advice)| *advice)
}

/// Moves this process into namespaces of its own. It must have one thread.
///
/// # Errors
/// The system does not allow it.
pub fn unshare() -> io::Result<()> {
    #[expect(
        deprecated,
        reason = "only the table of open files would make it unsafe"
    )]
    let moved = rustix::thread::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS);
    Ok(moved?)
}

/// Gives a process that has unshared its users: root keeps all of its own, so that files
/// of others stay usable; anybody else is the one user that they are.
///
/// # Errors
/// The process is gone, has its users already, or the system does not allow it.
pub fn write_maps(pid: u32) -> io::Result<()> {
    let file = |name: &str| format!("/proc/{pid}/{name}");
    if geteuid().is_root() {
        fs::write(file("uid_map"), all_ids("uid_map")?)?;
        return fs::write(file("gid_map"), all_ids("gid_map")?);
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    // Only then may a user without rights map a group.
    fs::write(file("setgroups"), "deny")?;
    fs::write(file("uid_map"), format!("{uid} {uid} 1\n"))?;
    fs::write(file("gid_map"), format!("{gid} {gid} 1\n"))
}

/// Every id that exists here, mapped to itself.
fn all_ids(name: &str) -> io::Result<String> {
    let text = fs::read_to_string(format!("/proc/self/{name}"))?;
    let ranges = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (first, count) = (words.next()?, words.nth(1)?);
        Some(format!("{first} {first} {count}\n"))
    });
    Ok(ranges.collect())
}

/// Keeps mounts of this namespace from every other one.
///
/// # Errors
/// The system does not allow it.
pub fn make_private() -> io::Result<()> {
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    Ok(mount_change("/", flags)?)
}

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

/// Mounts an overlay.
///
/// # Errors
/// The system or one of the file systems does not allow it.
pub fn mount_overlay(stack: &Stack<'_>, target: &Path) -> io::Result<()> {
    let [first, second] = stack.lower.map(escape);
    let options = [
        b"lowerdir=",
        &*first,
        b":",
        &*second,
        b",upperdir=",
        &*escape(stack.upper),
        b",workdir=",
        &*escape(stack.work),
        b",userxattr",
    ]
    .concat();
    let options = std::ffi::CString::new(options)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount(
        "callsheet",
        target,
        "overlay",
        flags,
        options.as_c_str(),
    )?)
}

/// Writes a path as the options of an overlay want it.
fn escape(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut out = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        if matches!(byte, b'\\' | b':' | b',') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

/// Takes the mount at a path away.
///
/// # Errors
/// Nothing is mounted there.
pub fn take_away(target: &Path) -> io::Result<()> {
    Ok(unmount(target, UnmountFlags::DETACH)?)
}

/// Makes a path read-only where it is, with everything below.
///
/// # Errors
/// The path is missing.
pub fn protect(path: &Path) -> io::Result<()> {
    mount_bind(path, path)?;
    Ok(mount_remount(
        path,
        MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV,
        "",
    )?)
}

/// Puts an empty directory that nobody can write over a directory.
///
/// # Errors
/// The directory is missing.
pub fn mask(dir: &Path) -> io::Result<()> {
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount(
        "callsheet",
        dir,
        "tmpfs",
        flags,
        c"size=4k,mode=0555",
    )?)
}

/// Lets this process end with the one that started it.
///
/// # Errors
/// The system does not allow it.
pub fn end_with_parent(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let lives = getppid().is_some_and(|pid| u32::try_from(pid.as_raw_pid()) == Ok(parent));
    // It can have died before we asked.
    lives
        .then_some(())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
}

/// Returns the number of this process if it is its first thread that asks: others end
/// while the process lives, and the kernel counts that as a parent's death.
pub fn lasting_parent() -> Option<u32> {
    let pid = getpid();
    (gettid() == pid)
        .then(|| u32::try_from(pid.as_raw_pid()).ok())
        .flatten()
}

/// Joins the namespaces of the process that a mark names; `false` when there is none.
/// The mark tells it from a later process with the same number.
///
/// # Errors
/// The mark cannot be read, or the system does not allow it.
pub fn join(mark: &Path) -> io::Result<bool> {
    let found = Mark::read(mark)?;
    let living = || found.as_ref().and_then(Mark::living);
    let Some(process) = living().and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return Ok(false);
    };
    // Looked at again: from now on the handle stands for this process even when it ends.
    if living().is_none() {
        return Ok(false);
    }
    let spaces = ThreadNameSpaceType::USER | ThreadNameSpaceType::MOUNT;
    move_into_thread_name_spaces(process.as_fd(), spaces)?;
    Ok(true)
}

/// Moves this process, which has joined others, into namespaces below theirs: what is
/// mounted there can then not be taken away, not even by root.
///
/// # Errors
/// The system does not allow it.
pub fn settle() -> io::Result<()> {
    let own = std::process::id();
    if !geteuid().is_root() {
        unshare()?;
        return write_maps(own);
    }
    // Only somebody who stays outside may give us every user.
    let mut writer = Command::new("/proc/self/exe")
        .args([MAP_COMMAND, &own.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let unshared = unshare();
    // The end of its input tells it that we are where it must reach us.
    drop(writer.stdin.take());
    let written = writer.wait()?;
    unshared?;
    if written.success() {
        return Ok(());
    }
    Err(io::Error::other("the users could not be mapped"))
}

/// Ends every process that has a mount whose description holds a text; returns how many
/// there were. Called for a layer: whoever has it mounted still writes to it.
pub fn end_inhabitants(text: &str) -> usize {
    let mut ended = 0;
    // Each look can find what was started since the last one.
    for _ in 0..64 {
        let found = inhabitants(text);
        if found.is_empty() {
            break;
        }
        ended += found.len();
        for pid in found {
            if let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
                && has_mount(pid, text)
            {
                // One that is gone is what we want.
                pidfd_send_signal(&process, Signal::KILL).ok();
                wait_for_end(&process);
            }
        }
    }
    ended
}

/// Tells whether this process has a mount whose description holds a text.
pub fn is_mounted(text: &str) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo");
    mounts.is_ok_and(|mounts| mounts.contains(text))
}

fn wait_for_end(process: &impl std::os::fd::AsFd) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let limit = Timespec {
        tv_sec: 2,
        tv_nsec: 0,
    };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit)).ok();
}

fn inhabitants(text: &str) -> Vec<Pid> {
    let Ok(list) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ours = space_of("self");
    let numbers = list.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let pids = numbers.filter_map(|name| {
        let pid = Pid::from_raw(name.parse().ok()?)?;
        let other = space_of(&name)?;
        (Some(other) != ours && has_mount(pid, text)).then_some(pid)
    });
    pids.collect()
}

fn space_of(process: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/mnt")).ok()
}

fn has_mount(pid: Pid, text: &str) -> bool {
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", pid.as_raw_pid()));
    mounts.is_ok_and(|mounts| mounts.contains(text))
}
