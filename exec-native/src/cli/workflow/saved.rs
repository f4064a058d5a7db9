//! `callsheet workflow saved|save|forget|describe`: workflows that have a name.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::workflow::meta::Parameter;

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::given::shown;
use super::lines::one_line;
use super::look::find;
use super::{parse, tell};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::{env, fs, walk};
use crate::workflow::library::{Library, Shelf, is_name};
use crate::workflow::script::Script;

#[derive(Debug, Args)]
#[command(
    after_help = "A name is looked for in .callsheet/workflows of the project, then in
callsheet/workflows of the user's configuration, then among those that come with callsheet.

Example:
  callsheet workflow saved"
)]
pub(super) struct SavedCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("source").required(true)),
    after_help = "Examples:
  callsheet workflow save audit audit.js
  callsheet workflow save audit --run audit-01m7z5d68w-j19e318sf4 --user"
)]
pub(super) struct SaveCommand {
    /// The name.
    name: String,
    /// The script.
    #[arg(group = "source")]
    script: Option<PathBuf>,
    /// A run, whose latest script is saved.
    #[arg(long, value_name = "ID", group = "source")]
    run: Option<String>,
    /// Saves it for every project of the user, not for this one.
    #[arg(long)]
    user: bool,
    /// Takes the place of another one of that name, which is kept aside.
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "The file is moved aside, and where it lies is printed.

Example:
  callsheet workflow forget audit")]
pub(super) struct ForgetCommand {
    /// The name.
    name: String,
    /// The user's, not the project's.
    #[arg(long)]
    user: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet workflow describe deep-research
  callsheet workflow describe audit.js
  callsheet workflow describe codebase-audit --text > mine.js")]
pub(super) struct DescribeCommand {
    /// The script: a file, or a name.
    script: PathBuf,
    /// Prints the script itself.
    #[arg(long, conflicts_with = "json")]
    text: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Finds a script by what was said: a file, else a name. Returns where it was read, too.
pub(super) fn find_script(named: &Path, cwd: &Path) -> Result<(Script, String), Failure> {
    let name = named.to_str().filter(|name| is_name(name));
    if let Some(name) = name.filter(|_| !fs::is_file(named)) {
        let library = Library::from_env(cwd);
        let found = library.find(name)?.ok_or_else(|| library.missing(name))?;
        let file = found.file();
        return Ok((parse(&found.text, &file)?, file));
    }
    let text = Script::read(named)?;
    let script = parse(&text, &walk::text_of(named))?;
    let path = fs::absolute(named).unwrap_or_else(|_| named.to_owned());
    Ok((script, path.display().to_string()))
}

fn library() -> Result<Library, ExecError> {
    let cwd = env::current_dir().map_err(|error| {
        let message = "the working directory cannot be used";
        ExecError::new(ExecErrorKind::Failed, message).because(error)
    })?;
    Ok(Library::from_env(&cwd))
}

impl SavedCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.tell(output).map_err(|failure| failure.json(self.json))
    }

    fn tell(&self, output: &Output) -> Answer {
        let all = library()?.list()?;
        let mut last = None;
        let rows: Vec<_> = all
            .iter()
            .map(|found| {
                let script = Script::of_text(&found.text, &found.file());
                let shadowed = last == Some(&found.name);
                last = Some(&found.name);
                (found, script, shadowed)
            })
            .collect();
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.key("workflows");
                out.begin_array();
                for (found, script, shadowed) in &rows {
                    let script = script.as_ref();
                    out.begin_object();
                    out.field("name", &found.name);
                    out.field("place", found.shelf.as_str());
                    out.field("path", &found.path.as_deref().map(walk::text_of));
                    out.field("shadowed", shadowed);
                    let said = script.ok().map(|script| script.description.clone());
                    out.field("description", &said);
                    out.field("problem", &script.err().map(ToString::to_string));
                    out.end_object();
                }
                out.end_array();
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        for (found, script, shadowed) in &rows {
            let said = match script {
                Ok(script) => one_line(&script.description),
                Err(problem) => format!("broken: {problem}"),
            };
            let place = found.shelf.as_str();
            let note = if *shadowed {
                " (hidden by the one above)"
            } else {
                ""
            };
            output.line(&format!("{:<20} {place:<8} {said}{note}", found.name))?;
        }
        Ok(0)
    }
}

impl SaveCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let text = match (&self.script, &self.run) {
            (Some(path), _) => {
                let text = Script::read(path)?;
                parse(&text, &walk::text_of(path))?;
                text
            }
            (None, Some(run)) => {
                let file = find(run)?;
                let latest = file.history.started().map(|started| &started.script);
                let first = file.history.opened().map(|opened| &opened.script);
                file.blob(latest.or(first).map_or("", String::as_str))?
            }
            (None, None) => String::new(),
        };
        let shelf = if self.user {
            Shelf::User
        } else {
            Shelf::Project
        };
        let kept = library()?.save((shelf, &self.name), &text, self.replace)?;
        let path = kept.path.display();
        if kept.same {
            output.note(&format!("{path} holds it already"));
            return Ok(0);
        }
        if let Some(aside) = &kept.aside {
            output.note(&format!("the one before lies in {}", aside.display()));
        }
        output.note(&format!("saved in {path}"));
        output.note(&format!(
            "run it with: callsheet workflow run {}",
            self.name
        ));
        Ok(0)
    }
}

impl ForgetCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let shelf = self.user.then_some(Shelf::User);
        let library = library()?;
        let (path, aside) = library.forget(&self.name, shelf)?;
        output.note(&format!(
            "{} lies in {} now",
            path.display(),
            aside.display()
        ));
        if let Some(found) = library.find(&self.name)? {
            let place = found.shelf.as_str();
            output.note(&format!("`{}` is the {place} one from now on", self.name));
        }
        Ok(0)
    }
}

impl DescribeCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.tell(output).map_err(|failure| failure.json(self.json))
    }

    fn tell(&self, output: &Output) -> Answer {
        let cwd = env::current_dir().unwrap_or_default();
        let (script, path) = find_script(&self.script, &cwd)?;
        if self.text {
            output.bytes(script.text.as_bytes())?;
            return Ok(0);
        }
        let wrong = script.compile()?;
        let code = u8::from(wrong.is_some());
        let problems: Vec<Diagnostic> = wrong.into_iter().chain(script.lints()).collect();
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("name", &script.name);
                out.field("description", &script.description);
                out.field("path", &path);
                out.field("phases", &script.phases);
                out.field("model", &script.model);
                out.field("parameters", &*script.parameters);
                out.end_object();
            });
            output.envelope(&data, &problems)?;
            return Ok(code);
        }
        output.line(&format!("{}: {}", script.name, script.description))?;
        for phase in &script.phases {
            output.line(&format!("  {}", phase.title))?;
        }
        if !script.parameters.is_empty() {
            output.line("Parameters:")?;
        }
        for parameter in &script.parameters {
            output.line(&described(parameter))?;
        }
        tell(problems, &script, output);
        Ok(code)
    }
}

fn described(parameter: &Parameter) -> String {
    let mut notes = Vec::new();
    notes.extend(parameter.of.map(|of| of.as_str().to_owned()));
    if parameter.required {
        notes.push("required".to_owned());
    }
    if let Some(default) = &parameter.default {
        notes.push(format!("{} by default", shown(default)));
    }
    if !parameter.choices.is_empty() {
        let choices: Vec<String> = parameter.choices.iter().map(shown).collect();
        notes.push(format!("one of {}", choices.join(", ")));
    }
    let said = parameter.description.as_deref();
    let said = said.map(|said| format!("  {said}")).unwrap_or_default();
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    };
    format!("  {}{notes}{said}", parameter.name)
}
