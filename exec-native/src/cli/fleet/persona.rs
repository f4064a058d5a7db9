//! `callsheet fleet persona`: the roles of seats.

use clap::{Args, Subcommand};
use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::base::text::nearest;
use plan_core::fleet::library::{Listed, Persona, PersonaLayer, PersonaStatus, is_class, marker};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::{HomeArgs, about_roles, one_line, read_roles};
use crate::fleet::home::{Home, ROLES_LOCAL, Roles};
use crate::fleet::write::{Change, commit_changes};
use crate::state::RunId;

/// Lists, shows and customizes the roles of seats.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  callsheet fleet persona list
  callsheet fleet persona show code
  callsheet fleet persona customize code
  callsheet fleet persona customize release-notes --new")]
pub(super) enum PersonaCommand {
    /// Lists the classes: where each comes from, and what it is about.
    List(ListCommand),
    /// Shows the role of a class.
    Show(ShowCommand),
    /// Copies a role into the operator's layer, which updates leave alone.
    Customize(CustomizeCommand),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet persona list --json")]
pub(super) struct ListCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Takes what looks like a mistake for one.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet persona show code
  callsheet fleet persona show code --contract")]
pub(super) struct ShowCommand {
    /// The class.
    class: String,
    /// Prints the block that a seat's instructions get; nothing for an unknown class.
    #[arg(long)]
    contract: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet persona customize code
  callsheet fleet persona customize release-notes --new")]
pub(super) struct CustomizeCommand {
    /// The class.
    class: String,
    /// Begins a role that the library does not have.
    #[arg(long)]
    new: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl PersonaCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let home = place.home()?;
        match self {
            PersonaCommand::List(command) => command.answer(&home, output),
            PersonaCommand::Show(command) => command.answer(&home, output),
            PersonaCommand::Customize(command) => command.answer((&home, place), output),
        }
    }
}

impl ListCommand {
    fn answer(&self, home: &Home, output: &Output) -> Answer {
        let roles = read_roles(home, self.strict)?;
        let listed = roles.library.list();
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.key("personas");
                out.begin_array();
                for persona in &listed {
                    print_listed(persona, out);
                }
                out.end_array();
                out.end_object();
            });
            output.envelope(&data, &roles.warnings)?;
            return Ok(0);
        }
        for persona in &listed {
            let unread = if persona.readable { "" } else { "  (no file)" };
            output.line(&format!(
                "{:<26} {:<10} {}{unread}",
                persona.class,
                persona.status.as_str(),
                one_line(&persona.domain)
            ))?;
        }
        for warning in &roles.warnings {
            let located = about_roles(warning.clone(), &roles);
            output.note(&located.render(output));
        }
        Ok(0)
    }
}

fn print_listed(persona: &Listed, out: &mut Writer) {
    out.begin_object();
    out.field("class", &persona.class);
    out.field("status", persona.status.as_str());
    out.field("domain", &persona.domain);
    out.field("readable", &persona.readable);
    out.end_object();
}

/// Finds the persona of a class, with its text.
fn resolve<'r>(roles: &'r Roles, class: &str) -> Result<(Persona, &'r str), Failure> {
    if let Some(persona) = roles.library.resolve(class)
        && let Some(text) = roles.text(&persona)
    {
        return Ok((persona, text));
    }
    let (message, help) = if roles.library.contains(class) {
        let message = format!("the class `{class}` is in the index and has no file");
        (message, format!("write {ROLES_LOCAL}/{class}.md"))
    } else {
        let message = format!("the library has no class `{}`", one_line(class));
        let help = match nearest(class, roles.library.classes()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`callsheet fleet persona list` lists them".to_owned(),
        };
        (message, help)
    };
    let problem = Diagnostic::error(Code::LIBRARY_CLASS_UNKNOWN, message);
    Err(Failure::of(problem.help(help)))
}

impl ShowCommand {
    fn answer(&self, home: &Home, output: &Output) -> Answer {
        if self.contract {
            // An agent starts without its role rather than not at all.
            let block = home.roles().map(|roles| roles.contract(&self.class));
            return output
                .bytes(block.unwrap_or_default().as_bytes())
                .map(|()| 0);
        }
        let roles = read_roles(home, false)?;
        let (persona, text) = resolve(&roles, &self.class)?;
        let path = roles.path(&persona);
        if self.json {
            let status = roles.library.status(&self.class);
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("class", &persona.class);
                out.field("layer", persona.layer.as_str());
                out.field("status", &status.map(PersonaStatus::as_str));
                out.field("domain", roles.library.domain(&persona.class));
                out.field("file", &path);
                out.field("text", text);
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        output.note(&format!("from {path} ({})", persona.layer.as_str()));
        output.line(text.trim_end()).map(|()| 0)
    }
}

impl CustomizeCommand {
    fn answer(&self, (home, place): (&Home, &HomeArgs), output: &Output) -> Answer {
        let class = &*self.class;
        if !is_class(class) {
            let message = format!("`{}` cannot be a class", one_line(class));
            let help = "a class is small letters, digits and `-`, as in `release-notes`";
            let problem = Diagnostic::error(Code::LIBRARY_CLASS_UNKNOWN, message);
            return Err(Failure::of(problem.help(help)));
        }
        let roles = read_roles(home, false)?;
        let text = self.text(&roles)?;
        let below = format!("{ROLES_LOCAL}/{class}.md");
        if home.kind(&below)?.is_some() {
            return Err(exists(class, &home.path(&below).to_string_lossy()));
        }
        let change = Change::write(&below, text, None);
        let options = place.write_options("fleet persona customize")?;
        let done = commit_changes(home, &[change], &options)?;
        let path = home.path(&below);
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("class", class);
                out.field("path", &*path.to_string_lossy());
                out.field("new", &self.new);
                out.field("run", &done.run.as_ref().map(RunId::as_str));
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        output
            .line(&format!("Wrote persona: {}", path.display()))
            .map(|()| 0)
    }

    /// The text that the operator begins with.
    fn text(&self, roles: &Roles) -> Result<String, Failure> {
        let class = &*self.class;
        let found = roles.library.resolve(class);
        if let Some(persona) = &found
            && persona.layer == PersonaLayer::Override
        {
            return Err(exists(class, &roles.path(persona)));
        }
        if self.new {
            if let Some(persona) = &found {
                let message = format!(
                    "the library has the class `{class}`: {}",
                    roles.path(persona)
                );
                let problem = Diagnostic::error(Code::LIBRARY_CLASS_DUPLICATE, message);
                return Err(Failure::of(problem.help("leave --new out to customize it")));
            }
            return Ok(scaffold(class));
        }
        let (_, text) = resolve(roles, class)?;
        // A copy under another name must still be of this class, and of no other.
        if marker(text, "class").is_none_or(|marked| marked == class) {
            return Ok(text.to_owned());
        }
        Ok(format!("(`class: {class}`)\n\n{text}"))
    }
}

fn exists(class: &str, path: &str) -> Failure {
    let message = format!("the class `{class}` is customized already: {path}");
    let problem = Diagnostic::error(Code::LIBRARY_CLASS_DUPLICATE, message);
    Failure::of(problem.help("edit that file"))
}

fn scaffold(class: &str) -> String {
    let mut title = class.replace('-', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!(
        "# {title}

You … (one sentence: what this seat is for)
(`class: {class}`, `domain: engineering`, `persistent_persona: false`).

## You own

- 

## In and out

- In: 
- Out: 

## How you work

1. 

## Done


## Never

- 
"
    )
}
