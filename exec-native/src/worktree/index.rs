//! The file in which git notes what it knows about the files of a tree. Only what git would
//! find out by looking at each file is changed in it: times and where the file is stored.

use crate::os::dir::Meta;

/// By how many seconds the files of the copied tree were made older after git wrote them. Git
/// looks into a file again whose time is that of the index, to the second.
pub(super) const AGE: i64 = 2;
/// Bytes of an entry ahead of the object's id: ten numbers.
const NUMBERS: usize = 40;
/// Bits of an entry's flags.
const STAGE: u16 = 0x3000;
const EXTENDED: u16 = 0x4000;
const SKIPPED: u16 = 0x4000;
/// The kinds of entries, as bits of their modes.
const KIND: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const MODULE: u32 = 0o160_000;

/// Returns the index of a copy: `index` is that of the tree that was copied, and `meta` tells
/// about the copy's files and links by their paths, with the times that the copied ones had
/// when git wrote the index, `AGE` seconds less. `None` when the index has anything in it that is
/// not known here, or a file is missing or another one than git wrote; git has to write the
/// files itself then.
pub(super) fn for_copy(
    index: &[u8],
    hash: usize,
    meta: &dyn Fn(&[u8]) -> Option<Meta>,
) -> Option<Vec<u8>> {
    let end = index.len().checked_sub(hash)?;
    let (mut rest, _) = index.split_at_checked(end)?;
    let mut out = Vec::with_capacity(index.len());
    let head = take(&mut rest, 12)?;
    let version = number(head.get(4..)?)?;
    if !head.starts_with(b"DIRC") || !matches!(version, 2 | 3) {
        return None;
    }
    out.extend_from_slice(head);
    for _ in 0..number(head.get(8..)?)? {
        entry(&mut rest, &mut out, hash, meta)?;
    }
    while !rest.is_empty() {
        let head = take(&mut rest, 8)?;
        let size = usize::try_from(number(head.get(4..)?)?).ok()?;
        let body = take(&mut rest, size)?;
        if head.starts_with(b"TREE") {
            out.extend_from_slice(head);
            out.extend_from_slice(body);
        } else if head.first()?.is_ascii_lowercase() {
            // Something that must be understood, as git has it. The others only save time.
            return None;
        }
    }
    // Zeros in place of a checksum: there is none. Git writes the file once more.
    out.resize(out.len() + hash, 0);
    Some(out)
}

/// Copies an entry, with what is known about the file.
fn entry(
    rest: &mut &[u8],
    out: &mut Vec<u8>,
    hash: usize,
    meta: &dyn Fn(&[u8]) -> Option<Meta>,
) -> Option<()> {
    let all: &[u8] = rest;
    let flags_at = NUMBERS + hash;
    let flags = short(all.get(flags_at..)?)?;
    let (mut name_at, mut skipped) = (flags_at + 2, false);
    if flags & EXTENDED != 0 {
        skipped = short(all.get(name_at..)?)? & SKIPPED != 0;
        name_at += 2;
    }
    let name = all.get(name_at..)?;
    let length = name.iter().position(|byte| *byte == 0)?;
    let name = name.get(..length)?;
    // Filled up with 1 to 8 zeros.
    let body = take(rest, (name_at + length + 8) & !7)?;
    let mode = number(body.get(24..)?)?;
    if flags & STAGE != 0 {
        return None;
    }
    let meta = match mode & KIND {
        _ if skipped => None,
        // Only whether it is a directory counts.
        MODULE => None,
        FILE | LINK => Some(meta(name)?),
        _ => return None,
    };
    let start = out.len();
    out.extend_from_slice(body);
    if let Some(meta) = meta {
        let was = [
            low(meta.mtime.seconds.checked_add(AGE)?.cast_unsigned()),
            low(meta.mtime.nanos.cast_unsigned()),
        ];
        let is_same = body.get(8..16)? == was.as_flattened() && body.get(36..40)? == low(meta.size);
        if !is_same {
            return None;
        }
        let times = [meta.ctime, meta.mtime];
        let times = times.iter().flat_map(|time| [time.seconds, time.nanos]);
        let (device, inode) = meta.identity;
        let numbers = times.map(i64::cast_unsigned).chain([device, inode]);
        let place = out.get_mut(start..)?;
        for (at, number) in place.chunks_exact_mut(4).zip(numbers) {
            at.copy_from_slice(&low(number));
        }
    }
    Some(())
}

/// The lower half of a number, which is all that git keeps.
fn low(number: u64) -> [u8; 4] {
    let [_, _, _, _, a, b, c, d] = number.to_be_bytes();
    [a, b, c, d]
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|four| u32::from_be_bytes(*four))
}

fn short(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|two| u16::from_be_bytes(*two))
}
