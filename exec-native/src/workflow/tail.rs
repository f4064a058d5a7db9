//! The end of a run's journal while somebody else writes it.

use std::ffi::OsStr;

use plan_core::base::json;
use plan_core::workflow::record::RunRecord;

use super::store::RunFile;
use crate::error::{ExecError, IoResultExt as _};
use crate::journal::{FILE_NAME, decode};
use crate::os::dir::Dir;
use crate::os::fs::read_from;

/// A place in a journal behind which more may come.
#[derive(Debug)]
pub struct Tail {
    dir: Dir,
    place: u64,
}

impl Tail {
    /// Begins behind the records that were read.
    ///
    /// # Errors
    /// The run is gone.
    pub fn behind(file: &RunFile) -> Result<Self, ExecError> {
        Ok(Self {
            dir: Dir::open(&file.path).at(&file.path)?,
            place: file.whole_bytes as u64,
        })
    }

    /// Returns the records that have come since; those that a later version made are passed
    /// over.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn more(&mut self) -> Result<Vec<RunRecord>, ExecError> {
        let name = OsStr::new(FILE_NAME);
        let bytes = read_from(&self.dir, name, self.place).at(self.dir.path().join(FILE_NAME))?;
        let mut records = Vec::new();
        let mut rest = &*bytes;
        // What is half written comes whole the next time.
        while let Ok((line, after)) = decode(rest) {
            let record = json::read(line).ok().map(|value| RunRecord::parse(&value));
            records.extend(record.and_then(Result::ok).flatten());
            self.place += (rest.len() - after.len()) as u64;
            rest = after;
        }
        Ok(records)
    }
}
