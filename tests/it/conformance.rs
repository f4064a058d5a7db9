//! Recorded behaviour of persona-kit 4.1.59, reproduced to the byte.

use std::path::{Path, PathBuf};

use tests::conformance::replay;
use tests::repo::{Answer, root};

/// The folder of recordings: `CALLSHEET_CONFORMANCE`, or beside the repository.
pub(crate) fn folder() -> PathBuf {
    let named = std::env::var_os("CALLSHEET_CONFORMANCE").map(PathBuf::from);
    named
        .unwrap_or_else(|| root().join("../shared/conformance"))
        .join("persona")
}

/// How many cases each file holds at least.
const AT_LEAST: [(&str, usize); 5] = [
    ("parse", 62),
    ("plan", 367),
    ("functions", 829),
    ("harness-specs", 369),
    ("parse-mutations", 893),
];

#[test]
fn every_recording_is_reproduced() -> Answer<()> {
    let folder = folder();
    if !Path::new(&folder).is_dir() {
        println!("skipped: no recordings at {}", folder.display());
        return Ok(());
    }
    let mut wrong = Vec::new();
    for (file, report) in replay(&folder)? {
        let failed = report.differences.len() + report.unknown.values().sum::<usize>();
        println!("{file}: {} passed, {failed} failed", report.passed);
        let least = AT_LEAST
            .iter()
            .find(|(name, _)| *name == file)
            .map_or(1, |(_, cases)| *cases);
        assert!(report.passed + failed >= least, "{file} has lost cases");
        wrong.extend(report.differences.into_iter().take(10));
        wrong.extend(
            report
                .unknown
                .keys()
                .map(|name| format!("no function `{name}`")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
