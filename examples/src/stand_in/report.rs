//! The stand-in's report: what it saw, without a single secret value.

use std::fmt::Write as _;

use super::Session;

/// The file that the report goes to.
pub const FILE: &str = "STANDIN_REPORT.md";

fn section(out: &mut String, title: &str, lines: &[String]) {
    let _ = write!(out, "\n## {title}\n\n");
    if lines.is_empty() {
        out.push_str("none\n");
    }
    for line in lines {
        let _ = writeln!(out, "- {line}");
    }
}

/// Writes the report as Markdown.
pub fn text(session: &Session) -> String {
    let sight = &session.sight;
    let mut out = format!("# Report of the stand-in for {}\n\n", sight.agent);
    let prompt = sight.system_prompt_line();
    let _ = write!(out, "Model: {}\nSystem prompt: {prompt}\n", sight.model);
    if !sight.mode.is_empty() {
        let _ = writeln!(out, "Mode: {}", sight.mode);
    }
    let task = session.task.trim().lines().next().unwrap_or("(none)");
    let _ = writeln!(out, "Task: {task}");
    let context = sight.context.iter();
    let context: Vec<String> = context
        .map(|(name, line)| format!("{name}: {line}"))
        .collect();
    section(&mut out, "Context files", &context);
    section(&mut out, "Skills", &sight.skills);
    let servers = sight.servers.iter().map(|server| {
        let state = if server.works { "" } else { " (cannot start)" };
        let secrets = server.secrets.join(" ");
        format!("{}: {}{state} {secrets}", server.name, server.at)
            .trim_end()
            .to_owned()
    });
    section(&mut out, "Tool servers", &servers.collect::<Vec<_>>());
    section(&mut out, "Variables", &sight.env);
    section(&mut out, "Options", &sight.options);
    out
}
