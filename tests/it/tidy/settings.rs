//! Settings that must stay as they are.

use std::time::{SystemTime, UNIX_EPOCH};

use tests::repo::{Answer, files, read};

/// What an ignored advisory must carry: the day when the exception ends.
const DEADLINE: &str = "FIX-DEADLINE ";

/// The days since 1970-01-01 of a date such as `2027-01-31`.
fn day(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-');
    let mut number = || parts.next()?.parse::<i64>().ok();
    let (year, month, day) = (number()?, number()?, number()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100
        + of_year;
    Some(year.div_euclid(400) * 146_097 + of_era - 719_468)
}

/// Complains about ignored advisories without a deadline or past it.
fn check_deadlines(deny: &str, today: i64) -> Result<(), String> {
    let ignored = deny.lines().filter(|line| line.contains("RUSTSEC-"));
    for line in ignored.filter(|line| !line.trim_start().starts_with('#')) {
        let date = line.split(DEADLINE).nth(1).and_then(|rest| rest.get(..10));
        let end = date.and_then(day);
        let end = end.ok_or_else(|| format!("no `{DEADLINE}YYYY-MM-DD`: {line}"))?;
        if end < today {
            return Err(format!("the deadline has passed: {line}"));
        }
    }
    Ok(())
}

#[test]
fn ignored_advisories_have_a_deadline() -> Answer<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let today = i64::try_from(now / 86_400)?;
    check_deadlines(&read("deny.toml")?, today)?;
    Ok(())
}

#[test]
fn deadlines_are_read() {
    assert_eq!(
        (day("1970-01-01"), day("2000-03-01")),
        (Some(0), Some(11_017))
    );
    assert_eq!(day("2026-02"), None);
    let entry = "  { id = \"RUSTSEC-2026-1\", reason = \"x, FIX-DEADLINE 2026-02-01\" },";
    let on = |date| check_deadlines(entry, day(date).unwrap_or_default());
    assert!(on("2026-02-01").is_ok());
    assert!(on("2026-02-02").is_err());
    assert!(check_deadlines("\"RUSTSEC-2026-1\",", 0).is_err());
}

#[test]
fn rustup_is_not_told_to_download_targets() -> Answer<()> {
    let settings = read("rust-toolchain.toml")?;
    assert!(
        !settings
            .lines()
            .any(|line| line.trim_start().starts_with("targets"))
    );
    Ok(())
}

#[test]
fn every_package_takes_the_workspace_lints() -> Answer<()> {
    for path in files("", "Cargo.toml")? {
        let manifest = read(&path)?;
        let excluded = manifest.contains("[workspace]");
        let taken = manifest.contains("[lints]\nworkspace = true");
        assert!(taken || excluded, "{path} lacks `[lints] workspace = true`");
    }
    Ok(())
}

#[test]
fn the_core_is_no_std_and_safe() -> Answer<()> {
    for package in ["plan-json", "plan-core"] {
        let lib = read(&format!("{package}/src/lib.rs"))?;
        for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            assert!(
                lib.lines().any(|line| line == attribute),
                "{attribute} is gone from {package}"
            );
        }
    }
    Ok(())
}
