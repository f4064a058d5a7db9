//! Workflows that have a name: those of the project, of the user, and those that come with us.
//! A saved workflow is the file of its script and nothing else, so it can be read, edited and
//! kept in a repository.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use plan_core::base::text::nearest;
use plan_core::workflow::meta;

use super::bundled::BUNDLED;
use super::script::Script;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::now_ms;
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{self, Attributes, write_draft};
use crate::os::{env, walk};

/// The end of the names of saved scripts.
const SUFFIX: &str = ".js";
/// Where what was forgotten or replaced lies, beside what is saved.
const ASIDE: &str = ".forgotten";
/// The longest name, in characters.
const LONGEST: usize = 128;
/// The longest name of a file, in bytes, on the file systems that we know.
const LONGEST_FILE: usize = 240;

/// Where a workflow stands. The earlier ones go over the later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// `.callsheet/workflows` of the project.
    Project,
    /// `callsheet/workflows` of the user's configuration.
    User,
    /// Those that come with callsheet.
    Bundled,
}

impl Shelf {
    /// Every place, the strongest first.
    pub const ALL: [Self; 3] = [Shelf::Project, Shelf::User, Shelf::Bundled];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Shelf::Project => "project",
            Shelf::User => "user",
            Shelf::Bundled => "bundled",
        }
    }
}

/// A workflow that was found by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub shelf: Shelf,
    /// Its file; those that come with us have none.
    pub path: Option<PathBuf>,
    /// Its text.
    pub text: String,
}

impl Found {
    /// The name of the file, for stacks and for people.
    pub fn file(&self) -> String {
        match &self.path {
            Some(path) => walk::text_of(path),
            None => format!("<bundled>/{}{SUFFIX}", self.name),
        }
    }
}

/// What was done to save a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its file.
    pub path: PathBuf,
    /// Where what had the name before lies now.
    pub aside: Option<PathBuf>,
    /// Whether the very same text was there already.
    pub same: bool,
}

/// The workflows that have a name, as seen from a directory.
#[derive(Debug, Clone)]
pub struct Library {
    project: PathBuf,
    user: Option<PathBuf>,
}

/// Tells whether a text can be the name of a workflow. No script can: it has spaces.
pub fn is_name(text: &str) -> bool {
    let bad = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '/' | '\\')
            || is_format(letter)
    };
    !text.is_empty()
        && text.chars().count() <= LONGEST
        && text.len() <= LONGEST_FILE
        && !text.starts_with(['.', '-'])
        && !text.contains(bad)
}

/// Characters that nobody sees: two names that look the same must be the same.
const fn is_format(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn misnamed(name: &str) -> ExecError {
    let message = format!("`{}` cannot be the name of a workflow", name.escape_debug());
    ExecError::new(ExecErrorKind::Usage, message).hint(
        "a name has 1 to 128 characters, no spaces and slashes, and begins with no `.` or `-`",
    )
}

impl Library {
    /// Looks from a directory; the user's place is in `$XDG_CONFIG_HOME`, else `~/.config`.
    pub fn from_env(cwd: &Path) -> Self {
        let config = env::var("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| Some(env::home_dir()?.join(".config")));
        Self {
            project: cwd.join(".callsheet/workflows"),
            user: config.map(|config| config.join("callsheet/workflows")),
        }
    }

    fn dir(&self, shelf: Shelf) -> Option<&Path> {
        match shelf {
            Shelf::Project => Some(&self.project),
            Shelf::User => self.user.as_deref(),
            Shelf::Bundled => None,
        }
    }

    /// Returns the file of a name at a place.
    fn file(&self, shelf: Shelf, name: &str) -> Option<PathBuf> {
        Some(self.dir(shelf)?.join(format!("{name}{SUFFIX}")))
    }

    /// Finds a workflow by its name: at the strongest place that has it.
    ///
    /// # Errors
    /// Its file cannot be read, or is no text.
    pub fn find(&self, name: &str) -> Result<Option<Found>, ExecError> {
        if !is_name(name) {
            return Ok(None);
        }
        for shelf in Shelf::ALL {
            if let Some(found) = self.at(shelf, name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn at(&self, shelf: Shelf, name: &str) -> Result<Option<Found>, ExecError> {
        let found = |path, text| Found {
            name: name.to_owned(),
            shelf,
            path,
            text,
        };
        let Some(path) = self.file(shelf, name) else {
            let bundled = BUNDLED.iter().find(|(known, _)| *known == name);
            return Ok(bundled.map(|(_, text)| found(None, (*text).to_owned())));
        };
        if !fs::is_file(&path) {
            return Ok(None);
        }
        let text = Script::read(&path)?;
        Ok(Some(found(Some(path), text)))
    }

    /// Lists everything that has a name, the strongest of a name first.
    ///
    /// # Errors
    /// A directory or a file cannot be read.
    pub fn list(&self) -> Result<Vec<Found>, ExecError> {
        let mut all = Vec::new();
        for shelf in Shelf::ALL {
            for name in self.names(shelf)? {
                all.extend(self.at(shelf, &name)?);
            }
        }
        all.sort_by(|left: &Found, right| {
            (&left.name, left.shelf).cmp(&(&right.name, right.shelf))
        });
        Ok(all)
    }

    fn names(&self, shelf: Shelf) -> Result<Vec<String>, ExecError> {
        let Some(path) = self.dir(shelf) else {
            return Ok(BUNDLED.iter().map(|(name, _)| (*name).to_owned()).collect());
        };
        let dir = match Dir::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            dir => dir.at(path)?,
        };
        let names = dir.names().at(path)?;
        let names = names.iter().filter_map(|name| name.to_str());
        let names = names.filter_map(|name| name.strip_suffix(SUFFIX));
        Ok(names
            .filter(|name| is_name(name))
            .map(String::from)
            .collect())
    }

    /// The error for a name that nothing has.
    pub fn missing(&self, name: &str) -> ExecError {
        let message = format!("there is no workflow `{name}`, and no file of that name");
        let error = ExecError::new(ExecErrorKind::Missing, message);
        // What cannot be listed cannot be meant.
        let known: Vec<String> = Shelf::ALL
            .iter()
            .filter_map(|shelf| self.names(*shelf).ok())
            .flatten()
            .collect();
        error.hint(match nearest(name, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`callsheet workflow saved` shows those that there are".to_owned(),
        })
    }

    /// The script of a name, for another script that calls it; `None` for a text that can be
    /// no name.
    pub fn script(&self, name: &str) -> Option<Result<Script, String>> {
        if !is_name(name) {
            return None;
        }
        let found = self.find(name);
        let found = found.and_then(|found| found.ok_or_else(|| self.missing(name)));
        Some(match found {
            Ok(found) => {
                Script::of_text(&found.text, &found.file()).map_err(|problem| problem.to_string())
            }
            Err(error) => {
                let hint = error.hints().first();
                let hint = hint.map(|hint| format!(" ({hint})"));
                Err(format!("{}{}", error.chain(), hint.unwrap_or_default()))
            }
        })
    }

    /// Saves a script by a name. What has the name already is kept aside, and only replaced
    /// when that is wanted.
    ///
    /// # Errors
    /// The name cannot be one, or is taken, or the file cannot be written.
    pub fn save(
        &self,
        (shelf, name): (Shelf, &str),
        text: &str,
        replace: bool,
    ) -> Result<Kept, ExecError> {
        if !is_name(name) {
            return Err(misnamed(name));
        }
        let (path, dir) = self.open(shelf, name)?;
        let there = self.at(shelf, name)?;
        if there.as_ref().is_some_and(|there| there.text == text) {
            return Ok(Kept {
                path,
                aside: None,
                same: true,
            });
        }
        let file = file_name(name);
        let taken = dir.stat(&file).at(&path)?.is_some();
        if taken && !replace {
            let message = format!("there is another workflow `{name}`");
            return Err(ExecError::new(ExecErrorKind::Refused, message)
                .at(path)
                .hint("--replace puts this one in its place, and keeps that one aside"));
        }
        let draft = OsString::from(format!(".{name}.new"));
        write_draft(&dir, &draft, text.as_bytes(), Attributes::default()).at(&path)?;
        let aside = if taken {
            Some(set_aside(&dir, name)?)
        } else {
            None
        };
        dir.rename_new(&draft, &dir, &file)
            .and_then(|()| dir.sync())
            .at(&path)?;
        Ok(Kept {
            path,
            aside,
            same: false,
        })
    }

    /// Takes a workflow off its place; returns where its file stood and where it lies now.
    ///
    /// # Errors
    /// There is none, or it comes with us, or it cannot be moved.
    pub fn forget(
        &self,
        name: &str,
        shelf: Option<Shelf>,
    ) -> Result<(PathBuf, PathBuf), ExecError> {
        let found = match shelf {
            None => self.find(name)?,
            Some(shelf) => self.at(shelf, name)?,
        };
        let Some(found) = found else {
            return Err(self.missing(name));
        };
        let Some(path) = found.path else {
            let message = format!("`{name}` comes with callsheet and stays");
            let error = ExecError::new(ExecErrorKind::Refused, message);
            return Err(error.hint("a workflow saved by that name goes over it"));
        };
        let (_, dir) = self.open(found.shelf, name)?;
        let aside = set_aside(&dir, name)?;
        Ok((path, aside))
    }

    fn open(&self, shelf: Shelf, name: &str) -> Result<(PathBuf, Dir), ExecError> {
        let dir = self.dir(shelf).ok_or_else(|| {
            let message = "the user has no directory for configuration";
            ExecError::new(ExecErrorKind::Config, message).hint("set HOME or XDG_CONFIG_HOME")
        })?;
        fs::make_dirs(dir).at(dir)?;
        let path = dir.join(format!("{name}{SUFFIX}"));
        Ok((path, Dir::open(dir).at(dir)?))
    }
}

fn file_name(name: &str) -> OsString {
    OsString::from(format!("{name}{SUFFIX}"))
}

/// Moves what has a name out of the way, whatever it is.
fn set_aside(dir: &Dir, name: &str) -> Result<PathBuf, ExecError> {
    let path = dir.path().join(ASIDE);
    let aside = OsString::from(ASIDE);
    if dir
        .stat(&aside)
        .at(&path)?
        .is_none_or(|meta| meta.kind != Kind::Dir)
    {
        dir.make_dir(&aside, 0o755).at(&path)?;
    }
    let to = dir.child(&aside).at(&path)?;
    let new = format!("{name}-{}{SUFFIX}", now_ms());
    dir.rename_new(&file_name(name), &to, &OsString::from(&new))
        .and_then(|()| to.sync())
        .and_then(|()| dir.sync())
        .at(&path)?;
    Ok(path.join(new))
}

/// Puts together what a script is given, of JSON and of single arguments, and checks it.
///
/// # Errors
/// It does not fit what the script says that it wants; each problem names the argument.
pub fn given(
    script: &Script,
    whole: &plan_core::base::json::Value<'_>,
    named: &[(String, String)],
) -> Result<plan_core::base::record::JsonText, ExecError> {
    let settled = meta::collect(&script.parameters, whole, named)
        .and_then(|given| meta::settle(&script.parameters, &given));
    settled
        .map(|value| plan_core::base::record::JsonText::new(&value))
        .map_err(|problems| {
            let help = problems.first().and_then(|problem| problem.help.clone());
            let message = format!("the workflow `{}` cannot be given this", script.name);
            let error = ExecError::with_problems(ExecErrorKind::Usage, &message, problems);
            match help {
                Some(help) => error.hint(help),
                None => error,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files_that_people_can_type() {
        for name in ["audit", "a", "Überblick", "a.b-c_d", "x@2"] {
            assert!(is_name(name), "{name}");
        }
        let long = "n".repeat(129);
        let wide = "字".repeat(100);
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "-x",
            "a b",
            "a/b",
            "a\\b",
            "a\nb",
            "a\u{200b}b",
            &long,
            &wide,
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_comes_with_us_is_whole() {
        for (name, text) in BUNDLED {
            let script = Script::of_text(text, name).expect(name);
            assert_eq!(script.name, *name);
            assert!(!script.parameters.is_empty(), "{name}");
            assert!(!script.phases.is_empty(), "{name}");
        }
    }
}
