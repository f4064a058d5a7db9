//! Writing answers, events and errors.

use plan_core::base::json::{Print as _, Value, Writer};
use plan_core::effect::describe_action;

use super::Data;
use crate::apply::{DisposeReport, Event, RunHandle};
use crate::error::{ExecError, ExecErrorKind};
use crate::launch::LaunchDescriptor;
use crate::os::walk::text_of;

pub(super) fn print_data(id: &Value<'_>, data: &Data) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("id", id);
    out.key("ok");
    data(&mut out);
    out.end_object();
    out.finish()
}

pub(super) fn print_error(id: &Value<'_>, error: &ExecError) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("id", id);
    out.key("error");
    write_error(&mut out, error);
    out.end_object();
    out.finish()
}

/// The code of an error, for programs.
const fn code(kind: ExecErrorKind) -> &'static str {
    match kind {
        ExecErrorKind::Failed => "failed",
        ExecErrorKind::Busy => "busy",
        ExecErrorKind::NeedsRecovery => "needs-recovery",
        ExecErrorKind::Usage => "usage",
        ExecErrorKind::Missing => "missing",
        ExecErrorKind::Internal => "internal",
        ExecErrorKind::Isolation => "isolation",
        ExecErrorKind::Config => "config",
        ExecErrorKind::Refused => "refused",
        ExecErrorKind::Cancelled(_) => "cancelled",
    }
}

fn write_error(out: &mut Writer, error: &ExecError) {
    out.begin_object();
    out.field("code", code(error.kind()));
    out.field("exitCode", &u64::from(error.exit_code()));
    out.field("message", &error.chain());
    let context = error.context();
    out.field("run", &context.run);
    out.field("action", &context.action);
    out.field("path", &context.path.as_deref().map(text_of));
    out.field("hints", error.hints());
    out.field("diagnostics", error.diagnostics());
    if let Some(command) = error.command() {
        out.key("command");
        out.begin_object();
        out.field("exitCode", &u64::try_from(command.code).unwrap_or(1));
        out.field("output", &command.output);
        out.field("log", &text_of(&command.log));
        out.end_object();
    }
    out.key("undoErrors");
    out.begin_array();
    for error in error.undo_errors() {
        write_error(out, error);
    }
    out.end_array();
    out.end_object();
}

/// An event of a run, or nothing when nobody needs to hear of it.
pub(super) fn print_event(id: &Value<'_>, event: &Event<'_>) -> Option<String> {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("for", id);
    match event {
        Event::Recovered { run, report } => {
            out.field("event", "recovered");
            out.field("run", run.as_str());
            out.key("report");
            write_report(&mut out, report);
        }
        Event::Unreadable { run } => {
            out.field("event", "unreadable");
            out.field("run", run.as_str());
        }
        Event::Phase(phase) => {
            out.field("event", "phase");
            out.field("phase", phase);
        }
        Event::Started(action) | Event::Done(action) => {
            let started = matches!(event, Event::Started(_));
            out.field("event", if started { "started" } else { "done" });
            out.field("action", &u64::from(action.id));
            out.field("phase", &action.phase);
            out.field("line", &describe_action(&action.kind));
        }
        Event::Note { action, text } => {
            out.field("event", "note");
            out.field("action", action);
            out.field("text", *text);
        }
        Event::Installing { skill, command } => {
            out.field("event", "installing");
            out.field("skill", *skill);
            out.field("command", *command);
        }
        Event::Output { action, line } => {
            out.field("event", "output");
            out.field("action", action);
            out.field("line", *line);
        }
        Event::Advice { text } => {
            out.field("event", "advice");
            out.field("text", *text);
        }
        Event::Undone { .. } | Event::UndoFailed { .. } => return None,
    }
    out.end_object();
    Some(out.finish())
}

pub(super) fn write_handle(out: &mut Writer, handle: &RunHandle) {
    out.begin_object();
    out.field("run", handle.id().as_str());
    out.field("cwd", &text_of(handle.cwd()));
    out.field("view", handle.view().as_str());
    out.field("enforcement", handle.enforcement().as_str());
    out.field("viewReasons", &handle.chosen().why);
    out.field("argvPrefix", handle.argv_prefix());
    out.field("notes", handle.notes());
    out.end_object();
}

/// Prints how an agent is started. It may hold secrets: it goes to whoever asked, and
/// nowhere else.
pub(super) fn write_launch(out: &mut Writer, launch: &LaunchDescriptor) {
    out.begin_object();
    out.field("command", &text_of(&launch.command));
    out.field("args", &launch.args);
    out.field("cwd", &text_of(&launch.cwd));
    out.key("env");
    out.begin_object();
    for (name, value) in &launch.env {
        out.field(name, value);
    }
    out.end_object();
    out.field("stdin", &launch.stdin);
    out.field("timeoutSeconds", &launch.timeout_seconds);
    out.end_object();
}

pub(super) fn write_report(out: &mut Writer, report: &DisposeReport) {
    out.begin_object();
    out.field("run", &report.run);
    out.field("closed", &report.closed);
    out.field("clean", &report.is_clean());
    out.field("leftover", &report.leftover.as_deref().map(text_of));
    out.key("entries");
    out.begin_array();
    for entry in &report.entries {
        out.begin_object();
        out.field("action", &entry.action);
        out.field("line", &entry.line);
        match &entry.result {
            Ok(outcome) => {
                out.field("kind", &outcome.kind);
                out.field("path", &outcome.path);
                out.field("movedTo", &outcome.beside);
                out.field("why", &outcome.why);
            }
            Err(message) => {
                out.field("kind", "failed");
                out.field("error", message);
            }
        }
        out.end_object();
    }
    out.end_array();
    out.key("errors");
    out.begin_array();
    for error in report.errors() {
        write_error(out, &error);
    }
    out.end_array();
    out.end_object();
}

/// Prints a value as it is.
pub(super) fn plain(value: bool) -> Data {
    Box::new(move |out| value.print(out))
}
