//! What happens while a plan is carried out, for people and for programs.

use plan_core::base::json::Writer;

use super::super::output::Output;
use crate::fleet::carry::FleetEvent;
use crate::fleet::transport::Stopped;

/// Tells a person what happens.
pub(super) fn tell(event: &FleetEvent<'_>, output: &Output) {
    let text = match event {
        FleetEvent::Wrote(path) => format!("wrote {path}"),
        FleetEvent::Started(seat) => format!("started {seat}"),
        FleetEvent::Restarted(seat) => format!("started {seat} again"),
        FleetEvent::Stopped(seat, how) => format!("stopped {seat}{}", manner(*how)),
        FleetEvent::Adopted(seat) => format!("adopted {seat}"),
        FleetEvent::Ready(seat, took) => format!("ready {seat} ({took} ms)"),
        FleetEvent::Failed(seat, error) => {
            let text = format!(
                "{} {seat}: {}",
                output.paint("31", "failed:"),
                error.chain()
            );
            output.problem(&text);
            for hint in error.hints() {
                output.problem(&format!("  {hint}"));
            }
            return;
        }
    };
    output.note(&format!("  {text}"));
}

const fn manner(how: Stopped) -> &'static str {
    match how {
        Stopped::Gone => " (it was gone)",
        Stopped::Dead => " (it had ended)",
        Stopped::Ended => "",
        Stopped::Killed => " (it had to be killed)",
    }
}

/// Says what happens as a line of JSON.
pub(super) fn event_line(event: &FleetEvent<'_>) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    let mut said = |name: &str, key: &str, value: &str| {
        out.field("event", name);
        out.field(key, value);
    };
    match event {
        FleetEvent::Wrote(path) => said("wrote", "path", path),
        FleetEvent::Started(seat) => said("started", "seat", seat),
        FleetEvent::Restarted(seat) => said("restarted", "seat", seat),
        FleetEvent::Adopted(seat) => said("adopted", "seat", seat),
        FleetEvent::Stopped(seat, how) => {
            said("stopped", "seat", seat);
            out.field(
                "how",
                match how {
                    Stopped::Gone => "gone",
                    Stopped::Dead => "dead",
                    Stopped::Ended => "ended",
                    Stopped::Killed => "killed",
                },
            );
        }
        FleetEvent::Ready(seat, took) => {
            said("ready", "seat", seat);
            out.field("ms", took);
        }
        FleetEvent::Failed(seat, error) => {
            said("failed", "seat", seat);
            out.field("message", &error.chain());
        }
    }
    out.end_object();
    out.finish()
}
