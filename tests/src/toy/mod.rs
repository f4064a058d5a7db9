//! Workflows without an engine: small scripts of calls, branches and loops, run by hand, in
//! virtual time, with agents whose answers are never the same twice. Whatever is reused shows.

mod script;

use std::collections::BTreeMap;

use plan_core::base::digest::sha256_hex;
use plan_core::base::json::Value;
use plan_core::base::record::JsonText;
use plan_core::workflow::history::History;
use plan_core::workflow::identity::{Effect, content_key};
use plan_core::workflow::machine::{
    Command, Event, Host, Issued, Item, Lost, Machine, Settled, Terms,
};
use plan_core::workflow::policy::Limits;
use plan_core::workflow::record::{Outcome, RunEnd, RunOpened, RunRecord};
use plan_core::workflow::vm::{self, CallKind, ScopeKind, VmState};

pub use script::{Script, script};

/// A script that runs.
#[derive(Debug)]
enum Frame {
    Call(u64),
    Seq {
        rest: Vec<Script>,
        scope: String,
        last: String,
        now: Option<Box<Frame>>,
    },
    Par {
        scope: String,
        branches: Vec<Result<String, Frame>>,
    },
}

/// What a running script has at hand.
#[derive(Debug, Default)]
struct World {
    items: Vec<Item>,
    answers: BTreeMap<u64, String>,
    ordinals: BTreeMap<String, u64>,
    calls: u64,
    /// By path, what was called there: the paths must be the same in every order.
    paths: BTreeMap<String, String>,
    /// What had been done to the workspace in each scope, by the number of the thing that did
    /// it, behind what had been done when the scope began.
    done: BTreeMap<String, (String, BTreeMap<u64, String>)>,
    asked: Vec<Asked>,
}

/// What a call was told, and what it could see.
#[derive(Debug)]
struct Asked {
    scope: String,
    ordinal: u64,
    prompt: String,
    effect: Effect,
    seen: String,
}

impl Asked {
    /// What an agent answers that looks at all that it can see.
    fn answer(&self) -> String {
        let seen = if self.effect.is_seen() {
            &self.seen
        } else {
            ""
        };
        sha256_hex(format!("{} {seen}", self.prompt).as_bytes())
    }
}

impl World {
    fn ordinal(&mut self, scope: &str) -> u64 {
        let next = self.ordinals.entry(scope.to_owned()).or_default();
        *next += 1;
        *next - 1
    }

    fn call(&mut self, scope: &str, prompt: &str, effect: Effect) -> Frame {
        let ordinal = self.ordinal(scope);
        let id = self.calls;
        self.calls += 1;
        let path = format!("{scope}/{ordinal}");
        self.paths.insert(path.clone(), prompt.to_owned());
        self.asked.push(Asked {
            scope: scope.to_owned(),
            ordinal,
            prompt: prompt.to_owned(),
            effect,
            seen: self.seen(scope),
        });
        self.items.push(Item::Call(Box::new(Issued {
            call: vm::Call {
                id,
                path,
                scope: scope.to_owned(),
                ordinal,
                kind: CallKind::Agent,
                payload: JsonText::new(&Value::Null),
                phase: None,
                label: None,
            },
            content: content_key(CallKind::Agent, &Value::from(prompt.to_owned())),
            effect,
            retries: None,
            key: None,
            has_probe: false,
            refused: None,
            question: None,
        })));
        Frame::Call(id)
    }

    /// All that was done before, as a call in a scope sees it.
    fn seen(&self, scope: &str) -> String {
        let Some((before, done)) = self.done.get(scope) else {
            return String::new();
        };
        done.values()
            .fold(before.clone(), |seen, step| format!("{seen};{step}"))
    }

    fn tell(&mut self, call: u64, answer: String) {
        let asked = usize::try_from(call).ok();
        let asked = asked.and_then(|place| self.asked.get(place));
        if let Some(asked) = asked.filter(|asked| asked.effect.is_seen()) {
            let (_, done) = self.done.entry(asked.scope.clone()).or_default();
            done.insert(asked.ordinal, format!("{}={answer}", asked.prompt));
        }
        self.answers.insert(call, answer);
    }

    fn begin(&mut self, script: &Script, scope: &str, last: &str) -> Frame {
        match script {
            Script::Call {
                prompt,
                asks,
                effect,
            } => {
                let asked = if *asks { last } else { "" };
                self.call(scope, &format!("{prompt} {asked}"), *effect)
            }
            Script::Seq(steps) => Frame::Seq {
                rest: steps.iter().rev().cloned().collect(),
                scope: scope.to_owned(),
                last: last.to_owned(),
                now: None,
            },
            Script::Par(branches) => self.open(scope, ScopeKind::Parallel, branches, last),
            Script::Pipe { items, stages } => {
                let line = |item: &String| {
                    let stage = |stage: &String| Script::Call {
                        prompt: format!("{stage} of {item}"),
                        asks: true,
                        effect: Effect::Workspace,
                    };
                    Script::Seq(stages.iter().map(stage).collect())
                };
                let lines: Vec<Script> = items.iter().map(line).collect();
                self.open(scope, ScopeKind::Pipeline, &lines, "")
            }
            Script::Loop(prompt) => {
                let turn = Script::Call {
                    prompt: prompt.clone(),
                    asks: true,
                    effect: Effect::Pure,
                };
                Frame::Seq {
                    rest: vec![turn; 5],
                    scope: scope.to_owned(),
                    last: "loop".to_owned(),
                    now: None,
                }
            }
        }
    }

    fn open(&mut self, scope: &str, kind: ScopeKind, branches: &[Script], last: &str) -> Frame {
        let ordinal = self.ordinal(scope);
        let letter = if kind == ScopeKind::Parallel {
            'p'
        } else {
            'l'
        };
        let own = format!("{scope}/{ordinal}{letter}");
        self.items.push(Item::Open(vm::Open {
            scope: own.clone(),
            parent: scope.to_owned(),
            ordinal,
            kind,
            branches: branches.len() as u64,
        }));
        let before = self.seen(scope);
        for place in 0..branches.len() {
            let branch = format!("{own}[{place}]");
            self.done.insert(branch, (before.clone(), BTreeMap::new()));
        }
        let mut begun = Vec::new();
        for (place, branch) in branches.iter().enumerate() {
            let mut frame = self.begin(branch, &format!("{own}[{place}]"), last);
            let ended = self.run(&mut frame);
            begun.push(ended.ok_or(frame));
        }
        Frame::Par {
            scope: own,
            branches: begun,
        }
    }

    /// What branches did counts in the scope around them.
    fn join(&mut self, scope: &str, branches: usize) {
        let branches =
            (0..branches).filter_map(|place| self.done.get(&format!("{scope}[{place}]")));
        let done: Vec<String> = branches
            .filter(|(_, done)| !done.is_empty())
            .map(|(_, done)| format!("{:?}", done.values().collect::<Vec<_>>()))
            .collect();
        let around = scope.rsplit_once('/').unwrap_or_default();
        let ordinal = around.1.trim_end_matches(['p', 'l']).parse();
        if !done.is_empty()
            && let Ok(ordinal) = ordinal
        {
            let (_, steps) = self.done.entry(around.0.to_owned()).or_default();
            steps.insert(ordinal, done.join("|"));
        }
    }

    /// Runs a frame as far as it gets; returns what it ended with.
    fn run(&mut self, frame: &mut Frame) -> Option<String> {
        match frame {
            Frame::Call(id) => self.answers.get(id).cloned(),
            Frame::Seq {
                rest,
                scope,
                last,
                now,
            } => loop {
                if let Some(step) = now {
                    *last = self.run(step)?;
                    *now = None;
                    let is_loop = rest
                        .last()
                        .is_some_and(|next| rest.iter().all(|one| one == next));
                    if is_loop && last.ends_with('7') {
                        rest.clear();
                    }
                }
                let Some(next) = rest.pop() else {
                    return Some(last.clone());
                };
                let (scope, before) = (scope.clone(), last.clone());
                *now = Some(Box::new(self.begin(&next, &scope, &before)));
            },
            Frame::Par { scope, branches } => {
                for branch in branches.iter_mut() {
                    if let Err(frame) = branch
                        && let Some(ended) = self.run(frame)
                    {
                        *branch = Ok(ended);
                    }
                }
                let ended: Option<Vec<String>> = branches
                    .iter()
                    .map(|branch| branch.as_ref().ok().cloned())
                    .collect();
                let all = ended?.join("+");
                let scope = scope.clone();
                self.join(&scope, branches.len());
                self.items.push(Item::Join(vm::Join { scope }));
                Some(all)
            }
        }
    }
}

/// Chance that is the same in every run.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins with a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// Returns a number below another.
    pub fn below(&mut self, bound: u64) -> u64 {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound.max(1)
    }
}

/// What happened in an execution.
#[derive(Debug, Default)]
pub struct Seen {
    /// Contents that were begun.
    pub started: Vec<String>,
    /// What the script was told, in order: path and answer.
    pub told: Vec<(String, String)>,
    /// Path and causal digest of every call.
    pub issued: BTreeMap<String, String>,
    /// Path and prompt of every call.
    pub paths: BTreeMap<String, String>,
    /// How it ended; none when it was killed.
    pub end: Option<RunEnd>,
    /// What the script returned.
    pub value: Option<String>,
    /// The largest number of calls at the same time.
    pub most: usize,
    /// Whether anything began while an earlier result was not told.
    pub hasty: bool,
}

/// How an execution goes.
#[derive(Debug, Clone)]
pub struct Course {
    /// Decides how long calls take, and what they answer.
    pub chance: Chance,
    /// After how many events the process is killed.
    pub killed: Option<u64>,
    /// After how many events somebody pauses it.
    pub paused: Option<u64>,
    /// One call in so many fails in a way that may pass.
    pub failing: Option<u64>,
    /// Whether answers follow from the prompt and from what was done before, instead of
    /// being new each time.
    pub steady: bool,
    /// How the run is driven.
    pub terms: Terms,
    /// The name of the script: an edited one has another.
    pub script: String,
}

impl Course {
    /// One that nothing disturbs.
    pub fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            killed: None,
            paused: None,
            failing: None,
            steady: false,
            terms: Terms::default(),
            script: "script".to_owned(),
        }
    }
}

/// The first record of a run.
pub fn opened(limits: Limits) -> RunRecord {
    RunRecord::Opened(RunOpened {
        version: 1,
        run: "run".to_owned(),
        name: "toy".to_owned(),
        script: "script".to_owned(),
        path: None,
        cwd: "/".to_owned(),
        base: None,
        args: JsonText::new(&Value::Null),
        limits,
        at: 0,
    })
}

struct Desk<'j> {
    world: World,
    root: Frame,
    journal: &'j mut Vec<RunRecord>,
    machine: Machine,
    course: Course,
    /// When work ends.
    working: BTreeMap<(u64, u64), (u64, u64)>,
    clock: u64,
    seen: Seen,
    ready: usize,
}

/// Drives one execution; the journal is what is durable when it ends.
pub fn execute(script: &Script, journal: &mut Vec<RunRecord>, course: Course) -> Seen {
    let history = History::fold(journal.iter()).unwrap_or_default();
    let host = Host {
        script: course.script.clone(),
        args: "args".to_owned(),
        engine: "toy".to_owned(),
        pid: 1,
        agents: None,
    };
    let (machine, commands) = Machine::begin(history, course.terms.clone(), host, 0);
    let mut world = World::default();
    let root = world.begin(script, "", "");
    let mut desk = Desk {
        world,
        root,
        journal,
        machine,
        course,
        working: BTreeMap::new(),
        clock: 0,
        seen: Seen::default(),
        ready: 0,
    };
    desk.obey(commands);
    let report = desk.pump();
    desk.event(report);
    desk.live();
    desk.seen.paths = desk.world.paths;
    desk.seen
}

impl Desk<'_> {
    /// Lets time pass until the execution has ended.
    fn live(&mut self) {
        let mut events = 0;
        while self.seen.end.is_none() {
            if self.course.killed.is_some_and(|killed| events >= killed) {
                return;
            }
            if self.course.paused == Some(events) {
                let pause = plan_core::workflow::machine::Control::Pause("asked".to_owned());
                self.event(Event::Control(pause));
                let lost: Vec<_> = self.working.keys().copied().collect();
                for (call, attempt) in lost {
                    self.working.remove(&(call, attempt));
                    self.event(Event::Lost(Lost {
                        call,
                        attempt,
                        reason: "pause".to_owned(),
                        usage: None,
                        salvage: None,
                    }));
                }
                continue;
            }
            events += 1;
            let next = self
                .working
                .iter()
                .map(|(call, (due, tie))| (*due, *tie, *call))
                .min();
            let Some((due, _, (call, attempt))) = next else {
                // Nothing is at work and nothing has ended: the machine is stuck.
                return;
            };
            self.working.remove(&(call, attempt));
            self.clock = self.clock.max(due);
            let chance = &mut self.course.chance;
            let fails = self
                .course
                .failing
                .is_some_and(|times| chance.below(times) == 0);
            let outcome = if fails {
                Outcome::error("AGENT_EXECUTION_ERROR", "by chance", true)
            } else {
                let nonce = format!("n{}", chance.below(1 << 40));
                let place = usize::try_from(call).unwrap_or(usize::MAX);
                let asked = self.world.asked.get(place);
                let steady = asked.filter(|_| self.course.steady).map(Asked::answer);
                Outcome::value(JsonText::new(&Value::from(steady.unwrap_or(nonce))))
            };
            self.event(Event::Settled(Settled {
                call,
                attempt,
                outcome,
                usage: None,
                tree: None,
                refs: Vec::new(),
            }));
        }
    }

    fn pump(&mut self) -> Event {
        let ended = self.world.run(&mut self.root);
        let state = match ended {
            Some(_) => VmState::Done,
            None => VmState::Waiting,
        };
        Event::Report {
            items: std::mem::take(&mut self.world.items),
            state,
            value: ended.map(|value| Outcome::value(JsonText::new(&Value::from(value)))),
            error: None,
        }
    }

    fn event(&mut self, event: Event) {
        let commands = self.machine.step(event, self.clock);
        self.obey(commands);
    }

    fn obey(&mut self, commands: Vec<Command>) {
        let mut next = None;
        for command in commands {
            match command {
                Command::Append(record) => self.note(record),
                Command::Start { call, attempt } => {
                    self.seen.hasty |= self.ready > 0;
                    let due = self.clock + 100 + self.course.chance.below(4_900);
                    let tie = self.course.chance.below(1 << 30);
                    self.working.insert((call, attempt), (due, tie));
                    self.seen.most = self.seen.most.max(self.working.len());
                    let content = self.content(call);
                    self.seen.started.push(content);
                }
                Command::Deliver { call, outcome, .. } => {
                    self.ready = self.ready.saturating_sub(1);
                    let answer = outcome.value.as_ref().map_or("null".to_owned(), |value| {
                        value.value().as_str().unwrap_or_default().to_owned()
                    });
                    let path = self.path(call);
                    self.seen.told.push((path, answer.clone()));
                    self.world.tell(call, answer);
                    next = Some(self.pump());
                }
                // No call of a toy has a probe.
                Command::Probe { .. } | Command::Cancel { .. } => {}
                Command::Wake { call, .. } => next = Some(Event::Woke { call }),
                Command::Finish { end, outcome, .. } => {
                    self.seen.end = Some(end);
                    let value = outcome.and_then(|outcome| outcome.value);
                    self.seen.value = value.map(|value| value.as_str().to_owned());
                }
            }
        }
        if let Some(event) = next {
            self.event(event);
        }
    }

    fn note(&mut self, record: RunRecord) {
        match &record {
            RunRecord::Issued(issued) => {
                self.seen
                    .issued
                    .insert(issued.path.clone(), issued.causal.clone());
            }
            RunRecord::Adopted(_) => self.ready += 1,
            _ => {}
        }
        self.journal.push(record);
    }

    fn issued(&self, call: u64) -> Option<(&str, &str)> {
        let records = self.journal.iter().rev();
        records.into_iter().find_map(|record| match record {
            RunRecord::Issued(issued) if issued.call == call => {
                Some((&*issued.path, &*issued.content))
            }
            _ => None,
        })
    }

    fn path(&self, call: u64) -> String {
        self.issued(call)
            .map_or(String::new(), |(path, _)| path.to_owned())
    }

    fn content(&self, call: u64) -> String {
        self.issued(call)
            .map_or(String::new(), |(_, content)| content.to_owned())
    }
}
