//! The record beside a tree: whose it is, what it was made from and how far it came.

use std::path::PathBuf;

use plan_core::base::json::{self, Value, Writer};

use super::create::Isolation;
use super::name::Name;
use super::repo::CommitId;

/// The version of the format.
const VERSION: u32 = 1;

/// How far a tree came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is being made; what is there may be a part.
    Making,
    /// It is whole.
    Ready,
    /// Its work has ended and it stays.
    Kept,
    /// It is being removed; what had to be saved is saved.
    Removing,
}

impl Stage {
    const WORDS: [(Stage, &str); 4] = [
        (Stage::Making, "making"),
        (Stage::Ready, "ready"),
        (Stage::Kept, "kept"),
        (Stage::Removing, "removing"),
    ];

    /// Returns the word that stands in records.
    pub fn as_str(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        let found = words.find(|(stage, _)| *stage == self);
        found.map_or("", |(_, word)| *word)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, word)| *word == text)
            .map(|(stage, _)| *stage)
    }
}

/// What is known about a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The run, as the caller names it.
    pub run: String,
    /// The call, as the caller names it.
    pub call: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// How often the run had been taken up when the tree was made.
    pub epoch: u64,
    /// What people call it.
    pub label: String,
    /// The commit that it was made from.
    pub base: CommitId,
    /// Where its files are.
    pub path: PathBuf,
    /// Its branch, below `refs/heads/`; none while another branch is merged.
    pub branch: Option<String>,
    /// How it is kept apart.
    pub isolation: Isolation,
    /// How far it came.
    pub stage: Stage,
    /// What went wrong last.
    pub problem: Option<String>,
}

impl Record {
    /// Returns the name.
    pub fn name(&self) -> Name {
        Name::new(&self.run, &self.call, self.attempt)
    }

    pub(super) fn print(&self) -> String {
        let mut out = Writer::indented();
        out.begin_object();
        out.field("version", &u64::from(VERSION));
        out.field("run", &*self.run);
        out.field("call", &*self.call);
        out.field("n", &u64::from(self.attempt));
        out.field("epoch", &self.epoch);
        out.field("label", &*self.label);
        out.field("base", self.base.as_str());
        out.field("path", &*hex(&self.path));
        if let Some(branch) = &self.branch {
            out.field("branch", &**branch);
        }
        out.field("isolation", self.isolation.as_str());
        out.field("stage", self.stage.as_str());
        if let Some(problem) = &self.problem {
            out.field("problem", &**problem);
        }
        out.end_object();
        out.finish() + "\n"
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let value = json::read(text).ok()?;
        let text = |key: &str| value.get_str(key).map(str::to_owned);
        if whole(&value, "version")? != u64::from(VERSION) {
            return None;
        }
        Some(Self {
            run: text("run")?,
            call: text("call")?,
            attempt: u32::try_from(whole(&value, "n")?).ok()?,
            epoch: whole(&value, "epoch")?,
            label: text("label")?,
            base: CommitId::parse(&text("base")?)?,
            path: unhex(value.get_str("path")?)?,
            branch: text("branch"),
            isolation: Isolation::parse(value.get_str("isolation")?)?,
            stage: Stage::parse(value.get_str("stage")?)?,
            problem: text("problem"),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number that is not negative"
)]
fn whole(value: &Value<'_>, key: &str) -> Option<u64> {
    let number = value.get(key)?.as_number()?;
    (number >= 0.0 && number.fract() == 0.0 && number <= 9e15).then_some(number as u64)
}

/// Writes a path so that one of any bytes comes back as it was.
fn hex(path: &std::path::Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    if let Some(text) = path.to_str() {
        return text.to_owned();
    }
    let mut out = String::from("hex:");
    for byte in path.as_os_str().as_bytes() {
        // Writing into a text does not fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn unhex(text: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let Some(digits) = text.strip_prefix("hex:") else {
        return Some(text.into());
    };
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes = bytes.collect::<Option<Vec<u8>>>()?;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod unit {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn records_come_back() {
        let odd = std::ffi::OsString::from_vec(b"/a/\xff".to_vec());
        for path in [PathBuf::from("/a/b"), odd.into()] {
            let record = Record {
                run: "r".into(),
                call: "c \"x\"".into(),
                attempt: 2,
                epoch: 7,
                label: "läbel".into(),
                base: CommitId::parse(&"1".repeat(40)).unwrap(),
                path,
                branch: Some("callsheet/a/b-2".into()),
                isolation: Isolation::Clone,
                stage: Stage::Removing,
                problem: None,
            };
            assert_eq!(Record::parse(&record.print()), Some(record));
        }
        assert_eq!(Record::parse("{\"version\": 2}"), None);
    }
}
