//! The spawn plan: everything that starting one agent needs, as data.

use alloc::string::String;
use alloc::vec::Vec;

use super::harness::compat::ConfigFile;
use super::harness::launch::{EnvDocument, PrivateFile, PrivateLink};
use super::mount::MountPolicy;
use super::selection::Echo;
use super::skills::SkillMaterializationPlan;
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::digest;
use crate::base::edition::Edition;
use crate::base::json::{Object, Text, Value};
use crate::base::record::{Scan, record, words};

/// The version of the plan's wire form.
pub const PLAN_VERSION: u64 = 1;

/// What stands in a plan for the private directory of the run that executes it.
/// The executor replaces it in arguments, variables and paths; nothing that an
/// author writes may contain it.
pub const STAGE: &str = "{{stage}}";

words! {
    /// How the harness is used.
    pub enum Mode {
        /// In a terminal, by a person.
        Interactive = "interactive",
        /// Once, for a task.
        OneShot = "one-shot",
    }
}

words! {
    /// What a sidecar does to a file that exists.
    pub enum SidecarMode {
        /// Takes its place until the run is over.
        Overwrite = "overwrite",
        /// Is added behind it.
        Extend = "extend",
    }
}

record! {
    /// A Markdown file that the harness reads from its working directory.
    pub struct SidecarWrite<'a> {
        /// The bare file name.
        pub filename: Text<'a> => "filename",
        /// The text, unless it is in a file.
        pub contents: Option<Text<'a>> => "contents",
        /// The file that holds the text.
        pub source_path: Option<Text<'a>> => "sourcePath",
        /// What happens to an existing file.
        pub mode: SidecarMode => "mode",
    }
}

record! {
    /// The value of one input.
    pub struct InputBinding<'a> {
        /// The input.
        pub name: Text<'a> => "name",
        /// The variable that carries it.
        pub env_name: Text<'a> => "envName",
        /// Its value.
        pub value: Text<'a> => "value",
    }
}

record! {
    /// How to start one agent. The members up to `mount` are those of persona-kit 4;
    /// the others are there from edition 2026 on.
    pub struct PersonaSpawnPlan<'a> {
        /// The version of this form.
        pub version: Option<u64> => "version",
        /// The edition that the plan was built in.
        pub edition: Option<Edition> => "edition",
        /// SHA-256 of the plan's compact JSON without this member.
        pub digest: Option<String> => "digest",
        /// The selection that was planned.
        pub persona: Echo<'a> => "persona",
        /// The program to start.
        pub cli: Text<'a> => "cli",
        /// Its arguments.
        pub args: Vec<Text<'a>> => "args",
        /// Files to write below the working directory.
        pub config_files: Vec<ConfigFile<'a>> => "configFiles",
        /// Skills to install.
        pub skills: SkillMaterializationPlan<'a> => "skills",
        /// Markdown files to write into the working directory.
        pub sidecars: Vec<SidecarWrite<'a>> => "sidecars",
        /// The inputs and their values.
        pub inputs: Vec<InputBinding<'a>> => "inputs",
        /// Variables to set.
        pub env: Object<'a> => "env",
        /// Text to pass as the last positional argument when not empty.
        pub initial_prompt: Option<Text<'a>> => "initialPrompt",
        /// What of the project the agent sees.
        pub mount: Option<MountPolicy<'a>> => "mount",
        /// How the harness is used.
        pub mode: Option<Mode> => "mode",
        /// What the program reads from standard input.
        pub stdin: Option<Text<'a>> => "stdin",
        /// Variables whose references are resolved at spawn.
        pub env_documents: Option<Vec<EnvDocument<'a>>> => "envDocuments",
        /// Files to write below the run's private directory.
        pub private_files: Option<Vec<PrivateFile<'a>>> => "privateFiles",
        /// Links to make below the run's private directory.
        pub private_links: Option<Vec<PrivateLink<'a>>> => "privateLinks",
        /// Seconds after which a one-shot run is ended.
        pub timeout_seconds: Option<f64> => "timeoutSeconds",
        /// What the author or the user should know; never an error.
        pub warnings: Option<Vec<Diagnostic>> => "warnings",
    }
}

impl Scan<'_> for f64 {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        value
            .as_number()
            .ok_or_else(|| crate::base::record::invalid(at, "must be a number"))
    }
}

impl<'a> PersonaSpawnPlan<'a> {
    /// Reads a plan and checks that version and digest fit its content.
    ///
    /// # Errors
    /// A diagnostic that names the field, or says that the plan was changed after
    /// it was built.
    pub fn read(value: &Value<'a>) -> Result<Self, Diagnostic> {
        let plan = Self::scan(value, &Path::root("plan"))?;
        plan.check()?;
        Ok(plan)
    }

    /// Returns the digest of the plan without its `digest` member.
    pub fn compute_digest(&self) -> String {
        if self.digest.is_none() {
            return digest::of_json(self);
        }
        let bare = Self {
            digest: None,
            ..self.clone()
        };
        digest::of_json(&bare)
    }

    /// Returns the edition; plans without one are persona-kit 4's.
    pub fn edition(&self) -> Edition {
        self.edition.unwrap_or(Edition::PersonaKit4)
    }

    /// Returns the variables that the persona's author wrote in plain words. What comes
    /// from an environment, an input or the harness may be a secret and is none of them.
    pub fn plain_env(&self) -> Vec<(&str, &str)> {
        let written = self.persona.get("env").and_then(Value::as_object);
        let variables = self.env.iter();
        let texts = variables.filter_map(|(name, value)| Some((name, value.as_str()?)));
        let plain = |(name, text): &(&str, &str)| {
            let own = written.and_then(|written| written.get(name));
            own.and_then(Value::as_str) == Some(*text) && !text.contains(STAGE)
        };
        texts.filter(plain).collect()
    }

    fn check(&self) -> Result<(), Diagnostic> {
        let corrupt = |problem: &str| Err(Diagnostic::error(Code::PLAN_CORRUPT, problem));
        if self.edition().switches().envelope {
            if self.version != Some(PLAN_VERSION) {
                return corrupt("plan.version is not one that this callsheet knows");
            }
            if self.digest.as_deref() != Some(&*self.compute_digest()) {
                return corrupt(
                    "plan.digest does not fit the plan: it was changed after it was built",
                );
            }
        } else if self.version.is_some() || self.digest.is_some() || self.private_files.is_some() {
            return corrupt(
                "plan.edition does not fit the plan: it was changed after it was built",
            );
        }
        Ok(())
    }
}
