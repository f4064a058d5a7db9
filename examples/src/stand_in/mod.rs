//! A scripted stand-in for a coding agent.
//!
//! The program plays the agent whose name it carries (`claude`, `codex`, `opencode`,
//! `grok`, otherwise a generic one). It reads its options, environment, files and
//! prompt as that agent does, refuses what that agent refuses, does one visible piece
//! of work and prints the event stream of that agent. There is no model behind it:
//! lines of the prompt are its script (see [`script`]).

pub mod args;
pub mod claude;
pub mod codex;
pub mod generic;
pub mod grok;
pub mod host;
pub mod json;
pub mod opencode;
pub mod report;
pub mod script;
pub mod sight;
pub mod stay;

use std::time::Duration;

use host::Host;
use script::{Outcome, Script};
use sight::Sight;

/// The variable with the script of an interactive session.
pub const SCRIPT: &str = "STAND_IN_SCRIPT";

/// Whether the agent may change files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// It may not, for this reason.
    Closed(String),
}

/// Why the agent does not start: an exit code and what it says on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The exit code of the agent that is played.
    pub code: u8,
    /// The text for standard error.
    pub message: String,
}

impl Refusal {
    /// Creates a refusal.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// One start of the agent, understood.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whether a person sits in front of it.
    pub interactive: bool,
    /// The prompt.
    pub task: String,
    /// What the agent found.
    pub sight: Sight,
    /// Whether it may change files.
    pub gate: Gate,
    /// The output format that was asked for.
    pub format: String,
    /// The id of the session.
    pub id: String,
    /// What it says on standard error before it starts.
    pub warnings: Vec<String>,
}

/// What an agent prints, and how it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// Lines for standard output.
    pub out: Vec<String>,
    /// Lines for standard error.
    pub err: Vec<String>,
    /// The exit code.
    pub code: u8,
}

/// One agent that the stand-in plays.
#[derive(Debug, Clone, Copy)]
pub struct Cli {
    /// What `--version` prints.
    pub version: &'static str,
    /// Reads options, environment and files.
    pub look: fn(&Host) -> Result<Session, Refusal>,
    /// What a one-shot run prints first.
    pub begin: fn(&Host, &Session) -> Vec<String>,
    /// What a one-shot run prints last.
    pub end: fn(&Session, &Outcome) -> Ending,
}

/// Finds the agent by the name of the program.
pub fn cli(name: &str) -> &'static Cli {
    match name {
        "claude" => &claude::CLI,
        "codex" => &codex::CLI,
        "opencode" => &opencode::CLI,
        "grok" => &grok::CLI,
        _ => &generic::CLI,
    }
}

/// Runs the program to its end and returns its exit code.
pub fn run() -> u8 {
    let host = Host::of_process();
    let cli = cli(&host.name);
    if host.args.iter().any(|arg| arg == "--version") {
        return finish(&Ending {
            out: vec![cli.version.to_owned()],
            ..Ending::default()
        });
    }
    let ending = (cli.look)(&host).map_or_else(refuse, |session| play(cli, &host, &session));
    finish(&ending)
}

fn refuse(refusal: Refusal) -> Ending {
    Ending {
        out: Vec::new(),
        err: vec![refusal.message],
        code: refusal.code,
    }
}

fn play(cli: &Cli, host: &Host, session: &Session) -> Ending {
    print_lines(&mut std::io::stderr(), &session.warnings);
    if !session.interactive {
        print_lines(&mut std::io::stdout(), &(cli.begin)(host, session));
    }
    let script = if session.interactive {
        let more = host.var(SCRIPT).unwrap_or_default();
        Script::read(&format!("{}\n{more}", session.task))
    } else {
        Script::read(&session.task)
    };
    if let Err(error) = stay::begin(host, &script.stay) {
        return refuse(Refusal::new(70, format!("stand-in: {error}")));
    }
    if let Some(seconds) = script.sleep {
        std::thread::sleep(Duration::from_secs(seconds));
    }
    if script.hang {
        std::thread::sleep(Duration::MAX);
    }
    if let Some(code) = script.exit {
        let err = vec![format!("stand-in: exit {code}, as the prompt says")];
        return Ending {
            err,
            code,
            ..Ending::default()
        };
    }
    let outcome = script.perform(host, session);
    if session.interactive {
        return converse(session, &outcome);
    }
    (cli.end)(session, &outcome)
}

/// The few words of an interactive session.
fn converse(session: &Session, outcome: &Outcome) -> Ending {
    let prompt = session.sight.system_prompt_line();
    let mut out = vec![format!("Hello. I was told: {prompt}")];
    if !session.sight.skills.is_empty() {
        out.push(format!("My skills: {}.", session.sight.skills.join(", ")));
    }
    out.push(outcome.text());
    Ending {
        out,
        err: Vec::new(),
        code: u8::from(matches!(outcome, Outcome::ApiError(_))),
    }
}

fn finish(ending: &Ending) -> u8 {
    print_lines(&mut std::io::stdout(), &ending.out);
    print_lines(&mut std::io::stderr(), &ending.err);
    ending.code
}

/// Prints lines; a reader that went away is no error here.
fn print_lines(to: &mut impl std::io::Write, lines: &[String]) {
    for line in lines {
        drop(writeln!(to, "{line}"));
    }
    drop(to.flush());
}
