//! The shell commands that run a skill plan and clean up after it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::materialize::{provide, shell};
use super::{SkillError, SkillMaterializationPlan};
use crate::base::json::Text;
use crate::base::record::record;
use crate::base::text::{shell_join, shell_quote};

/// What tells Claude Code that the stage directory is a plugin.
pub(crate) const SESSION_MANIFEST: &str = r#"{"name":"agent-workforce-session","version":"0.0.0","description":"Ephemeral skills staged by agent-workforce for this session."}"#;

record! {
    /// The command that installs a plan's skills.
    pub struct InstallArtifacts<'a> {
        /// The command.
        pub install_command: Vec<Text<'a>> => "installCommand",
        /// Its script.
        pub install_command_string: String => "installCommandString",
    }
}

record! {
    /// The command that removes what a plan's skills left behind.
    pub struct CleanupArtifacts<'a> {
        /// The command.
        pub cleanup_command: Vec<Text<'a>> => "cleanupCommand",
        /// Its script.
        pub cleanup_command_string: String => "cleanupCommandString",
    }
}

/// Builds the command that installs a plan's skills. For a staged plan the commands
/// are derived from the sources again; those in the plan are not used.
///
/// # Errors
/// A staged plan with an unknown harness or a source of no known form.
pub fn install_artifacts<'a>(
    plan: &SkillMaterializationPlan<'_>,
) -> Result<InstallArtifacts<'a>, SkillError> {
    let script = match &plan.session_install_root {
        Some(root) => session_script(plan, root)?,
        None if plan.installs.is_empty() => String::from(":"),
        None => {
            let installs = plan.installs.iter();
            let commands: Vec<_> = installs
                .map(|install| shell_join(&install.install_command))
                .collect();
            commands.join(" && ")
        }
    };
    Ok(InstallArtifacts {
        install_command: shell(script.clone()),
        install_command_string: script,
    })
}

fn session_script(plan: &SkillMaterializationPlan<'_>, root: &str) -> Result<String, SkillError> {
    let root = shell_quote(root);
    let mut script = format!(
        "mkdir -p {root}/.claude-plugin {root}/.claude/skills && \
         ln -sfn .claude/skills {root}/skills && \
         printf '%s' '{SESSION_MANIFEST}' > {root}/.claude-plugin/plugin.json"
    );
    if !plan.installs.is_empty() {
        script = format!("{script} && cd {root}");
    }
    for install in &plan.installs {
        let provided = provide(&install.source, &plan.harness, plan.repo_root.as_deref())?;
        script.push_str(" && ");
        script.push_str(&shell_join(&provided.command));
    }
    Ok(script)
}

/// Builds the command that removes what a plan's skills leave behind.
pub fn cleanup_artifacts<'a>(plan: &SkillMaterializationPlan<'_>) -> CleanupArtifacts<'a> {
    let paths = plan
        .installs
        .iter()
        .flat_map(|install| &install.cleanup_paths);
    let script = if let Some(root) = &plan.session_install_root {
        format!("rm -rf {}", shell_quote(root))
    } else if paths.clone().next().is_none() {
        String::from(":")
    } else {
        paths.fold(String::from("rm -rf"), |script, path| {
            script + " " + &shell_quote(path)
        })
    };
    CleanupArtifacts {
        cleanup_command: shell(script.clone()),
        cleanup_command_string: script,
    }
}
