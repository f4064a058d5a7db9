//! What harnesses print is judged by what they did, not by their exit codes. Each
//! stream has the lines that matter of a real run; a log beside it is its standard
//! error.

use std::collections::BTreeSet;

use plan_core::persona::harness;
use plan_core::persona::harness::outcome::Verdict::{Completed, CompletedWithDenials, Failed};
use plan_core::persona::harness::outcome::{Judge, Outcome, Verdict};
use tests::repo::{Answer, files, read};

const FOLDER: &str = "tests/fixtures/streams";

/// A stream, the exit code that came with it, the verdict, and a part of the reason
/// or of the denial.
type Case = (&'static str, u64, Verdict, &'static str);

const CASES: &[Case] = &[
    ("claude/answer", 0, Completed, ""),
    ("claude/answer", 1, Failed, "exit code 1"),
    ("claude/api-error", 1, Failed, "api_error: API Error: 500"),
    ("claude/denied", 0, CompletedWithDenials, "Bash"),
    ("claude/interrupted", 0, Failed, "never reported"),
    (
        "claude/missing-tool",
        0,
        CompletedWithDenials,
        "No such tool",
    ),
    ("claude/server-failed", 0, Failed, "`echo` did not start"),
    ("claude/resumed", 0, Completed, ""),
    ("codex/answer", 0, Completed, ""),
    ("codex/api-error", 1, Failed, "no such model"),
    (
        "codex/call-refused",
        0,
        CompletedWithDenials,
        "echo.ping: requires approval",
    ),
    ("codex/cut", 0, Failed, "never reported"),
    (
        "codex/patch-rejected",
        0,
        CompletedWithDenials,
        "patch rejected: writing is blocked",
    ),
    ("codex/reconnected", 0, Completed, ""),
    (
        "codex/server-failed",
        1,
        Failed,
        "required MCP servers failed",
    ),
    (
        "codex/unknown-tool",
        0,
        CompletedWithDenials,
        "unsupported call: mcp__echo__ping",
    ),
    ("grok/answer", 0, Completed, ""),
    ("grok/api-error", 1, Failed, "status 400"),
    ("grok/cancelled", 0, Failed, "grok stopped: cancelled"),
    (
        "grok/denied",
        0,
        CompletedWithDenials,
        "Denied by permission policy",
    ),
    ("grok/server-failed", 0, Failed, "`e cho` did not start"),
    ("opencode/answer", 0, Completed, ""),
    ("opencode/api-error", 1, Failed, "bad key"),
    ("opencode/denied", 0, CompletedWithDenials, "write"),
    (
        "opencode/endless",
        143,
        Failed,
        "AI_APICallError: over capacity",
    ),
    ("opencode/missing-tool", 0, CompletedWithDenials, "write"),
    ("opencode/rejected", 0, Failed, "never reported"),
    ("opencode/removed-tool", 0, CompletedWithDenials, "bash"),
    ("opencode/server-failed", 0, Failed, "`echo` did not start"),
    (
        "opencode/wrong-agent",
        0,
        Failed,
        "did not find the persona's agent",
    ),
];

fn judge(stream: &str, exit_code: u64) -> Answer<Outcome> {
    Ok(follow(stream)?.conclude(exit_code))
}

fn follow(stream: &str) -> Answer<Judge> {
    let (id, _) = stream.split_once('/').ok_or("a stream is in a folder")?;
    let mut judge = Judge::new(harness::find(id).ok_or("no such harness")?);
    for line in read(&format!("{FOLDER}/{stream}.jsonl"))?.lines() {
        judge.line(line);
    }
    let log = format!("{FOLDER}/{stream}.log");
    if files(FOLDER, ".log")?.contains(&log) {
        for line in read(&log)?.lines() {
            judge.log_line(line);
        }
    }
    Ok(judge)
}

#[test]
fn every_stream_gets_its_verdict() -> Answer<()> {
    for (stream, exit_code, verdict, told) in CASES {
        let outcome = judge(stream, *exit_code)?;
        assert_eq!(outcome.verdict, *verdict, "{stream}: {outcome:?}");
        let reason = outcome.reason.clone().unwrap_or_default();
        let said = format!("{reason}\n{}", outcome.denials.join("\n"));
        assert!(said.contains(told), "{stream}: {outcome:?}");
        assert_eq!(outcome.reason.is_some(), *verdict == Failed, "{stream}");
    }
    Ok(())
}

#[test]
fn every_stream_is_judged() -> Answer<()> {
    let judged: BTreeSet<_> = CASES
        .iter()
        .map(|(stream, ..)| (*stream).to_owned())
        .collect();
    for path in files(FOLDER, ".jsonl")? {
        let stream = path.trim_start_matches(FOLDER).trim_start_matches('/');
        let stream = stream.trim_end_matches(".jsonl");
        assert!(judged.contains(stream), "CASES lacks {stream}");
    }
    Ok(())
}

#[test]
fn an_answer_has_text_session_tokens_and_cost() -> Answer<()> {
    let cost = [
        ("claude", Some(0.25)),
        ("codex", None),
        ("grok", None),
        ("opencode", Some(0.25)),
    ];
    for (id, cost) in cost {
        let outcome = judge(&format!("{id}/answer"), 0)?;
        assert_eq!(outcome.text, "done", "{id}");
        assert!(outcome.session_id.is_some(), "{id}");
        assert!(
            outcome
                .usage
                .is_some_and(|usage| usage.input > 0 && usage.cached > 0),
            "{id}"
        );
        assert_eq!(outcome.cost_usd, cost, "{id}");
    }
    Ok(())
}

#[test]
fn a_resumed_session_costs_what_this_run_added() -> Answer<()> {
    let outcome = judge("claude/resumed", 0)?;
    let tokens = outcome.usage.ok_or("no tokens")?;
    assert_eq!(
        (tokens.input, tokens.output, tokens.cached),
        (27, 15, 3),
        "both models, with what went into the cache"
    );
    assert_eq!(outcome.cost_usd, Some(0.375));
    let codex = judge("codex/answer", 0)?.usage.ok_or("no tokens")?;
    assert_eq!((codex.input, codex.cached), (17, 3));
    Ok(())
}

#[test]
fn a_run_that_is_given_up_says_what_was_wrong_before() -> Answer<()> {
    for (stream, reason) in [
        (
            "opencode/endless",
            "ended after 9 s; before that: AI_APICallError: over capacity",
        ),
        ("opencode/answer", "ended after 9 s"),
    ] {
        let mut judge = follow(stream)?;
        judge.give_up("ended after 9 s");
        let outcome = judge.conclude(143);
        assert_eq!(outcome.verdict, Failed);
        assert_eq!(outcome.reason.as_deref(), Some(reason), "{stream}");
    }
    Ok(())
}
