//! Writing journals.

use std::ffi::OsStr;
use std::io::{self, Write as _};

use plan_core::base::json;
use plan_core::effect::{Record, RunState};

use super::frame::encode;
use super::reader::Journal;
use crate::apply::inject::{Faults, Moment};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, File};
use crate::os::durable::sync_file;

/// The one writer of a run's journal.
#[derive(Debug)]
pub struct Writer {
    file: File,
    state: RunState,
    faults: Faults,
    written: u32,
    broken: bool,
}

impl Writer {
    /// Creates the journal of a run directory. Its name is durable when the call
    /// returns.
    ///
    /// # Errors
    /// The journal exists or cannot be created.
    pub fn create(dir: &Dir, faults: Faults) -> Result<Self, ExecError> {
        let path = dir.path().join(super::FILE_NAME);
        let file = dir.create(OsStr::new(super::FILE_NAME), 0o600).at(&path)?;
        dir.sync().at(&path)?;
        Ok(Self::on(file, RunState::new(), faults))
    }

    /// Goes on with a journal that was read; what a crash left behind its last
    /// whole record is cut off.
    ///
    /// # Errors
    /// The journal cannot be opened or cut.
    pub fn resume(dir: &Dir, journal: &Journal, faults: Faults) -> Result<Self, ExecError> {
        let path = dir.path().join(super::FILE_NAME);
        let name = OsStr::new(super::FILE_NAME);
        let file = dir.open_or_create(name, 0o600).at(&path)?;
        if journal.torn_bytes > 0 {
            file.set_len(journal.whole_bytes as u64).at(&path)?;
            sync_file(&file).at(&path)?;
        }
        Ok(Self::on(file, journal.state.clone(), faults))
    }

    const fn on(file: File, state: RunState, faults: Faults) -> Self {
        Self {
            file,
            state,
            faults,
            written: 0,
            broken: false,
        }
    }

    /// Appends a record. A [promise](Record::is_promise) is durable when the call returns,
    /// with all records before it; others survive the death of the process. A crash before
    /// that leaves nothing or a torn line. After a failure the writer takes no more
    /// records, since they would stand behind a torn line.
    ///
    /// # Errors
    /// The record may not follow, the storage fails, or an earlier append failed.
    pub fn append(&mut self, record: &Record) -> Result<(), ExecError> {
        if self.broken {
            let message = "an earlier record could not be written";
            return Err(ExecError::new(ExecErrorKind::Failed, message));
        }
        self.state.accept(record).map_err(|illegal| {
            self.broken = true;
            ExecError::new(ExecErrorKind::Internal, illegal.to_string()).because(illegal)
        })?;
        let line = encode(&json::print(record));
        let written = self.write(&line, record.is_promise());
        self.broken = written.is_err();
        written.map_err(|error| {
            let message = format!("the journal could not be written: {error}");
            ExecError::new(ExecErrorKind::Failed, message).because(error)
        })
    }

    /// Makes every record durable.
    ///
    /// # Errors
    /// The storage fails.
    pub fn sync(&self) -> io::Result<()> {
        sync_file(&self.file)
    }

    /// Returns what the records say.
    pub const fn state(&self) -> &RunState {
        &self.state
    }

    fn write(&mut self, line: &str, is_promise: bool) -> io::Result<()> {
        let place = self.written;
        self.written += 1;
        self.faults.strike(Moment::BeforeRecord(place))?;
        if self.faults.tears(place) {
            let (half, _) = line.as_bytes().split_at(line.len() / 2);
            self.file.write_all(half)?;
            self.faults.strike(Moment::TornRecord(place))?;
        }
        self.file.write_all(line.as_bytes())?;
        if is_promise {
            sync_file(&self.file)?;
        }
        self.faults.strike(Moment::AfterRecord(place))
    }
}
