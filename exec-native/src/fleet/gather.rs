//! Everything that a fleet's plan follows from, read from its home.

use std::path::Path;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::digest::sha256_hex;
use plan_core::base::text::nearest;
use plan_core::fleet::library::{PersonaLayer, RoleFile};
use plan_core::fleet::merge::Terms;
use plan_core::fleet::observed::Observed;
use plan_core::fleet::plan::{Aim, Edit, Input};
use plan_core::fleet::roster::{self, Tmux};
use plan_core::fleet::{lock, policy};

use super::home::{AGENTS, Home, HomeFile, LoadedProfile, ROSTER, ROSTER_LOCK, Roles};
use super::ready::check_policy;
use crate::error::ExecError;
use crate::os::fs;
use crate::os::walk::text_of;

/// The policy, below the home.
pub const POLICY: &str = "fleet/policy.yaml";
/// Persona files by class, below the home.
pub const PERSONAS: &str = "fleet/personas";

/// What a command asks of a plan.
#[derive(Debug, Clone)]
pub struct Request {
    /// The profile; the one that was applied last by default.
    pub profile: Option<String>,
    /// Whether all of its seats are staffed; as before by default.
    pub full: Option<bool>,
    /// What the operator changes.
    pub edits: Vec<Edit>,
    /// How to merge.
    pub terms: Terms,
    /// What to aim at.
    pub aim: Aim,
}

impl Request {
    /// Asks for a goal and nothing else.
    pub fn aiming(aim: Aim) -> Self {
        Self {
            profile: None,
            full: None,
            edits: Vec::new(),
            terms: Terms::default(),
            aim,
        }
    }
}

/// What a home holds.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The input of the plan; what runs is not in it yet.
    pub input: Input,
    /// The roles.
    pub roles: Roles,
    /// Problems of files that stop the plan.
    pub problems: Vec<Diagnostic>,
    /// The profile that the fleet is staffed from.
    profile: Option<LoadedProfile>,
}

/// Returns the name under which the sessions of a home are tagged: two homes never share
/// one, and one home keeps its own.
pub fn fleet_id(home: &Home) -> String {
    let dir = fs::real(home.dir()).unwrap_or_else(|_| home.dir().to_owned());
    let mut digest = sha256_hex(text_of(&dir).as_bytes());
    digest.truncate(12);
    digest
}

/// Reads the home.
///
/// # Errors
/// A directory or file of ours cannot be read.
pub fn gather(home: &Home, request: &Request) -> Result<Gathered, ExecError> {
    let roles = home.roles()?;
    let mut problems = roles.problems.clone();
    let text = |below: &str| Ok::<_, ExecError>(home.read(below)?.map(|stored| stored.text));
    let locked = text(ROSTER_LOCK)?;
    let profile = chosen(home, request, &roles, locked.as_deref(), &mut problems)?;
    let policy = text(POLICY)?;
    // What else is wrong with it is told by the plan.
    let sound = policy.as_deref().filter(|text| policy::parse(text).is_ok());
    problems.extend(sound.map(check_policy).unwrap_or_default());
    let input = Input {
        fleet: fleet_id(home),
        profile: profile.as_ref().map(|profile| RoleFile {
            name: format!("{}.yaml", profile.stem),
            text: profile.text.clone(),
        }),
        full: request.full,
        roles: roles.files(PersonaLayer::Baseline).to_vec(),
        roles_local: roles.files(PersonaLayer::Override).to_vec(),
        personas: texts(home.files(PERSONAS, ".json")?, &mut problems),
        policy,
        roster: text(ROSTER)?,
        lock: locked,
        env: texts(home.files(AGENTS, ".env")?, &mut problems),
        observed: None,
        edits: request.edits.clone(),
        terms: request.terms.clone(),
        aim: request.aim.clone(),
    };
    Ok(Gathered {
        input,
        roles,
        problems,
        profile,
    })
}

fn texts(files: Option<Vec<HomeFile>>, problems: &mut Vec<Diagnostic>) -> Vec<RoleFile> {
    let mut read = Vec::new();
    for file in files.into_iter().flatten() {
        match file.text {
            Ok(text) => read.push(RoleFile {
                name: file.name,
                text,
            }),
            Err(problem) => problems.push(problem),
        }
    }
    read
}

/// Finds the profile: the one asked for, else the one that was applied last.
fn chosen(
    home: &Home,
    request: &Request,
    roles: &Roles,
    locked: Option<&str>,
    problems: &mut Vec<Diagnostic>,
) -> Result<Option<LoadedProfile>, ExecError> {
    // A lock that cannot be read is told by the plan.
    let last = || {
        let locked = lock::parse(locked?).ok()?;
        locked.selection.profile
    };
    let Some(id) = request.profile.clone().or_else(last) else {
        return Ok(None);
    };
    let profiles = home.profiles(&roles.library)?;
    if let Some(found) = profiles.iter().find(|profile| profile.stem == id) {
        return Ok(Some(found.clone()));
    }
    let message = format!("there is no profile `{id}`");
    let ids = profiles.iter().map(|profile| &*profile.stem);
    let help = nearest(&id, ids).map_or_else(
        || "`callsheet fleet profile list` lists them".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    problems.push(Diagnostic::error(Code::PROFILE_UNKNOWN, message).help(help));
    Ok(None)
}

impl Gathered {
    /// Adds what runs.
    #[must_use]
    pub fn seeing(mut self, observed: Observed) -> Self {
        self.input.observed = Some(observed);
        self
    }

    /// Returns where the sessions of the fleet are.
    pub fn tmux(&self) -> Tmux {
        let roster = self.input.roster.as_deref().map(roster::parse);
        let roster = roster.and_then(Result::ok);
        roster.unwrap_or_default().tmux
    }

    /// Finds the path and the text of a file that a diagnostic names.
    pub fn file<'g>(&'g self, home: &Home, name: &str) -> Option<(String, &'g str)> {
        let below =
            |below: &str, text: Option<&'g String>| Some((text_of(&home.path(below)), &**text?));
        match name {
            roster::FILE => below(ROSTER, self.input.roster.as_ref()),
            lock::FILE => below(ROSTER_LOCK, self.input.lock.as_ref()),
            policy::FILE => below(POLICY, self.input.policy.as_ref()),
            _ => {
                let stem = Path::new(name).file_stem()?.to_str()?;
                let profile = self.profile.as_ref()?;
                (profile.stem == stem).then(|| (profile.path.clone(), &*profile.text))
            }
        }
    }
}
