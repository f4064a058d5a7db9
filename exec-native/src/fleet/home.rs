//! The fleet home: where it is, and what is read of it.
//!
//! A directory that the home lacks is taken from what is built in, so that a fresh
//! machine has profiles and roles; a directory that is there counts alone, even when it
//! is empty. A home of Mosaic works as it is.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::digest;
use plan_core::fleet::baseline;
use plan_core::fleet::library::{self, LayerIndex, Library, Persona, PersonaLayer, RoleFile};
use plan_core::fleet::profile::{self, Form, ParsedProfile, Profile};

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::{env, fs, walk};

/// The roster, below the home.
pub const ROSTER: &str = "fleet/roster.yaml";
/// What was generated last, below the home.
pub const ROSTER_LOCK: &str = "fleet/roster.lock.json";
/// The product's profiles, below the home.
pub const PROFILES: &str = "fleet/profiles";
/// The product's roles, below the home.
pub const ROLES: &str = "fleet/roles";
/// The operator's roles, below the home.
pub const ROLES_LOCAL: &str = "fleet/roles.local";
/// The environment files of seats, below the home.
pub const AGENTS: &str = "fleet/agents";
/// The variables that name the home, the strongest first.
pub const VARIABLES: [&str; 2] = ["CALLSHEET_HOME", "MOSAIC_HOME"];

/// The largest file of a home that is read, in bytes.
pub const FILE_LIMIT: u64 = 1 << 20;

/// The directory that holds the files of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
    follow: bool,
    form: Form,
}

/// A text file of a home, or why it cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub struct HomeFile {
    /// Its name in its directory.
    pub name: String,
    /// Its path, for people.
    pub path: String,
    /// Its text.
    pub text: Result<String, Diagnostic>,
}

/// A text with its digest, to tell later whether it is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The text.
    pub text: String,
    /// The digest of its bytes.
    pub digest: String,
}

/// The roles of a home, both layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Roles {
    /// The classes.
    pub library: Library,
    /// What cannot be read. A role that is not there may be the one that counts.
    pub problems: Vec<Diagnostic>,
    /// What looks like a mistake.
    pub warnings: Vec<Diagnostic>,
    layers: [Layer; 2],
}

/// The files of a layer, and where they are.
#[derive(Debug, Clone, PartialEq, Default)]
struct Layer {
    dir: String,
    files: Vec<RoleFile>,
}

/// A profile as its file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedProfile {
    /// The name of its file without the end, which must be its id.
    pub stem: String,
    /// Its file, for people.
    pub path: String,
    /// The text of its file, for diagnostics.
    pub text: String,
    /// What it says; none when it cannot be read.
    pub parsed: Option<ParsedProfile>,
    /// What is wrong with it: errors, then warnings.
    pub problems: Vec<Diagnostic>,
}

/// Where what is built in seems to lie.
const BUILT_IN: &str = "(built in)";

impl Home {
    /// Uses a directory, which need not exist.
    ///
    /// # Errors
    /// The path is empty, or cannot be made absolute.
    pub fn at(dir: impl AsRef<Path>) -> Result<Self, ExecError> {
        let dir = dir.as_ref();
        if dir.as_os_str().is_empty() {
            let message = "the path of the fleet home is empty";
            return Err(ExecError::new(ExecErrorKind::Usage, message));
        }
        Ok(Self {
            dir: fs::absolute(dir).at(dir)?,
            follow: false,
            form: Form::Strict,
        })
    }

    /// Finds the home: the directory given, else `$CALLSHEET_HOME`, else `$MOSAIC_HOME`,
    /// else `callsheet` in the user's configuration.
    ///
    /// # Errors
    /// A variable is set to nothing, or there is no home directory.
    pub fn find(given: Option<&Path>) -> Result<Self, ExecError> {
        if let Some(dir) = given {
            return Self::at(dir);
        }
        for name in VARIABLES {
            if let Some(value) = env::raw(name) {
                return Self::named_by(name, value);
            }
        }
        let config = env::var("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.filter(|config| config.is_absolute());
        let config = config.or_else(|| Some(env::home_dir()?.join(".config")));
        let config = config.ok_or_else(|| {
            let message = "there is no place for the fleet home";
            ExecError::new(ExecErrorKind::Config, message).hint("name one with --home DIR")
        })?;
        Self::at(config.join("callsheet"))
    }

    fn named_by(name: &str, value: OsString) -> Result<Self, ExecError> {
        if value.is_empty() {
            let message = format!("{name} is set to nothing");
            let error = ExecError::new(ExecErrorKind::Config, message);
            return Err(error.hint(format!("unset it, or let {name} name the fleet home")));
        }
        Self::at(PathBuf::from(value))
    }

    /// Says whether symbolic links below the home are followed.
    #[must_use]
    pub const fn following(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Says how profiles are read.
    #[must_use]
    pub const fn reading(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Tells whether symbolic links below the home are followed.
    pub const fn follows(&self) -> bool {
        self.follow
    }

    /// Returns the directory, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of something below the home.
    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.join(below)
    }

    /// Looks at what stands below the home, through no link unless they are followed.
    ///
    /// # Errors
    /// A link is on the way and is not followed, or the system refuses.
    pub fn kind(&self, below: &str) -> Result<Option<Kind>, ExecError> {
        let mut dir = match Dir::open(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            dir => dir.at(&self.dir)?,
        };
        let mut found = Some(Kind::Dir);
        let mut path = self.dir.clone();
        let mut segments = Path::new(below).components().peekable();
        while let Some(segment) = segments.next() {
            if !matches!(segment, Component::Normal(_)) {
                let message = "the path leaves the fleet home";
                return Err(ExecError::new(ExecErrorKind::Usage, message).at(below));
            }
            path.push(segment);
            let meta = dir.stat(segment.as_os_str()).at(&path)?;
            found = match meta.map(|meta| meta.kind) {
                Some(Kind::Symlink) => Some(self.behind(&path)?),
                kind => kind,
            };
            if found.is_none() {
                return Ok(None);
            }
            if segments.peek().is_some() {
                dir = Dir::open(&path).at(&path)?;
            }
        }
        Ok(found)
    }

    /// Returns what is behind a link.
    fn behind(&self, path: &Path) -> Result<Kind, ExecError> {
        if !self.follow {
            let message = "it is a symbolic link, and links in the fleet home are not followed";
            let error = ExecError::new(ExecErrorKind::Failed, message).at(path);
            return Err(error.hint("--follow goes through links"));
        }
        if fs::is_dir(path) {
            return Ok(Kind::Dir);
        }
        if fs::is_file(path) {
            return Ok(Kind::File);
        }
        let message = "it is a symbolic link that leads to nothing";
        let error = ExecError::new(ExecErrorKind::Failed, message).at(path);
        Err(error.hint("remove the link, or make what it leads to"))
    }

    /// Reads a text file of the home with its digest; `None` when there is none.
    ///
    /// # Errors
    /// It is a link, no file, too large, no text, or may not be read.
    pub fn read(&self, below: &str) -> Result<Option<Stored>, ExecError> {
        let path = self.path(below);
        if self.kind(below)?.is_none() {
            return Ok(None);
        }
        match walk::read_text_limited(&walk::text_of(&path), FILE_LIMIT) {
            Ok(text) => Ok(Some(Stored {
                digest: digest::of_bytes(text.as_bytes()),
                text,
            })),
            Err(why) => Err(ExecError::new(ExecErrorKind::Failed, why.to_string()).at(path)),
        }
    }

    /// Returns the digest of a file of the home, whatever it holds; `None` when there is
    /// none.
    ///
    /// # Errors
    /// It is a link or no file, or may not be read.
    pub fn digest(&self, below: &str) -> Result<Option<String>, ExecError> {
        let path = self.path(below);
        match self.kind(below)? {
            None => Ok(None),
            Some(Kind::File) => {
                let bytes = fs::read(&path).at(&path)?;
                Ok(Some(digest::of_bytes(&bytes)))
            }
            Some(_) => {
                let message = "it is not a regular file";
                Err(ExecError::new(ExecErrorKind::Failed, message).at(path))
            }
        }
    }

    /// Reads the text files of a directory with names of one end; `None` when there is no
    /// such directory. What cannot be read is told in its place.
    ///
    /// # Errors
    /// The directory is a link or none, or may not be read.
    pub fn files(&self, below: &str, end: &str) -> Result<Option<Vec<HomeFile>>, ExecError> {
        let path = self.path(below);
        match self.kind(below)? {
            None => return Ok(None),
            Some(Kind::Dir) => {}
            Some(_) => {
                let message = "it is not a directory";
                return Err(ExecError::new(ExecErrorKind::Failed, message).at(path));
            }
        }
        let names = Dir::open(&path).and_then(|dir| dir.names()).at(&path)?;
        let names = names.iter().map(|name| name.to_string_lossy());
        let wanted = names.filter(|name| name.ends_with(end) && !name.starts_with('.'));
        Ok(Some(wanted.map(|name| self.file(below, &name)).collect()))
    }

    fn file(&self, below: &str, name: &str) -> HomeFile {
        let inside = format!("{below}/{name}");
        let path = walk::text_of(&self.path(&inside));
        let refused = |code, message: String, help: Option<String>| {
            let mut problem = Diagnostic::error(code, message).within(&*path);
            problem.help = help;
            problem
        };
        let text = match self.kind(&inside) {
            // A name that is not text is not found by what it looks like.
            Ok(None) => {
                let message = "the name of the file is not UTF-8 text".to_owned();
                Err(refused(Code::DOCUMENT_UNREADABLE, message, None))
            }
            Err(error) => {
                let help = error.hints().first().cloned();
                let message = error.chain();
                Err(refused(Code::DOCUMENT_UNREADABLE, message, help))
            }
            Ok(Some(_)) => walk::read_text_limited(&path, FILE_LIMIT)
                .map_err(|why| refused(why.code(), format!("{path}: {why}"), None)),
        };
        HomeFile {
            name: name.to_owned(),
            path,
            text,
        }
    }
}

impl Home {
    /// Reads the roles of both layers.
    ///
    /// # Errors
    /// A directory cannot be read. A file that cannot is in the problems.
    pub fn roles(&self) -> Result<Roles, ExecError> {
        let mut problems = Vec::new();
        let mut layer = |below: &str| -> Result<Option<Layer>, ExecError> {
            let Some(files) = self.files(below, ".md")? else {
                return Ok(None);
            };
            let mut layer = Layer {
                dir: walk::text_of(&self.path(below)),
                files: Vec::new(),
            };
            for HomeFile { name, text, .. } in files {
                match text {
                    Ok(text) => layer.files.push(RoleFile { name, text }),
                    Err(problem) => problems.push(problem),
                }
            }
            Ok(Some(layer))
        };
        let base = layer(ROLES)?.unwrap_or_else(built_in_roles);
        let over = layer(ROLES_LOCAL)?.unwrap_or_default();
        let library = Library {
            base: LayerIndex::scan(&base.files),
            over: LayerIndex::scan(&over.files),
        };
        let warnings = [(&library.base, &base), (&library.over, &over)];
        let warnings = warnings.into_iter().flat_map(|(index, layer)| {
            let warnings = index.warnings.iter();
            warnings.map(|warning| layer.locate(warning))
        });
        let mut warnings: Vec<_> = warnings.collect();
        let shadows = library.shadows(&over.files);
        warnings.extend(shadows.iter().map(|shadow| over.locate(shadow)));
        Ok(Roles {
            warnings,
            library,
            problems,
            layers: [base, over],
        })
    }

    /// Reads and checks every profile.
    ///
    /// # Errors
    /// The directory cannot be read. What is wrong with a profile is in it.
    pub fn profiles(&self, library: &Library) -> Result<Vec<LoadedProfile>, ExecError> {
        let files = self.files(PROFILES, ".yaml")?;
        let files = files.unwrap_or_else(built_in_profiles);
        let mut loaded: Vec<_> = files
            .into_iter()
            .map(|file| load(file, library, self.form))
            .collect();
        // An id that is not its file's name may be that of another file.
        let ids: Vec<(String, Profile)> = loaded
            .iter()
            .filter_map(|loaded| {
                let parsed = profile::parse_as(self.form, &loaded.text, None).ok()?;
                Some((loaded.path.clone(), parsed.profile))
            })
            .collect();
        let pairs = ids.iter().map(|(path, profile)| (&**path, profile));
        for problem in profile::check_ids(pairs) {
            let file = problem.place.as_ref().and_then(|place| place.file.clone());
            let named = |loaded: &&mut LoadedProfile| Some(&loaded.path) == file.as_ref();
            if let Some(loaded) = loaded.iter_mut().find(named) {
                // The id is where it was found to be that of another file.
                let mut problem = problem;
                let mut known = loaded.problems.iter();
                let mismatch = known.find(|known| known.code == Code::PROFILE_ID_MISMATCH);
                if let Some(mismatch) = mismatch {
                    problem.place.clone_from(&mismatch.place);
                }
                loaded.problems.push(problem);
            }
        }
        Ok(loaded)
    }
}

fn load(file: HomeFile, library: &Library, form: Form) -> LoadedProfile {
    let HomeFile { name, path, text } = file;
    let stem = name.strip_suffix(".yaml").unwrap_or(&name).to_owned();
    let (text, parsed) = match text {
        Ok(text) => {
            let parsed = profile::parse_as(form, &text, Some(&stem));
            (text, parsed)
        }
        Err(problem) => (String::new(), Err(vec![problem])),
    };
    let (parsed, problems) = match parsed {
        Ok(parsed) => {
            let problems = parsed.check(library);
            (Some(parsed), problems)
        }
        Err(problems) => (None, problems),
    };
    let problems = problems.into_iter().map(|problem| problem.within(&*path));
    LoadedProfile {
        problems: problems.collect(),
        stem,
        path,
        text,
        parsed,
    }
}

fn built_in_roles() -> Layer {
    let files = baseline::ROLES.iter().map(|(name, text)| RoleFile {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    });
    Layer {
        dir: format!("{BUILT_IN} {ROLES}"),
        files: files.collect(),
    }
}

fn built_in_profiles() -> Vec<HomeFile> {
    let files = baseline::PROFILES.iter().map(|(name, text)| HomeFile {
        name: (*name).to_owned(),
        path: format!("{BUILT_IN} {PROFILES}/{name}"),
        text: Ok((*text).to_owned()),
    });
    files.collect()
}

impl Layer {
    /// Says where the file is that a warning names.
    fn locate(&self, warning: &Diagnostic) -> Diagnostic {
        let file = warning.place.as_ref().and_then(|place| place.file.as_ref());
        let path = file.map_or_else(|| self.dir.clone(), |file| format!("{}/{file}", self.dir));
        warning.clone().within(path)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let file = self.files.iter().find(|file| file.name == name)?;
        Some(&file.text)
    }
}

impl Roles {
    fn layer(&self, layer: PersonaLayer) -> &Layer {
        let [base, over] = &self.layers;
        match layer {
            PersonaLayer::Baseline => base,
            PersonaLayer::Override => over,
        }
    }

    /// Returns the files of a layer.
    pub fn files(&self, layer: PersonaLayer) -> &[RoleFile] {
        &self.layer(layer).files
    }

    /// Returns the text of a persona.
    pub fn text(&self, persona: &Persona) -> Option<&str> {
        self.layer(persona.layer).text(&persona.file)
    }

    /// Returns where the file of a persona is, for people.
    pub fn path(&self, persona: &Persona) -> String {
        format!("{}/{}", self.layer(persona.layer).dir, persona.file)
    }

    /// Returns the text of the file that a diagnostic is about.
    pub fn text_at(&self, path: &str) -> Option<&str> {
        let (dir, name) = path.rsplit_once('/')?;
        let mut layers = self.layers.iter().filter(|layer| layer.dir == dir);
        layers.find_map(|layer| layer.text(name))
    }

    /// Returns how many files there are.
    pub fn count(&self) -> u64 {
        self.layers
            .iter()
            .map(|layer| layer.files.len() as u64)
            .sum()
    }

    /// Returns the part of a seat's instructions that its persona is; empty when there is
    /// none.
    pub fn contract(&self, class: &str) -> String {
        library::contract(&self.library, class, |persona| self.text(persona))
    }
}

impl LoadedProfile {
    /// Tells whether it is one of those that are built in.
    pub fn is_built_in(&self) -> bool {
        self.path.starts_with(BUILT_IN)
    }

    /// Returns the id, as far as it is known.
    pub fn id(&self) -> &str {
        self.parsed
            .as_ref()
            .map_or(&self.stem, |parsed| &parsed.profile.id)
    }
}
