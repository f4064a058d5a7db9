//! Journals as files: torn ends, damage, receipts of released versions.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::fs;
use std::path::PathBuf;

use plan_core::base::json;
use plan_core::effect::RunStatus;

use super::{JournalError, encode, parse};

fn receipts(version: &str) -> Vec<(String, Vec<u8>)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/receipts");
    let dir = dir.join(version);
    let files = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    let mut receipts: Vec<_> = files.map(read).collect();
    receipts.sort();
    receipts
}

/// What a receipt says: its file, how far the run is, what is left to take back.
type Known = (&'static str, RunStatus, usize);

#[test]
fn every_released_format_stays_readable() {
    read_all(
        "v1",
        &[
            ("closed.log", RunStatus::Closed, 0),
            ("failed.log", RunStatus::Closed, 0),
            ("ready.log", RunStatus::Ready, 12),
            ("torn.log", RunStatus::Ready, 12),
        ],
    );
    read_all(
        "v2",
        &[
            ("closed.log", RunStatus::Closed, 0),
            ("committed.log", RunStatus::Committed, 13),
            ("failed.log", RunStatus::Closed, 0),
            ("ready.log", RunStatus::Ready, 13),
            ("shared.log", RunStatus::Ready, 4),
            ("torn.log", RunStatus::Ready, 13),
        ],
    );
}

fn read_all(version: &str, known: &[Known]) {
    let receipts = receipts(version);
    assert_eq!(receipts.len(), known.len());
    for ((name, bytes), (expected, status, left)) in receipts.iter().zip(known.iter().copied()) {
        assert_eq!(name, expected);
        let journal = parse(bytes).unwrap();
        assert_eq!(journal.state.status(), status, "{name}");
        assert_eq!(journal.state.recovery().steps.len(), left, "{name}");
        assert_eq!(journal.torn_bytes > 0, name == "torn.log");
        let frames = journal
            .records
            .iter()
            .map(|record| encode(&json::print(record)));
        let printed: String = frames.collect();
        assert_eq!(
            printed.as_bytes(),
            &bytes[..journal.whole_bytes],
            "{name} prints as it was"
        );
    }
}

#[test]
fn any_cut_is_a_torn_end() {
    let (_, whole) = receipts("v2").swap_remove(0);
    for end in 0..whole.len() {
        let journal = parse(&whole[..end]).unwrap();
        assert_eq!(journal.whole_bytes + journal.torn_bytes, end);
        assert!(journal.state.status() != RunStatus::Closed);
    }
}

#[test]
fn damage_in_the_middle_is_no_crash() {
    let (_, whole) = receipts("v2").swap_remove(0);
    for place in 0..200 {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        let error = parse(&bytes).unwrap_err();
        assert!(
            matches!(error, JournalError::Damaged { line: 1, .. }),
            "{place}: {error}"
        );
    }
    let twice = [&*whole, &*whole].concat();
    let error = parse(&twice).unwrap_err();
    assert!(
        error.to_string().contains("start cannot follow closed"),
        "{error}"
    );
}
