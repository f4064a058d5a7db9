//! Which view of the project a run gets, and how far that view hides and protects.

use std::path::Path;

use plan_core::effect::View;
use plan_core::persona::plan::PersonaSpawnPlan;

use crate::error::{ExecError, ExecErrorKind};
use crate::os::dir::Dir;
use crate::os::{git, proc};

/// Which view somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ViewChoice {
    /// The best that works here and that the run's rules need.
    #[default]
    Auto,
    /// One of its own even without rules: a layer where one works, else a copy.
    Own,
    /// A layer over the project at the project's own path.
    Overlay,
    /// A copy of the project elsewhere.
    Copy,
    /// The project itself.
    InPlace,
}

impl ViewChoice {
    /// Reads the word for it.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "auto" => ViewChoice::Auto,
            "overlay" => ViewChoice::Overlay,
            "copy" => ViewChoice::Copy,
            "inplace" => ViewChoice::InPlace,
            _ => return None,
        })
    }
}

/// What holds an agent to the rules of its view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// The kernel: hidden paths cannot be read and protected ones not written.
    Enforced,
    /// Its own good will: what is left out of a copy is still there by its path.
    Cosmetic,
    /// Nothing.
    None,
}

impl Enforcement {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Enforcement::Enforced => "enforced",
            Enforcement::Cosmetic => "cosmetic",
            Enforcement::None => "none",
        }
    }

    /// Returns what a view enforces.
    pub const fn of(view: View) -> Self {
        match view {
            View::Overlay => Enforcement::Enforced,
            View::Copy => Enforcement::Cosmetic,
            View::InPlace => Enforcement::None,
        }
    }
}

/// The view that a run gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The view.
    pub view: View,
    /// What it enforces.
    pub enforcement: Enforcement,
    /// Why it is not a better one, one sentence each.
    pub why: Vec<String>,
}

impl Chosen {
    pub(crate) const fn plain(view: View) -> Self {
        Self {
            view,
            enforcement: Enforcement::of(view),
            why: Vec::new(),
        }
    }

    fn because(view: View, why: impl Into<String>) -> Self {
        Self {
            why: vec![why.into()],
            ..Self::plain(view)
        }
    }

    /// Tells a person about the view, in one line.
    pub fn line(&self) -> String {
        let said = match self.view {
            View::Overlay => "a layer over the project: hidden and read-only paths are enforced",
            View::Copy => "a copy of the project: hiding is cosmetic, the project stays readable",
            View::InPlace => "the project itself: nothing is hidden or protected",
        };
        let mut line = format!("view {}: {said}", self.view.as_str());
        for why in &self.why {
            line = format!("{line}; {why}");
        }
        line
    }
}

/// What the choice depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs<'n> {
    /// What was asked for.
    pub(crate) choice: ViewChoice,
    /// Whether something is to be hidden or protected.
    pub(crate) rules: bool,
    /// Whether every program of the run is started by our own.
    pub(crate) entered: bool,
    /// Whether the plan installs skills in the project's directory.
    pub(crate) installs: bool,
    /// The project.
    pub(crate) project: &'n Path,
}

/// Tells whether a plan runs installers in the agent's directory.
pub(crate) fn installs_in_project(plan: &PersonaSpawnPlan<'_>) -> bool {
    !plan.edition().switches().private_launch && !plan.skills.installs.is_empty()
}

/// Chooses a view by what is known without trying. An overlay must still be tried; when
/// that fails, [`fall_back`] decides.
///
/// # Errors
/// An overlay was asked for and cannot be.
pub(crate) fn choose(needs: &Needs<'_>) -> Result<Chosen, ExecError> {
    match needs.choice {
        ViewChoice::Copy => return Ok(Chosen::plain(View::Copy)),
        ViewChoice::InPlace => return Ok(Chosen::plain(View::InPlace)),
        ViewChoice::Auto if !needs.rules => return Ok(Chosen::plain(View::InPlace)),
        ViewChoice::Auto | ViewChoice::Own if !needs.entered => {
            let why = "a layer is seen only by programs that callsheet starts";
            return Ok(Chosen::because(View::Copy, why));
        }
        ViewChoice::Auto | ViewChoice::Own | ViewChoice::Overlay => {}
    }
    match known_obstacle(needs) {
        Some(why) => fall_back(needs.choice, why),
        None => Ok(Chosen::plain(View::Overlay)),
    }
}

/// Decides what comes instead of an overlay that cannot be.
///
/// # Errors
/// An overlay was asked for.
pub(crate) fn fall_back(choice: ViewChoice, why: String) -> Result<Chosen, ExecError> {
    if choice == ViewChoice::Overlay {
        let message = format!("no layer can be put over the project: {why}");
        let error = ExecError::new(ExecErrorKind::Missing, message);
        return Err(error.hint("`--view copy` works everywhere"));
    }
    Ok(Chosen::because(View::Copy, why))
}

/// Names what is known to go wrong with an overlay.
pub(crate) fn known_obstacle(needs: &Needs<'_>) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("layers need Linux".into());
    }
    if needs.installs {
        return Some("the plan's installers write into the project's directory".into());
    }
    let Ok(project) = Dir::open(needs.project) else {
        return Some("the project may not be read".into());
    };
    if git::find(needs.project).is_err() {
        // Nothing of its own can be made of it, and git would write behind the pointer.
        return Some("the project's `.git` leads nowhere".into());
    }
    if proc::is_root() {
        return None;
    }
    let foreign = project.foreign_entry().ok().flatten()?;
    Some(format!(
        "`{}` belongs to another user or group, and a layer could not change it; `chown` it",
        foreign.to_string_lossy()
    ))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests look at real files")]

    use super::*;

    fn needs(choice: ViewChoice, project: &Path) -> Needs<'_> {
        Needs {
            choice,
            rules: true,
            entered: true,
            installs: false,
            project,
        }
    }

    #[test]
    fn a_view_is_chosen_by_what_a_run_needs() {
        let temp = tempfile::tempdir().expect("a directory");
        let all = needs(ViewChoice::Auto, temp.path());
        let view = |needs: Needs<'_>| choose(&needs).expect("a choice").view;
        let best = if cfg!(target_os = "linux") {
            View::Overlay
        } else {
            View::Copy
        };
        assert_eq!(view(all), best);
        assert_eq!(
            view(Needs {
                rules: false,
                ..all
            }),
            View::InPlace
        );
        assert_eq!(
            view(Needs {
                entered: false,
                ..all
            }),
            View::Copy
        );
        assert_eq!(
            view(Needs {
                installs: true,
                ..all
            }),
            View::Copy
        );
        assert_eq!(view(needs(ViewChoice::InPlace, temp.path())), View::InPlace);
        assert_eq!(view(needs(ViewChoice::Copy, temp.path())), View::Copy);
    }

    #[test]
    fn an_overlay_that_was_asked_for_is_not_replaced() {
        let temp = tempfile::tempdir().expect("a directory");
        std::fs::write(temp.path().join(".git"), "gitdir: /elsewhere\n").expect("a file");
        let error = choose(&needs(ViewChoice::Overlay, temp.path())).expect_err("a refusal");
        assert_eq!(error.exit_code(), 69);
        let chosen = choose(&needs(ViewChoice::Auto, temp.path())).expect("a choice");
        assert_eq!(chosen.view, View::Copy);
        assert_eq!(chosen.enforcement.as_str(), "cosmetic");
        assert!(chosen.line().contains("leads nowhere"), "{}", chosen.line());
    }
}
