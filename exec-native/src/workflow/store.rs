//! Where a run of a workflow is kept: a directory with its journal, files for long results, and
//! the lease of whoever drives it.
//!
//! `workflows/<run>/journal.log` holds checked lines of JSON, each with its length and
//! checksum in front; `blobs/<sha256>` what was too long for a line, and the script;
//! `lease` is locked while somebody drives the run; `control/` holds what others ask of them.
//! Everything can be read without this program.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use plan_core::base::digest::sha256_hex;
use plan_core::base::json::{self, Value, Writer};
use plan_core::base::record::JsonText;
use plan_core::workflow::history::History;
use plan_core::workflow::record::{Outcome, RunOpened, RunRecord};

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal::{self, FILE_NAME, encode};
use crate::os::clock;
use crate::os::dir::{Dir, File, Kind};
use crate::os::durable::sync_file;
use crate::os::fs::{self, Attributes, read_at, write_draft};
use crate::os::lock::Lock;
use crate::os::owner::own_id;
use crate::os::proc::end_leftover;
use crate::state::{LEASE, StateHome, unique};

/// Results that are longer stand in files of their own.
const LONGEST_LINE: usize = 32 * 1024;
const BLOBS: &str = "blobs";
const CONTROL: &str = "control";
/// Where process groups are named while they work.
pub const MARKS: &str = "marks";
/// The directory of what agents say while they work.
pub const LOGS: &str = "logs";
/// The directory of the personas that calls were planned with.
pub const PERSONAS: &str = "personas";
/// The directories of a run.
const DIRS: [&str; 5] = [BLOBS, CONTROL, MARKS, LOGS, PERSONAS];
const RUNS: &str = "workflows";
/// What names of run directories begin with that are not complete yet.
const UNBORN: &str = ".new";
const GATE: &str = ".gate";

/// A run as its files tell it.
#[derive(Debug, Clone)]
pub struct RunFile {
    /// The run's id.
    pub id: String,
    /// Its directory.
    pub path: PathBuf,
    /// The records that we know, in order.
    pub records: Vec<RunRecord>,
    /// What they say.
    pub history: History,
    /// What a crash left behind them, in bytes.
    pub torn_bytes: usize,
    pub(super) whole_bytes: usize,
}

/// A run that this process drives, or changes.
#[derive(Debug)]
pub struct Store {
    dir: Dir,
    file: File,
    history: History,
    waiting: String,
    owes: bool,
    broken: bool,
    _lease: Lock,
}

/// Returns the directory of all runs.
fn runs(state: &StateHome) -> Result<Dir, ExecError> {
    let path = state.root().join(RUNS);
    fs::make_private_dirs(&path).at(&path)?;
    Dir::open(&path).at(&path)
}

/// Makes an id for a run of a workflow.
///
/// # Errors
/// There is no randomness.
pub fn new_id(name: &str) -> Result<String, ExecError> {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        plain @ ('a'..='z' | '0'..='9') => plain,
        _ => '-',
    };
    let slug: String = name.chars().map(letter).collect();
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(40).collect();
    let slug = slug.trim_end_matches('-');
    let head = if slug.is_empty() { "workflow" } else { slug };
    unique(head).map_err(no_randomness)
}

/// Tells whether a text can be the id of a run: it is a name of a directory.
pub fn is_id(text: &str) -> bool {
    let good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=80).contains(&text.len()) && text.bytes().all(good) && !text.starts_with(['.', '-'])
}

/// Lists the ids of all runs, the oldest first as far as their names tell.
///
/// # Errors
/// The directory cannot be read.
pub fn list(state: &StateHome) -> Result<Vec<String>, ExecError> {
    let runs = runs(state)?;
    let names = runs.names().at(runs.path())?;
    let ids = names.iter().filter_map(|name| name.to_str());
    Ok(ids.filter(|id| is_id(id)).map(String::from).collect())
}

/// Reads a run, whoever drives it; `None` when there is none of that id.
///
/// # Errors
/// It cannot be read, or its journal is damaged.
pub fn read(state: &StateHome, id: &str) -> Result<Option<RunFile>, ExecError> {
    let runs = runs(state)?;
    if !is_id(id) {
        return Ok(None);
    }
    let path = runs.path().join(id);
    let dir = match runs.child(OsStr::new(id)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        dir => dir.at(&path)?,
    };
    match read_run(id, &dir) {
        Err(error) if error.kind() == ExecErrorKind::Missing => Ok(None),
        read => read.map(Some),
    }
}

fn read_run(id: &str, dir: &Dir) -> Result<RunFile, ExecError> {
    let path = dir.path().join(FILE_NAME);
    let bytes = match read_at(dir, OsStr::new(FILE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = "the run has no journal";
            return Err(ExecError::new(ExecErrorKind::Missing, message).at(&path));
        }
        bytes => bytes.at(&path)?,
    };
    let damaged = |line: usize, problem: String| {
        let message = format!("line {line} of the journal: {problem}");
        let error = ExecError::new(ExecErrorKind::NeedsRecovery, message).at(&path);
        error.hint(format!(
            "`callsheet workflow salvage {id}` keeps what stands before it"
        ))
    };
    let frames =
        journal::split(&bytes).map_err(|(line, problem)| damaged(line, problem.to_string()))?;
    let mut read = RunFile {
        id: id.to_owned(),
        path: dir.path().to_owned(),
        records: Vec::with_capacity(frames.lines.len()),
        history: History::default(),
        torn_bytes: frames.torn_bytes,
        whole_bytes: frames.whole_bytes,
    };
    for (place, line) in frames.lines.into_iter().enumerate() {
        let problem = |problem: String| damaged(place + 1, problem);
        let value = json::read(line).map_err(|error| problem(error.to_string()))?;
        let record = RunRecord::parse(&value).map_err(|error| problem(error.message.clone()))?;
        let Some(record) = record else {
            // A later version made it.
            read.history.skip();
            continue;
        };
        (read.history.accept(&record)).map_err(|error| problem(error.to_string()))?;
        read.records.push(record);
    }
    if read.history.opened().is_none() {
        let message = "the run was never begun";
        return Err(ExecError::new(ExecErrorKind::Missing, message).at(&path));
    }
    Ok(read)
}

impl RunFile {
    /// Tells whether somebody drives the run now.
    ///
    /// # Errors
    /// The lease cannot be looked at.
    pub fn is_driven(&self) -> Result<bool, ExecError> {
        let dir = Dir::open(&self.path).at(&self.path)?;
        Ok(take_lease(&dir)?.is_none())
    }

    /// Returns a result's text, wherever it stands; `None` when there is none.
    ///
    /// # Errors
    /// Its file cannot be read, or was changed.
    pub fn text(&self, outcome: &Outcome) -> Result<Option<String>, ExecError> {
        let dir = Dir::open(&self.path).at(&self.path)?;
        text_of(&dir, outcome)
    }

    /// Returns a file's text by its digest.
    ///
    /// # Errors
    /// It cannot be read, or was changed.
    pub fn blob(&self, digest: &str) -> Result<String, ExecError> {
        let dir = Dir::open(&self.path).at(&self.path)?;
        blob(&dir, digest)
    }

    /// Asks whoever drives the run for something.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn ask(&self, request: &Value<'_>) -> Result<(), ExecError> {
        let path = self.path.join(CONTROL);
        let dir = Dir::open(&path).at(&path)?;
        let name = unique("ask").map_err(no_randomness)?;
        let draft = format!(".{name}");
        write_draft(
            &dir,
            OsStr::new(&draft),
            json::print(request).as_bytes(),
            Attributes::private(),
        )
        .and_then(|()| dir.rename(OsStr::new(&draft), &dir, OsStr::new(&name)))
        .at(&path)
    }
}

fn take_lease(dir: &Dir) -> Result<Option<Lock>, ExecError> {
    Lock::try_take(dir, OsStr::new(LEASE)).at(dir.path().join(LEASE))
}

fn text_of(dir: &Dir, outcome: &Outcome) -> Result<Option<String>, ExecError> {
    if let Some(value) = &outcome.value {
        return Ok(Some(value.as_str().to_owned()));
    }
    outcome
        .blob
        .as_deref()
        .map(|digest| blob(dir, digest))
        .transpose()
}

fn blob(dir: &Dir, digest: &str) -> Result<String, ExecError> {
    let path = dir.path().join(BLOBS).join(digest);
    let blobs = dir.child(OsStr::new(BLOBS)).at(&path)?;
    let bytes = read_at(&blobs, OsStr::new(digest)).at(&path)?;
    if sha256_hex(&bytes) != digest {
        let message = "the file was changed: it does not fit its name";
        return Err(ExecError::new(ExecErrorKind::NeedsRecovery, message).at(&path));
    }
    String::from_utf8(bytes).map_err(|error| {
        let message = "the file is no text";
        ExecError::new(ExecErrorKind::NeedsRecovery, message)
            .at(&path)
            .because(error)
    })
}

impl Store {
    /// Creates a run. It exists, with its first record and its script, or not at all.
    ///
    /// # Errors
    /// There is a run of that id, or it cannot be written.
    pub fn create(state: &StateHome, opened: RunOpened, script: &str) -> Result<Self, ExecError> {
        let runs = runs(state)?;
        let id = opened.run.clone();
        let path = runs.path().join(&id);
        // Runs are born one at a time: what is half there then is a dead process's.
        let gate = OsStr::new(GATE);
        let _gate = Lock::take(&runs, gate).at(runs.path())?;
        sweep(&runs)?;
        let draft = unique(UNBORN).map_err(no_randomness)?;
        let draft = OsStr::new(&draft);
        runs.make_dir(draft, 0o700).at(&path)?;
        let dir = runs.child(draft).at(&path)?;
        for name in DIRS {
            dir.make_dir(OsStr::new(name), 0o700).at(&path)?;
        }
        let lease = take_lease(&dir)?.ok_or_else(|| busy(&id, &dir))?;
        put_blob(&dir, script)?;
        let record = RunRecord::Opened(opened);
        let mut file = dir.create(OsStr::new(FILE_NAME), 0o600).at(&path)?;
        let line = encode(&json::print(&record));
        file.write_all(line.as_bytes())
            .and_then(|()| sync_file(&file))
            .and_then(|()| dir.sync())
            .at(&path)?;
        let renamed = runs.rename_new(draft, &runs, OsStr::new(&id));
        renamed.map_err(|error| taken(&id, error).at(&path))?;
        drop(dir);
        let dir = runs.child(OsStr::new(&id)).at(&path)?;
        lease.note(&owner()).at(&path)?;
        let mut history = History::default();
        history.accept(&record).map_err(illegal)?;
        Ok(Self::on(dir, file, history, lease))
    }

    /// Goes on with a run that nobody drives; what a crash left behind its last whole record
    /// is cut off.
    ///
    /// # Errors
    /// There is no such run, somebody drives it, or it cannot be read or written.
    pub fn open(state: &StateHome, id: &str) -> Result<(Self, RunFile), ExecError> {
        let runs = runs(state)?;
        let path = runs.path().join(id);
        let missing = || {
            let message = format!("there is no run `{id}`");
            let error = ExecError::new(ExecErrorKind::Missing, message);
            error.hint("`callsheet workflow list` shows those that there are")
        };
        if !is_id(id) {
            return Err(missing());
        }
        let dir = match runs.child(OsStr::new(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            dir => dir.at(&path)?,
        };
        let lease = take_lease(&dir)?.ok_or_else(|| busy(id, &dir))?;
        let read = read_run(id, &dir)?;
        let file = dir.open_or_create(OsStr::new(FILE_NAME), 0o600).at(&path)?;
        if read.torn_bytes > 0 {
            let cut = file.set_len(read.whole_bytes as u64);
            cut.and_then(|()| sync_file(&file)).at(&path)?;
        }
        lease.note(&owner()).at(&path)?;
        Ok((Self::on(dir, file, read.history.clone(), lease), read))
    }

    /// Ends what agents of an execution that died have left running.
    ///
    /// # Errors
    /// A mark cannot be read or removed.
    pub fn end_leftovers(&self) -> Result<usize, ExecError> {
        let path = self.dir.path().join(MARKS);
        let dir = self.dir.child(OsStr::new(MARKS)).at(&path)?;
        let mut ended = 0;
        for name in dir.names().at(&path)? {
            let mark = path.join(&name);
            ended += usize::from(end_leftover(&mark).at(&mark)?);
        }
        Ok(ended)
    }

    const fn on(dir: Dir, file: File, history: History, lease: Lock) -> Self {
        Self {
            dir,
            file,
            history,
            waiting: String::new(),
            owes: false,
            broken: false,
            _lease: lease,
        }
    }

    /// Returns what the records say.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Returns the run's directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes a record; it is written by the next [`Store::flush`].
    ///
    /// # Errors
    /// It cannot follow those before it.
    pub fn append(&mut self, record: &RunRecord) -> Result<(), ExecError> {
        self.history.accept(record).map_err(illegal)?;
        self.waiting.push_str(&encode(&json::print(record)));
        self.owes |= record.is_promise();
        Ok(())
    }

    /// Writes what was taken, in one piece; if a promise is among it all is durable when the
    /// call returns. After a failure nothing more is written, since it would stand behind a
    /// torn line.
    ///
    /// # Errors
    /// The storage fails.
    pub fn flush(&mut self) -> Result<(), ExecError> {
        if self.broken {
            let message = "an earlier record could not be written";
            return Err(ExecError::new(ExecErrorKind::Failed, message));
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(self.waiting.as_bytes());
        let written = written.and_then(|()| {
            if self.owes {
                return sync_file(&self.file);
            }
            Ok(())
        });
        self.broken = written.is_err();
        self.waiting.clear();
        self.owes = false;
        written.map_err(|error| {
            let message = format!("the journal could not be written: {error}");
            ExecError::new(ExecErrorKind::Failed, message)
                .at(self.dir.path().join(FILE_NAME))
                .because(error)
        })
    }

    /// Makes a result of a text of JSON: one that is long goes to a file first.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn outcome(&self, value: JsonText) -> Result<Outcome, ExecError> {
        if value.as_str().len() <= LONGEST_LINE {
            return Ok(Outcome::value(value));
        }
        put_blob(&self.dir, value.as_str()).map(Outcome::blob)
    }

    /// Keeps a text; returns its digest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, text: &str) -> Result<String, ExecError> {
        put_blob(&self.dir, text)
    }

    /// Returns a result, wherever it stands.
    ///
    /// # Errors
    /// Its file cannot be read, or was changed.
    pub fn value(&self, outcome: &Outcome) -> Result<Option<JsonText>, ExecError> {
        if outcome.value.is_some() {
            return Ok(outcome.value.clone());
        }
        let value = |text: String| JsonText::new(&json::read(&text).unwrap_or_default());
        Ok(text_of(&self.dir, outcome)?.map(value))
    }

    /// Takes what others asked for, in order. What cannot be read is dropped.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn asked(&self) -> Result<Vec<Value<'static>>, ExecError> {
        let path = self.dir.path().join(CONTROL);
        let dir = self.dir.child(OsStr::new(CONTROL)).at(&path)?;
        let mut asked = Vec::new();
        for name in dir.names().at(&path)? {
            if name.to_str().is_none_or(|name| name.starts_with('.')) {
                continue;
            }
            let bytes = read_at(&dir, &name).at(&path)?;
            dir.remove_file(&name).at(&path)?;
            let text = String::from_utf8_lossy(&bytes);
            asked.extend(json::read(&text).map(|value| value.to_owned_value()));
        }
        Ok(asked)
    }

    /// Removes the run with all that it keeps.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub fn remove(self) -> Result<(), ExecError> {
        clear(&self.dir)
    }
}

/// Removes what a crash left of runs that were being created; the caller holds the gate.
fn sweep(runs: &Dir) -> Result<(), ExecError> {
    for name in runs.names().at(runs.path())? {
        if !name.to_string_lossy().starts_with(UNBORN) {
            continue;
        }
        let path = runs.path().join(&name);
        let dir = runs.child(&name).at(path)?;
        clear(&dir)?;
    }
    Ok(())
}

/// Removes the directory of a run. Without its journal there is no run.
fn clear(dir: &Dir) -> Result<(), ExecError> {
    let path = dir.path().to_owned();
    dir.remove_file(OsStr::new(FILE_NAME)).at(&path)?;
    for name in DIRS {
        let Ok(below) = dir.child(OsStr::new(name)) else {
            continue;
        };
        for file in below.names().at(&path)? {
            below.remove_file(&file).at(&path)?;
        }
        dir.remove_dir(OsStr::new(name)).at(&path)?;
    }
    for file in dir.names().at(&path)? {
        dir.remove_file(&file).at(&path)?;
    }
    let above = path.parent().unwrap_or(&path);
    let name = path.file_name().unwrap_or_default();
    Dir::open(above)
        .and_then(|runs| runs.remove_dir(name))
        .at(&path)?;
    Ok(())
}

fn no_randomness(error: io::Error) -> ExecError {
    ExecError::new(ExecErrorKind::Failed, "there is no randomness").because(error)
}

/// Keeps the whole records before the first damaged line of a journal; what is cut off lies
/// beside it.
///
/// # Errors
/// There is no such run, somebody drives it, or it cannot be read or written.
pub fn salvage(state: &StateHome, id: &str) -> Result<BTreeMap<&'static str, u64>, ExecError> {
    let runs = runs(state)?;
    let path = runs.path().join(id);
    let dir = runs.child(OsStr::new(id)).at(&path)?;
    let lease = take_lease(&dir)?.ok_or_else(|| busy(id, &dir))?;
    let name = OsStr::new(FILE_NAME);
    let bytes = read_at(&dir, name).at(&path)?;
    let (mut rest, mut history, mut kept) = (&*bytes, History::default(), 0_u64);
    while let Ok((line, after)) = journal::decode(rest) {
        let record = json::read(line).ok().map(|value| RunRecord::parse(&value));
        match record {
            Some(Ok(Some(record))) if history.accept(&record).is_ok() => {}
            Some(Ok(None)) => history.skip(),
            _ => break,
        }
        kept += 1;
        rest = after;
    }
    let aside = format!("{FILE_NAME}.damaged-{}", clock::now_ms());
    let private = Attributes::private();
    write_draft(&dir, OsStr::new(&aside), &bytes, private).at(&path)?;
    let whole = bytes.len() - rest.len();
    let file = dir.open_or_create(name, 0o600).at(&path)?;
    let cut = file.set_len(whole as u64).and_then(|()| sync_file(&file));
    cut.and_then(|()| dir.sync()).at(&path)?;
    drop(lease);
    Ok(BTreeMap::from([("kept", kept), ("cut", rest.len() as u64)]))
}

fn put_blob(dir: &Dir, text: &str) -> Result<String, ExecError> {
    let digest = sha256_hex(text.as_bytes());
    let path = dir.path().join(BLOBS);
    let blobs = dir.child(OsStr::new(BLOBS)).at(&path)?;
    let name = OsStr::new(&digest);
    let there = blobs.stat(name).at(&path)?;
    if there.is_some_and(|meta| meta.kind == Kind::File) {
        return Ok(digest);
    }
    let draft = format!(".{digest}");
    let draft = OsStr::new(&draft);
    write_draft(&blobs, draft, text.as_bytes(), Attributes::private())
        .and_then(|()| blobs.rename(draft, &blobs, name))
        .and_then(|()| blobs.sync())
        .at(&path)?;
    Ok(digest)
}

fn owner() -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("pid", &u64::from(own_id()));
    out.field("since_ms", &clock::now_ms());
    out.end_object();
    out.finish() + "\n"
}

fn busy(id: &str, dir: &Dir) -> ExecError {
    let note = read_at(dir, OsStr::new(LEASE)).unwrap_or_default();
    let note = String::from_utf8_lossy(&note).into_owned();
    let pid = json::read(&note)
        .ok()
        .and_then(|value| value.get("pid")?.as_number());
    let who = pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    );
    ExecError::new(ExecErrorKind::Busy, format!("{who} drives the run `{id}`"))
        .hint(format!("`callsheet workflow stop {id}` asks it to end"))
}

fn taken(id: &str, error: io::Error) -> ExecError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let message = format!("there is a run `{id}` already");
        let error = ExecError::new(ExecErrorKind::Busy, message);
        return error.hint(format!("`callsheet workflow resume {id}` goes on with it"));
    }
    ExecError::new(ExecErrorKind::Failed, "the run cannot be created").because(error)
}

fn illegal(error: plan_core::workflow::history::IllegalRecord) -> ExecError {
    ExecError::new(ExecErrorKind::Internal, error.to_string()).because(error)
}
