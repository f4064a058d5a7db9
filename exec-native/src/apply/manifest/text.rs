//! Lists as text: a head, the root, then one entry a line with its path last. Version 1
//! had neither the root nor what follows a file's modification time.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use super::{Entry, Manifest};
use crate::os::dir::{Kind, Mtime};

const HEAD_1: &str = "callsheet-manifest 1";
const HEAD: &str = "callsheet-manifest 2";

/// Prints a list; writing to a string cannot fail.
pub(super) fn print(manifest: &Manifest) -> String {
    // A line is mostly numbers of fixed length.
    let mut text = String::with_capacity(manifest.text.len() + 90 * manifest.len());
    text.push_str(HEAD);
    if let Some((device, inode)) = manifest.root {
        text.push_str("\nroot ");
        number::<10>(device, 1, &mut text);
        text.push(' ');
        number::<10>(inode, 1, &mut text);
    }
    text.push('\n');
    for entry in manifest.entries() {
        print_entry(&entry, &mut text);
        text.push(' ');
        escape(entry.path.as_os_str(), &mut text);
        text.push('\n');
    }
    text
}

fn print_entry(entry: &Entry<'_>, text: &mut String) {
    match (entry.kind, entry.target) {
        (Kind::Symlink, Some(target)) => {
            text.push_str("l ");
            escape(target, text);
        }
        (Kind::Dir, _) => {
            text.push_str("d ");
            number::<8>(entry.mode.into(), 1, text);
        }
        (Kind::File, _) => {
            text.push_str(if entry.is_read_only { "r " } else { "f " });
            number::<8>(entry.mode.into(), 1, text);
            text.push(' ');
            number::<10>(entry.size, 1, text);
            time(entry.mtime, text);
            if let Some((ctime, inode)) = entry.ctime {
                time(ctime, text);
                text.push(' ');
                number::<10>(inode, 1, text);
            }
        }
        (Kind::Other | Kind::Symlink, _) => text.push('o'),
    }
}

fn time(time: Mtime, text: &mut String) {
    text.push_str(if time.seconds < 0 { " -" } else { " " });
    number::<10>(time.seconds.unsigned_abs(), 1, text);
    text.push('.');
    number::<10>(time.nanos.unsigned_abs(), 9, text);
}

/// Prints a number with at least so many digits: several times as fast as a format, and
/// a list has dozens of digits an entry.
fn number<const BASE: u64>(value: u64, least: usize, text: &mut String) {
    let (mut digits, mut count, mut rest) = ([0_u8; 22], 0, value);
    for digit in digits.iter_mut().rev() {
        if rest == 0 && count >= least {
            break;
        }
        *digit = b'0' + u8::try_from(rest % BASE).unwrap_or(0);
        rest /= BASE;
        count += 1;
    }
    let digits = digits.get(digits.len() - count..).unwrap_or_default();
    text.push_str(str::from_utf8(digits).unwrap_or_default());
}

/// Reads a list; `None` when it is none.
pub(super) fn read(bytes: &[u8]) -> Option<Manifest> {
    let mut lines = str::from_utf8(bytes).ok()?.lines().peekable();
    let head = lines.next()?;
    if !matches!(head, HEAD | HEAD_1) {
        return None;
    }
    let mut manifest = Manifest::default();
    if let Some(root) = lines.peek().and_then(|line| line.strip_prefix("root ")) {
        let (device, inode) = root.split_once(' ')?;
        manifest.root = Some((device.parse().ok()?, inode.parse().ok()?));
        lines.next();
    }
    for line in lines {
        read_entry(line, &mut manifest)?;
    }
    manifest.sort();
    Some(manifest)
}

fn read_entry(line: &str, manifest: &mut Manifest) -> Option<()> {
    let (stamp, path) = line.rsplit_once(' ')?;
    let (path, mut words) = (unescape(path)?, stamp.split(' '));
    let mut entry = Entry {
        path: Path::new(&path),
        kind: Kind::Other,
        mode: 0,
        size: 0,
        mtime: Mtime {
            seconds: 0,
            nanos: 0,
        },
        ctime: None,
        target: None,
        is_read_only: false,
    };
    let target;
    match words.next()? {
        "l" => {
            entry.kind = Kind::Symlink;
            target = unescape(words.next()?)?;
            entry.target = Some(&target);
        }
        "d" => {
            entry.kind = Kind::Dir;
            entry.mode = u32::from_str_radix(words.next()?, 8).ok()?;
        }
        letter @ ("f" | "r") => {
            entry.kind = Kind::File;
            entry.is_read_only = letter == "r";
            entry.mode = u32::from_str_radix(words.next()?, 8).ok()?;
            entry.size = words.next()?.parse().ok()?;
            entry.mtime = read_time(words.next()?)?;
            if let Some(ctime) = words.next() {
                entry.ctime = Some((read_time(ctime)?, words.next()?.parse().ok()?));
            }
        }
        "o" => {}
        _ => return None,
    }
    manifest.push(&entry);
    words.next().is_none().then_some(())
}

fn read_time(text: &str) -> Option<Mtime> {
    let (seconds, nanos) = text.split_once('.')?;
    Some(Mtime {
        seconds: seconds.parse().ok()?,
        nanos: nanos.parse().ok()?,
    })
}

/// Writes a name so that it has no space, newline or byte outside ASCII.
pub(crate) fn escape(name: &OsStr, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| {
        DIGITS
            .get(usize::from(value))
            .map_or('0', |digit| char::from(*digit))
    };
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'%';
    // Most names are.
    if let Some(name) = name
        .to_str()
        .filter(|name| name.as_bytes().iter().all(is_plain))
    {
        out.push_str(name);
        return;
    }
    for byte in name.as_bytes() {
        if is_plain(byte) {
            out.push(char::from(*byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

pub(crate) fn unescape(text: &str) -> Option<OsString> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        rest = escaped.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_bytes_survive() {
        for name in [&b"a b\n%"[..], b"\xff\xfe", "é".as_bytes(), b"plain"] {
            let name = OsStr::from_bytes(name);
            let mut text = String::new();
            escape(name, &mut text);
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
            assert_eq!(unescape(&text).as_deref(), Some(name));
        }
        assert_eq!(unescape("a%f"), None);
    }

    #[test]
    fn lists_survive_and_those_of_old_are_read() {
        let text = "callsheet-manifest 2\nroot 7 9\n\
            d 755 a\nl to%20b a/l\nf 644 3 5.000000007 6.000000008 42 a/%ff\n\
            r 444 0 -1.000000000 6.000000008 43 b\n";
        let manifest = read(text.as_bytes()).expect("a list");
        assert_eq!(print(&manifest), text);
        assert_eq!(manifest.root(), Some((7, 9)));
        let entry = manifest.get(Path::new("b")).expect("an entry");
        assert!(entry.is_read_only && entry.mtime.seconds == -1);
        let link = manifest.get(Path::new("a/l")).expect("an entry");
        assert_eq!(link.target, Some(OsStr::new("to b")));
        assert_eq!(manifest.get(Path::new("c")), None);
        let old = read(b"callsheet-manifest 1\nf 600 3 5.000000007 z\nd 700 a\n").expect("a list");
        assert_eq!(old.get(Path::new("z")).expect("an entry").ctime, None);
        assert_eq!(old.entries().next().expect("an entry").path, Path::new("a"));
        for broken in [
            "",
            "callsheet-manifest 3\n",
            "callsheet-manifest 2\nx a\n",
            "callsheet-manifest 2\nf 1 2 a\n",
        ] {
            assert!(read(broken.as_bytes()).is_none(), "{broken}");
        }
    }
}
