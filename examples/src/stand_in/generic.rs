//! Plays an agent that nobody knows: any option goes, the prompt comes on standard
//! input, the answer is plain text.

use super::host::Host;
use super::script::Outcome;
use super::sight::Sight;
use super::{Cli, Ending, Gate, Refusal, Session};

/// The agent.
pub const CLI: Cli = Cli {
    version: concat!("stand-in ", env!("CARGO_PKG_VERSION")),
    look,
    begin,
    end,
};

fn look(host: &Host) -> Result<Session, Refusal> {
    let interactive = host.is_terminal();
    let task = if interactive {
        String::new()
    } else {
        host.stdin()
    };
    if task.trim().is_empty() && !interactive {
        return Err(Refusal::new(1, "stand-in: no prompt on standard input"));
    }
    let mut sight = Sight::new("nobody in particular", host);
    sight.options = host
        .args
        .iter()
        .filter(|arg| arg.starts_with('-'))
        .cloned()
        .collect();
    sight.read_context(host, &[&["AGENTS.md"], &["CLAUDE.md"]]);
    Ok(Session {
        interactive,
        task,
        sight,
        gate: Gate::Open,
        format: "text".to_owned(),
        id: host.session_id(),
        warnings: Vec::new(),
    })
}

const fn begin(_: &Host, _: &Session) -> Vec<String> {
    Vec::new()
}

fn end(_: &Session, outcome: &Outcome) -> Ending {
    Ending {
        out: vec![outcome.text()],
        err: Vec::new(),
        code: u8::from(matches!(outcome, Outcome::ApiError(_))),
    }
}
