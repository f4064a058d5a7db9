//! `callsheet workflow resume --plan`: what a resume would do, told without doing it.

use plan_core::base::json::Writer;
use plan_core::workflow::preview::{Change, Fate, Step};
use plan_core::workflow::record::RunEnd;
use plan_core::workflow::vm::CallKind;

use super::super::Answer;
use super::super::output::{Output, Shape};
use super::lines::{one_line, tokens};
use crate::workflow::preview::Previewed;
use crate::workflow::store::RunFile;

/// Why a call has no result, in words.
const fn because(change: Change) -> &'static str {
    match change {
        Change::New => "new",
        Change::Content => "something else was called there",
        Change::Past => "what came before it has changed",
        Change::Failed => "it failed",
        Change::Unfinished => "it was not finished",
    }
}

fn label(step: &Step) -> String {
    let label = step.call.label.as_deref();
    one_line(label.unwrap_or(step.call.kind.as_str()))
}

/// Tells what a resume would do.
pub(super) fn show(
    file: &RunFile,
    previewed: &Previewed,
    as_json: bool,
    output: &Output,
) -> Answer {
    if as_json {
        return show_json(file, previewed, output);
    }
    let preview = &previewed.preview;
    output.line(&format!("{}  what a resume would do", file.id))?;
    let kept = tokens(&preview.kept);
    let count = |fate| preview.count(fate);
    output.line(&format!(
        "  reused     {} ({kept} not paid again)",
        count(Fate::Reused)
    ))?;
    output.line(&format!("  to run     {}", count(Fate::Runs)))?;
    for (fate, word) in [
        (Fate::Answered, "answered "),
        (Fate::Asks, "asks     "),
        (Fate::Refused, "refused  "),
        (Fate::External, "external "),
    ] {
        if count(fate) > 0 {
            output.line(&format!("  {word}  {}", count(fate)))?;
        }
    }
    if preview.unclaimed > 0 {
        output.line(&format!("  unclaimed  {} (so far)", preview.unclaimed))?;
    }
    let to_run = preview.steps.iter().filter(|step| step.fate == Fate::Runs);
    for step in to_run.filter(|step| step.call.kind == CallKind::Agent) {
        output.line(&format!("    {:<14} {}", step.call.path, label(step)))?;
    }
    let divergences = preview.divergences();
    if !divergences.is_empty() {
        output.line("  first differences")?;
    }
    for step in divergences {
        let why = step.change.map_or("", because);
        output.line(&format!(
            "    {:<14} {}: {why}",
            step.call.path,
            label(step)
        ))?;
    }
    output.line(&match &previewed.end {
        Some((RunEnd::Completed, _)) => "  the script returns without running anything".to_owned(),
        Some((end, reason)) => {
            let reason = reason.as_deref().map(one_line).unwrap_or_default();
            format!("  ends with: {} {reason}", end.as_str())
        }
        None if count(Fate::External) > 0 => {
            "  it pauses: what was done outside would be done again after another past".to_owned()
        }
        None if count(Fate::Runs) == 0 => "  it pauses for an answer".to_owned(),
        None => "  what comes after those is known when they have run".to_owned(),
    })?;
    Ok(0)
}

fn show_json(file: &RunFile, previewed: &Previewed, output: &Output) -> Answer {
    let preview = &previewed.preview;
    let data = Shape(|out: &mut Writer| {
        out.begin_object();
        out.field("run", &file.id);
        for fate in Fate::ALL {
            out.field(fate.as_str(), &preview.count(*fate));
        }
        out.field("unclaimed", &preview.unclaimed);
        out.field("kept", &preview.kept);
        let end = previewed.end.as_ref();
        out.field("end", &end.map(|(end, _)| *end));
        out.field("reason", &end.and_then(|(_, reason)| reason.clone()));
        out.field("calls", &*preview.steps);
        out.field("divergences", &preview.divergences());
        out.end_object();
    });
    output.envelope(&data, &[])?;
    Ok(0)
}
