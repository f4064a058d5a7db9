//! Records of workflow journals, made from choices.

use plan_core::workflow::identity::{AgentContent, Effect};
use plan_core::workflow::ledger::{Cost, Usage};
use plan_core::workflow::policy::Limits;
use plan_core::workflow::record::{
    Agents, CallAbandoned, CallAdopted, CallAttempt, CallIssued, CallPlaced, CallSettled,
    CheckpointAnswered, CheckpointAsked, EffectDone, EffectIntent, ExecStarted, LimitsRaised,
    Logged, Outcome, OutcomeKind, PhaseBegun, Rule, RunDiverged, RunEnd, RunEnded, RunOpened,
    RunRecord,
};
use plan_core::workflow::replay::{CallStatus, Replay, ReplayProblem, ReplayedCall, RunState};
use plan_core::workflow::vm::{
    Budget, Call, CallError, CallKind, Command, End, Event, Join, JsonText, Level, LogLine, Nested,
    Open, PhaseEntered, Report, ScopeKind, Settle, Start, VmError, VmState, Warning,
};

use super::wire::{Make, make, records, variants};
use super::{Draw, value};

make! {
    JsonText => |draw| JsonText::new(&value(draw));
    Cost => |draw| Cost(draw.pick(0, &[1, 250_000, 3_000_000]));
    Level => |draw| draw.pick(Level::Log, Level::ALL);
    CallKind => |draw| draw.pick(CallKind::Agent, CallKind::ALL);
    ScopeKind => |draw| draw.pick(ScopeKind::Parallel, ScopeKind::ALL);
    Effect => |draw| draw.pick(Effect::Pure, Effect::ALL);
    OutcomeKind => |draw| draw.pick(OutcomeKind::Value, OutcomeKind::ALL);
    Rule => |draw| draw.pick(Rule::Exact, Rule::ALL);
    RunEnd => |draw| draw.pick(RunEnd::Paused, RunEnd::ALL);
    RunState => |draw| draw.pick(RunState::Open, RunState::ALL);
    CallStatus => |draw| draw.pick(CallStatus::Waiting, CallStatus::ALL);
    VmState => |draw| draw.pick(VmState::Waiting, VmState::ALL);
}

records! {
    Limits { concurrency, max_agents, budget, timeout, retries }
    Usage { input, output, cache_read, cache_write, cost, estimated }
    Outcome { kind, value, blob, code, message, recoverable }
    RunOpened { version, run, name, script, path, cwd, base, args, limits, at }
    ExecStarted { epoch, script, args, engine, pid, agents, at }
    Agents { persona, harness, model, command }
    CallIssued { epoch, call, path, kind, content, causal, effect, label, phase }
    CallAttempt { epoch, call, attempt, due, at }
    CallPlaced { epoch, call, attempt, tree, branch, base, group, started, boot }
    EffectIntent { epoch, call, attempt, key }
    EffectDone { epoch, call, key }
    CallSettled { epoch, call, attempt, outcome, usage, tree, refs, at }
    CallAdopted { epoch, call, from, rule }
    CallAbandoned { epoch, call, attempt, reason, usage, salvage }
    RunDiverged { epoch, path, expected, found }
    PhaseBegun { epoch, title }
    Logged { epoch, level, message }
    CheckpointAsked { epoch, call, id, question }
    CheckpointAnswered { id, answer, at }
    LimitsRaised { limits }
    RunEnded { epoch, end, reason, outcome, at }
    Call { id, path, scope, ordinal, kind, payload, phase, label }
    Open { scope, parent, ordinal, kind, branches }
    Join { scope }
    PhaseEntered { title, budget }
    LogLine { level, message }
    Budget { total, spent }
    Start { script, statement, name, args, cwd, phases, budget, memory, fuel }
    Nested { script, statement, name, phases, args }
    CallError { code, message, recoverable }
    AgentContent { prompt, plan, model, thinking, schema, isolation, base, cwd, thread, key }
    ReplayedCall {
        call, path, kind, status, label, phase, content, causal, effect, attempt, from, rule,
        outcome, usage
    }
    ReplayProblem { line, message }
    Replay {
        run, name, state, reason, outcome, epoch, records, unknown, torn_bytes, limits, usage,
        calls, results, unclaimed, problems
    }
    Settle { call, value, error, spent }
    Warning { message }
    VmError { code, message, line, column, stack }
    End { }
    Report { events, state, value, error, fuel }
}

variants! {
    RunRecord {
        Opened Started Issued Attempt Placed Settled Adopted Abandoned Diverged Phase Logged Asked
        Answered Raised Ended
    }
    Command { Start Settle End }
    Event { Call Open Join Phase Log Warning }
}
