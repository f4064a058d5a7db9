//! Plays Grok. Its stream is plain text; a prompt file makes it a one-shot run.

use super::args::{Bad, Grammar, Options};
use super::host::Host;
use super::script::Outcome;
use super::sight::Sight;
use super::{Cli, Ending, Gate, Refusal, Session};

/// The agent.
pub const CLI: Cli = Cli {
    version: "grok 0.1.0",
    look,
    begin,
    end,
};

const GRAMMAR: Grammar = Grammar {
    flags: &["--no-auto-update", "--always-approve"],
    values: &[
        "--model",
        "--plugin-dir",
        "--output-format",
        "--cwd",
        "--prompt-file",
    ],
    lists: &[],
};

fn look(host: &Host) -> Result<Session, Refusal> {
    let options = GRAMMAR.read(&host.args).map_err(|bad| match bad {
        Bad::Unknown(name) => Refusal::new(2, format!("error: unexpected argument '{name}' found")),
        Bad::NoValue(name) => Refusal::new(2, format!("error: a value is required for '{name}'")),
    })?;
    if let Some(dir) = options
        .value("--cwd")
        .filter(|dir| !host.cwd.join(dir).is_dir())
    {
        return Err(Refusal::new(1, format!("error: no such directory: {dir}")));
    }
    let task = prompt(host, &options)?;
    let mut sight = Sight::new("grok", host);
    options
        .value("--model")
        .unwrap_or("default")
        .clone_into(&mut sight.model);
    sight.options = options.names();
    sight.read_context(host, &[&["AGENTS.md"]]);
    let mut dirs = vec![
        host.cwd.join(".grok/skills"),
        host.cwd.join(".agents/skills"),
    ];
    for plugin in options.all("--plugin-dir") {
        dirs.push(host.cwd.join(plugin).join("skills"));
    }
    sight.read_skills(host, &dirs);
    // The system prompt is the generated AGENTS.md, or stands before the task.
    let before = task
        .as_deref()
        .and_then(|task| task.split_once("\n\nUser task:\n"));
    sight.system_prompt = match before {
        Some((prompt, _)) => prompt.to_owned(),
        None => host.read("AGENTS.md").unwrap_or_default(),
    };
    let open = task.is_none() || options.has("--always-approve");
    let closed = || Gate::Closed("nobody approved the tool".to_owned());
    Ok(Session {
        interactive: task.is_none(),
        task: task.unwrap_or_default(),
        gate: if open { Gate::Open } else { closed() },
        sight,
        format: options
            .value("--output-format")
            .unwrap_or("plain")
            .to_owned(),
        id: host.session_id(),
        warnings: Vec::new(),
    })
}

/// The prompt of a one-shot run; `None` for an interactive start.
fn prompt(host: &Host, options: &Options) -> Result<Option<String>, Refusal> {
    let Some(path) = options.value("--prompt-file") else {
        return Ok(None);
    };
    let missing = || Refusal::new(1, format!("error: cannot read the prompt file {path}"));
    let text = host.read(path).ok_or_else(missing)?;
    if text.trim().is_empty() {
        return Err(Refusal::new(1, "error: the prompt is empty"));
    }
    Ok(Some(text))
}

const fn begin(_: &Host, _: &Session) -> Vec<String> {
    Vec::new()
}

fn end(_: &Session, outcome: &Outcome) -> Ending {
    let failed = *outcome == Outcome::ApiError;
    let text = vec![outcome.text()];
    let (out, err) = if failed {
        (Vec::new(), text)
    } else {
        (text, Vec::new())
    };
    Ending {
        out,
        err,
        code: u8::from(failed),
    }
}
