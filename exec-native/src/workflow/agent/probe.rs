//! Looks whether something outside has happened, before it is done again.

use std::time::Duration;

use plan_core::base::json::{self, Value};
use plan_core::workflow::machine::{Event, Lost};
use plan_core::workflow::policy::AGENT_EXECUTION_ERROR;
use plan_core::workflow::record::Outcome;
use plan_core::workflow::vm::JsonText;

use super::{Work, option, tail, variables};
use crate::os::ask::{self, Task};
use crate::os::proc::Stopped;
use crate::workflow::store::MARKS;

/// How long a look may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the probe of a call, a command of the shell: 0 says that it has happened, and what it
/// prints is the call's result; 1 says that it has not. Any other end says nothing, and the
/// call fails: doing it again could do it twice.
pub(super) fn look(work: &Work) -> Event {
    let (call, attempt) = (work.call, work.attempt);
    let probe = option(&work.payload, "probe").unwrap_or_default();
    let done = ask::work(&Task {
        argv: &["sh".to_owned(), "-c".to_owned(), probe.to_owned()],
        cwd: &work.cwd,
        env: &variables(work),
        input: "",
        limit: Some(LIMIT),
        grace: None,
        guarded: false,
        cancel: &work.cancel,
        mark: &work.run.join(MARKS).join(format!("{}-probe", work.name())),
        log: None,
    });
    let unknown = |why: String| {
        let message = format!("its probe cannot tell whether it has happened: {why}");
        Some(Outcome::error(AGENT_EXECUTION_ERROR, message, false))
    };
    let found = match done {
        Err(error) => unknown(error.to_string()),
        Ok(done) => match (done.stopped, done.reply.code) {
            (Some(Stopped::Cancelled(_)), _) => {
                return Event::Lost(Lost {
                    call,
                    attempt,
                    reason: "stop".to_owned(),
                    usage: None,
                    salvage: None,
                });
            }
            (Some(_), _) => unknown("it takes too long".to_owned()),
            (None, 0) => Some(Outcome::value(JsonText::new(&said(&done.reply.stdout)))),
            (None, 1) => None,
            (None, code) => unknown(format!(
                "it ended with {code}: {}",
                tail(&done.reply.stderr)
            )),
        },
    };
    Event::Probed {
        call,
        attempt,
        found,
    }
}

/// What a probe printed: JSON, else a text.
fn said(stdout: &str) -> Value<'static> {
    let text = stdout.trim();
    if text.is_empty() {
        return Value::Null;
    }
    match json::read(text) {
        Ok(data @ (Value::Object(_) | Value::Array(_))) => data.to_owned_value(),
        _ => Value::from(text.to_owned()),
    }
}
