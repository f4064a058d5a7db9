//! `callsheet persona`.

use clap::{Args, Subcommand};
use plan_core::base::edition::Edition;
use plan_core::base::json::{Writer, pretty, print};
use plan_core::persona::lint;
use plan_core::persona::parse::{PersonaSpec, parse_agent, parse_persona};
use plan_core::persona::resolve::Problem;
use plan_core::persona::schema;

use super::Answer;
use super::args::EditionArg;
use super::failure::Failure;
use super::output::{Output, Shape};
use super::prepare::{load_options, read_json};
use super::report::Located;
use crate::personas::{list_personas, load_reference};

/// Lists, shows and checks personas.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  callsheet persona list
  callsheet persona show reviewer
  callsheet persona validate personas/*.json
  callsheet persona schema > persona.schema.json")]
pub(super) enum PersonaCommand {
    /// Lists the personas that can be named here.
    List(ListCommand),
    /// Shows a persona with everything that it extends.
    Show(ShowCommand),
    /// Parses a persona or agent file and prints the normalised document.
    Parse(ParseCommand),
    /// Checks persona files and reports every problem.
    Validate(ValidateCommand),
    /// Prints the JSON schema of persona or agent files.
    Schema(SchemaCommand),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet persona list --json")]
pub(super) struct ListCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet persona show reviewer.json
  callsheet persona show reviewer --selection > selection.json")]
pub(super) struct ShowCommand {
    /// A persona file, or the id of a persona.
    persona: String,
    /// Prints the selection: what the planner gets.
    #[arg(long)]
    selection: bool,
    /// The dialect.
    #[arg(long, default_value = "2026")]
    edition: EditionArg,
    /// Prints JSON in an envelope.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "This is the compatibility form: it prints what persona-kit's
parsePersonaSpec returns, and its error as {\"name\",\"message\"} on standard error.

Example:
  callsheet persona parse reviewer.json --intent review --json"
)]
pub(super) struct ParseCommand {
    /// The file.
    file: String,
    /// The intent that the persona must have; its own by default.
    #[arg(long)]
    intent: Option<String>,
    /// Parses an agent spec instead of a persona.
    #[arg(long, conflicts_with = "intent")]
    agent: bool,
    /// The dialect.
    #[arg(long, default_value = "persona-kit-4")]
    edition: EditionArg,
    /// Prints compact JSON, and errors as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet persona validate personas/*.json
  callsheet persona validate reviewer.json --json")]
pub(super) struct ValidateCommand {
    /// Persona files, or ids of personas.
    #[arg(required = true)]
    personas: Vec<String>,
    /// The dialect.
    #[arg(long, default_value = "2026")]
    edition: EditionArg,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet persona schema agent > agent.schema.json")]
pub(super) struct SchemaCommand {
    /// Which schema.
    #[arg(value_parser = ["persona", "agent"], default_value = "persona")]
    document: String,
}

impl PersonaCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        match self {
            PersonaCommand::List(command) => command.answer(output),
            PersonaCommand::Show(command) => command
                .answer(output)
                .map_err(|failure| failure.json(command.json)),
            PersonaCommand::Parse(command) => command.answer(output),
            PersonaCommand::Validate(command) => command.answer(output),
            PersonaCommand::Schema(command) => {
                let text = schema::find(&command.document).unwrap_or_default();
                output.line(text.trim_end()).map(|()| 0)
            }
        }
    }
}

impl ListCommand {
    fn answer(&self, output: &Output) -> Answer {
        let listed = list_personas(&load_options(Edition::V2026)?);
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("personas", &listed);
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        if listed.is_empty() {
            output.note("no personas here; put persona files into .callsheet/personas/");
        }
        for persona in &listed {
            let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
            let line = format!(
                "{:<24} {:<9} {:<28} {}",
                persona.id,
                part(&persona.harness),
                part(&persona.model),
                persona.source
            );
            output.line(&line)?;
            for problem in &persona.problems {
                output.problem(&format!("  {problem}"));
            }
        }
        Ok(0)
    }
}

impl ShowCommand {
    fn answer(&self, output: &Output) -> Answer {
        let options = load_options(self.edition.into())?;
        let loaded =
            load_reference(&self.persona, &options).map_err(|error| Failure::unresolved(&error))?;
        let shown = match &loaded.spec {
            Some(spec) if !self.selection => spec,
            _ => &loaded.selection,
        };
        let warnings: Vec<_> = loaded
            .warnings
            .iter()
            .map(|problem| problem.diagnostic.clone())
            .collect();
        if self.json {
            output.envelope(shown, &warnings)?;
            return Ok(0);
        }
        output.warnings(&warnings);
        output.note(&format!(
            "from {} ({})",
            loaded.path.as_deref().unwrap_or("built in"),
            loaded.source
        ));
        output.line(&pretty(shown)).map(|()| 0)
    }
}

impl ParseCommand {
    fn answer(&self, output: &Output) -> Answer {
        let value = read_json(&self.file).map_err(|failure| self.compat(failure))?;
        let edition = self.edition.into();
        let parsed = if self.agent {
            parse_agent(&value, "agent", edition)
        } else {
            let own = value.get_str("intent").unwrap_or_default();
            let intent = self.intent.as_deref().unwrap_or(own);
            parse_persona(&value, intent, edition).map(PersonaSpec::into_object)
        };
        match parsed {
            Ok(object) if self.json => output.line(&print(&object)).map(|()| 0),
            Ok(object) => output.line(&pretty(&object)).map(|()| 0),
            Err(problems) => {
                let located = |diagnostic| Located::new(diagnostic, Some(self.file.clone()));
                let problems = problems.into_iter().map(located).collect();
                Err(self.compat(Failure::Refused {
                    problems,
                    json: false,
                }))
            }
        }
    }

    /// Turns a failure into the error that persona-kit throws, for programs.
    fn compat(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Refused { problems, .. } if self.json => {
                let first = problems
                    .first()
                    .map(|problem| problem.diagnostic.to_string());
                let message = first.unwrap_or_default();
                Failure::Compat {
                    name: "Error",
                    message,
                    fields: Vec::new(),
                }
            }
            other => other,
        }
    }
}

impl ValidateCommand {
    fn answer(&self, output: &Output) -> Answer {
        let options = load_options(self.edition.into())?;
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for reference in &self.personas {
            match load_reference(reference, &options) {
                Err(error) => match Failure::unresolved(&error) {
                    Failure::Refused { problems: more, .. } => problems.extend(more),
                    other => return Err(other),
                },
                Ok(loaded) => {
                    warnings.extend(loaded.warnings.iter().map(Problem::clone));
                    if let Some(spec) = loaded.spec {
                        for issue in lint::lint_scopes(&spec.into(), options.edition) {
                            output.note(&format!("warning: {}", issue.message));
                        }
                    }
                    if !self.json {
                        output.note(&format!("{reference}: ok"));
                    }
                }
            }
        }
        let warnings: Vec<_> = warnings
            .into_iter()
            .map(|problem| problem.diagnostic)
            .collect();
        if !problems.is_empty() {
            return Err(Failure::Refused {
                problems,
                json: self.json,
            });
        }
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("valid", &self.personas);
                out.end_object();
            });
            output.envelope(&data, &warnings)?;
        } else {
            output.warnings(&warnings);
        }
        Ok(0)
    }
}
