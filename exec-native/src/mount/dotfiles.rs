//! The project's own rules for agents: `.agentignore` and `.agentreadonly`.

use std::path::Path;

use plan_core::persona::resolve::Unread;

use crate::error::{ExecError, ExecErrorKind};
use crate::os::walk::{self, text_of};

/// More than anybody writes by hand.
const LIMIT: u64 = 1 << 20;

/// Patterns in gitignore syntax that a project has for every agent, or for one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dotfiles {
    /// What agents do not see.
    pub(crate) ignored: Vec<String>,
    /// What agents do not change.
    pub(crate) readonly: Vec<String>,
}

impl Dotfiles {
    /// Reads the files in a project's directory: those for every agent, and with a name
    /// `.<name>.agentignore` and `.<name>.agentreadonly` too.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub(crate) fn read(project: &Path, agent: Option<&str>) -> Result<Self, ExecError> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        // No file can be meant for a name that is not one of a file.
        let agent = agent.filter(|name| !name.is_empty() && name.chars().all(plain));
        let lines = |name: &str| -> Result<Vec<String>, ExecError> {
            let mut lines = read(&project.join(format!(".{name}")))?;
            if let Some(agent) = agent {
                lines.extend(read(&project.join(format!(".{agent}.{name}")))?);
            }
            Ok(lines)
        };
        Ok(Self {
            ignored: lines("agentignore")?,
            readonly: lines("agentreadonly")?,
        })
    }

    /// Tells whether there are no rules.
    pub(crate) fn is_empty(&self) -> bool {
        self.ignored.is_empty() && self.readonly.is_empty()
    }
}

fn read(path: &Path) -> Result<Vec<String>, ExecError> {
    let text = match walk::read_text_limited(&text_of(path), LIMIT) {
        Err(Unread::Missing) => return Ok(Vec::new()),
        text => text.map_err(|why| {
            // A rule that nobody can read must not be dropped silently.
            ExecError::new(ExecErrorKind::Config, why.to_string()).at(path)
        })?,
    };
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(String::from).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests look at real files")]

    use super::*;

    #[test]
    fn rules_for_one_agent_follow_those_for_all() {
        let temp = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            std::fs::write(temp.path().join(name), text).expect("a file");
        };
        write(".agentignore", "# secrets\n\n  secrets/  \n");
        write(".scout.agentignore", "*.key\n");
        write(".agentreadonly", "LICENSE\n");
        let all = Dotfiles::read(temp.path(), None).expect("rules");
        assert_eq!(all.ignored, ["secrets/"]);
        let scout = Dotfiles::read(temp.path(), Some("scout")).expect("rules");
        assert_eq!(scout.ignored, ["secrets/", "*.key"]);
        assert_eq!(scout.readonly, ["LICENSE"]);
        let odd = Dotfiles::read(temp.path(), Some("../x")).expect("rules");
        assert_eq!(odd, all);
    }
}
