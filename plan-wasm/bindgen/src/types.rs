//! The TypeScript declarations of the wire records, made from their Rust types.

use plan_core::base::diag::{Details as Diagnostic, Place};
use plan_core::base::edition::Edition;
use plan_core::effect::{Phase, View};
use plan_core::fleet::generate::{Source, Why};
use plan_core::fleet::library::RoleFile;
use plan_core::fleet::merge::{Conflict, Prefer, Terms};
use plan_core::fleet::observed::{Beat, Exit, Heartbeat, Observed, Restart, Session};
use plan_core::fleet::plan::{
    Action, ActionKind, Aim, Changed, Edit, EditKind, EnvWrite, FileWrite, FleetPlan, Goal, Input,
    PlannedSeat, Summary, Variable,
};
use plan_core::fleet::policy::{Pulse, Ready};
use plan_core::fleet::provision::{Provision, ProvisionInput};
use plan_core::fleet::roster::Tmux;
use plan_core::fleet::status::{Readiness, Row, State, Status};
use plan_core::persona::agent_card::{AgentCard, CardCapabilities, CardProvider, CardSkill};
use plan_core::persona::detect::HarnessRecord;
use plan_core::persona::env::{DroppedField, LenientMap};
use plan_core::persona::harness::compat::ConfigFile;
use plan_core::persona::harness::launch::{EnvDocument, Inheritance, PrivateFile, PrivateLink};
use plan_core::persona::lint::{ScopeIssue, TriggerIssue};
use plan_core::persona::lower::PlacesDocument;
use plan_core::persona::mcp::{AiHist, DroppedServer, ResolvedServers};
use plan_core::persona::memory::{AiMemory, TrajectoryRecording};
use plan_core::persona::mount::MountPolicy;
use plan_core::persona::plan::{InputBinding, Mode, PersonaSpawnPlan, SidecarMode, SidecarWrite};
use plan_core::persona::relay::RelayMcp;
use plan_core::persona::resolve::{
    FactsDocument, FileDocument, LayerDocument, Listed, Problem, ResolutionErrorCode,
};
use plan_core::persona::sidecar::Sidecar;
use plan_core::persona::skills::cache::{CachedSkill, SkillCacheMarker};
use plan_core::persona::skills::{
    CleanupArtifacts, InstallArtifacts, ResolvedSource, SkillInstall, SkillMaterializationPlan,
    SourceKind,
};
use plan_core::workflow::identity::{AgentContent, Effect};
use plan_core::workflow::ledger::Usage;
use plan_core::workflow::meta::Phase as ScriptPhase;
use plan_core::workflow::policy::Limits;
use plan_core::workflow::record::{Outcome, OutcomeKind, Rule};
use plan_core::workflow::replay::{CallStatus, Replay, ReplayProblem, ReplayedCall, RunState};
use plan_core::workflow::vm::CallKind;
use tsify::Tsify;

/// What stands in the declarations for Rust types that are no records.
const ALIASES: &[(&str, &str)] = &[
    ("Text", "string"),
    ("Code", "string"),
    ("Severity", "'error' | 'warning'"),
    ("Object", "Record<string, unknown>"),
    ("Value", "unknown"),
    ("Echo", "Record<string, unknown>"),
    ("TextMap", "Record<string, string>"),
    ("Document", "unknown"),
    ("Upstream", UPSTREAM),
    ("JsonText", "unknown"),
    ("Cost", "number"),
];

/// It is no record: its `kind` stands among its members.
const UPSTREAM: &str = "{ kind: 'prpm'; packageRef: string; version: string } | \
    { kind: 'github-blob'; blobUrl: string; sha: string }";

/// Members that are told more exactly than their Rust types.
const EXACT: &[(&str, &str)] = &[
    (
        "    env: Record<string, unknown>;",
        "    env: Record<string, string>;",
    ),
    // What costs nothing is left out.
    ("    cost: number;", "    cost?: number;"),
];

const HEAD: &str = "/**
 * The records that cross between the planner and its callers. Made from the Rust types by
 * `npm run types`; changes belong there.
 */
";

macro_rules! all {
    ($($type:ty),* $(,)?) => { &[$(<$type>::DECL),*] };
}

/// The records of fleets.
fn fleets() -> &'static [&'static str] {
    all![
        Action,
        ActionKind,
        Aim,
        Beat,
        Changed,
        Conflict,
        Edit,
        EditKind,
        EnvWrite,
        Exit,
        FileWrite,
        FleetPlan,
        Goal,
        Heartbeat,
        Input,
        Observed,
        PlannedSeat,
        Prefer,
        Provision,
        ProvisionInput,
        Pulse,
        Readiness,
        Ready,
        Restart,
        RoleFile,
        Row,
        Session,
        Source,
        State,
        Status,
        Summary,
        Terms,
        Tmux,
        Variable,
        Why,
    ]
}

/// The records of workflows.
fn workflows() -> &'static [&'static str] {
    all![
        AgentContent,
        CallKind,
        CallStatus,
        Effect,
        Limits,
        Outcome,
        OutcomeKind,
        Replay,
        ReplayProblem,
        ReplayedCall,
        Rule,
        RunState,
        ScriptPhase,
        Usage,
    ]
}

/// All others.
fn personas() -> &'static [&'static str] {
    all![
        AgentCard,
        AiHist,
        AiMemory,
        CachedSkill,
        CardCapabilities,
        CardProvider,
        CardSkill,
        CleanupArtifacts,
        ConfigFile,
        Diagnostic,
        DroppedField,
        DroppedServer,
        Edition,
        EnvDocument,
        FactsDocument,
        FileDocument,
        HarnessRecord,
        Inheritance,
        InputBinding,
        InstallArtifacts,
        LayerDocument,
        LenientMap,
        Listed,
        Mode,
        MountPolicy,
        PersonaSpawnPlan,
        Phase,
        Place,
        PlacesDocument,
        PrivateFile,
        PrivateLink,
        Problem,
        RelayMcp,
        ResolutionErrorCode,
        ResolvedServers,
        ResolvedSource,
        ScopeIssue,
        Sidecar,
        SidecarMode,
        SidecarWrite,
        SkillCacheMarker,
        SkillInstall,
        SkillMaterializationPlan,
        SourceKind,
        TrajectoryRecording,
        TriggerIssue,
        View,
    ]
}

/// Prints every declaration, in the order of their names.
pub(crate) fn declarations() -> String {
    let mut parts: Vec<String> = personas().iter().map(|part| exact(part)).collect();
    for (prefix, group) in [("Fleet", fleets()), ("Workflow", workflows())] {
        let names: Vec<&str> = group.iter().map(|part| name(part)).collect();
        let prefixed = |part: &&str| prefixed(&exact(part), prefix, &names);
        parts.extend(group.iter().map(prefixed));
    }
    parts.sort_unstable_by_key(|part| name(part).to_owned());
    let mut text = String::from(HEAD);
    for part in parts {
        text.push('\n');
        text.push_str(&part);
        text.push('\n');
    }
    text
}

/// Puts a prefix in front of the names of types: beside those of personas they would say too
/// little.
fn prefixed(declaration: &str, prefix: &str, names: &[&str]) -> String {
    let mut out = String::new();
    for line in declaration.lines() {
        let is_comment = line.trim_start().starts_with(['*', '/']);
        let mut word = String::new();
        for letter in line.chars().chain(['\n']) {
            if letter.is_ascii_alphanumeric() {
                word.push(letter);
                continue;
            }
            let own = names.contains(&&*word) && !word.starts_with(prefix);
            if own && !is_comment {
                out.push_str(prefix);
            }
            out.push_str(&word);
            word.clear();
            out.push(letter);
        }
    }
    out.trim_end().to_owned()
}

fn name(declaration: &str) -> &str {
    let words = declaration.split_once("export ");
    let words = words.map_or(declaration, |(_, rest)| rest);
    words.split(' ').nth(1).unwrap_or_default()
}

/// Says in TypeScript's words what the wire form means.
fn exact(declaration: &str) -> String {
    let mut text = String::new();
    for line in declaration.lines() {
        let line = optional(&line.replace("    ", "  "));
        let line = line.replace("Map<", "Record<");
        text.push_str(&aliased(&line));
        text.push('\n');
    }
    for (from, to) in EXACT {
        text = text.replace(&from.replace("    ", "  "), &to.replace("    ", "  "));
    }
    text.trim_end().to_owned()
}

/// A member that may be left out is never there and undefined.
fn optional(line: &str) -> String {
    let member = line.strip_suffix(" | undefined;");
    match member.and_then(|member| member.split_once(": ")) {
        Some((name, of)) => format!("{name}?: {of};"),
        None => line.to_owned(),
    }
}

/// Puts aliases in place of whole words, outside comments.
fn aliased(line: &str) -> String {
    if line.trim_start().starts_with(['*', '/']) {
        return line.to_owned();
    }
    let Some((name, of)) = line.split_once(": ") else {
        return line.to_owned();
    };
    let mut out = format!("{name}: ");
    let mut word = String::new();
    for letter in of.chars() {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        flush(&mut word, &mut out);
        out.push(letter);
    }
    flush(&mut word, &mut out);
    out
}

fn flush(word: &mut String, out: &mut String) {
    let alias = ALIASES.iter().find(|(name, _)| name == word);
    out.push_str(alias.map_or(word, |(_, to)| to));
    word.clear();
}
