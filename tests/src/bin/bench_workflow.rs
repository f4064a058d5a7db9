//! Our half of `tests/bench/workflow.sh`. `waste TRIALS SEED` prints the table of what resumed
//! runs pay for again. Each other command prints one line of JSON: `calls DIR SHAPE COUNT
//! ROUNDS` what a call costs, `journal DIR` what the journal takes, `memory DIR BYTES` what a
//! run of 1,000 calls needs. Runs are kept in DIR.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use exec_native::StateHome;
use exec_native::os::durable::{self, Durability};
use exec_native::os::proc::Cancel;
use exec_native::workflow::agent::{Agents, Prepared, Request, Work};
use exec_native::workflow::driver::{Drive, Driven, EngineLimits, drive};
use exec_native::workflow::script::Script;
use exec_native::workflow::store::Store;
use exec_native::workflow::vm::machine::{Machine as Engine, no_gauge};
use exec_native::workflow::vm::{VmHost, VmLimits};
use plan_core::base::json::{Object, Value, print};
use plan_core::base::record::JsonText;
use plan_core::workflow::identity::{AgentContent, Effect, content_key};
use plan_core::workflow::machine::{Event, Settled, Terms};
use plan_core::workflow::policy::Limits;
use plan_core::workflow::record::{
    self, CallAttempt, CallIssued, CallSettled, ExecStarted, Outcome, RunEnd, RunOpened, RunRecord,
};
use plan_core::workflow::vm::{Budget, CallKind, Report, Settle, Start, VmState};
use rustix::time::{ClockId, clock_gettime};
use tests::program::callsheet;
use tests::repo::Answer;
use tests::waste::table;

const USAGE: &str = "usage: bench_workflow waste TRIALS SEED | calls DIR SHAPE COUNT ROUNDS | \
                     journal DIR | memory DIR BYTES";

fn main() -> Answer<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let line = match *words {
        ["waste", trials, seed] => table(trials.parse()?, seed.parse()?)?,
        ["calls", dir, shape, count, rounds] => {
            calls(Path::new(dir), shape, count.parse()?, rounds.parse()?)?
        }
        ["journal", dir] => journal(Path::new(dir))?,
        ["memory", dir, bytes] => memory(Path::new(dir), bytes.parse()?)?,
        _ => return Err(USAGE.into()),
    };
    writeln!(io::stdout(), "{}", line.trim_end())?;
    Ok(())
}

/// A script that makes so many calls. `workflow.mjs` has the same for Node.
fn script(shape: &str, count: u64) -> Answer<Script> {
    let body = match shape {
        "sequential" => format!("for (let i = 0; i < {count}; i++) await agent('p' + i);"),
        "parallel" => format!(
            "await parallel(Array.from({{ length: {count} }}, (_, i) => () => agent('p' + i)));"
        ),
        "pipeline" => format!(
            "const stage = (x) => agent('p' + x);
await pipeline(Array.from({{ length: {} }}, (_, i) => i), stage, stage, stage);",
            count / 3
        ),
        _ => return Err(format!("{shape} is no shape").into()),
    };
    let text = format!("export const meta = {{ name: 'b', description: 'Many calls' }};\n{body}\n");
    Script::of_text(&text, "b.js").map_err(|problem| problem.to_string().into())
}

fn start(script: &Script) -> Start {
    Start {
        script: script.text.clone(),
        statement: script.statement(),
        name: script.file.clone(),
        args: JsonText::default(),
        cwd: "/".to_owned(),
        phases: Vec::new(),
        budget: Budget {
            total: None,
            spent: 0,
        },
        memory: EngineLimits::default().memory,
        fuel: EngineLimits::default().fuel,
    }
}

/// An agent that answers at once, from memory.
struct Echo {
    answer: JsonText,
}

impl Echo {
    fn new(bytes: usize) -> Self {
        Self {
            answer: JsonText::new(&Value::from("r".repeat(bytes))),
        }
    }
}

impl Agents for Echo {
    fn prepare(&self, request: &Request<'_>) -> Prepared {
        let content = AgentContent {
            prompt: request
                .payload
                .get_str("prompt")
                .unwrap_or_default()
                .to_owned(),
            ..AgentContent::default()
        };
        let content = print(&content);
        let content = plan_core::base::json::read(&content).unwrap_or_default();
        Prepared {
            content: content_key(CallKind::Agent, &content),
            effect: Effect::Workspace,
            retries: None,
            has_probe: false,
            refused: None,
        }
    }

    fn work(&self, work: &Work) -> Vec<Event> {
        vec![Event::Settled(Settled {
            call: work.call,
            attempt: work.attempt,
            outcome: Outcome::value(self.answer.clone()),
            usage: None,
            tree: None,
            refs: Vec::new(),
        })]
    }
}

fn limits(concurrency: u64) -> Limits {
    Limits {
        concurrency,
        max_agents: 1_000_000,
        ..Limits::default()
    }
}

fn opened(id: &str, limits: Limits) -> RunOpened {
    RunOpened {
        version: 1,
        run: id.to_owned(),
        name: "b".to_owned(),
        script: String::new(),
        path: None,
        cwd: "/".to_owned(),
        base: None,
        args: JsonText::default(),
        limits,
        at: 0,
    }
}

/// Drives a run in a fresh state directory.
fn run(
    dir: &Path,
    script: &Script,
    (agents, limits): (&Echo, Limits),
    events: &dyn Fn(&RunRecord),
) -> Answer<(Driven, Duration)> {
    fs::create_dir_all(dir)?;
    let store = Store::create(&StateHome::at(dir), opened("run", limits), &script.text)?;
    let began = Instant::now();
    let driven = drive(
        store,
        &Drive {
            script,
            args: JsonText::default(),
            cwd: PathBuf::from("/"),
            terms: Terms::default(),
            agents,
            named: record::Agents {
                persona: None,
                harness: None,
                model: None,
                command: None,
            },
            find: &|_| None,
            variables: BTreeMap::new(),
            engine: EngineLimits::default(),
            events,
            cancel: &Cancel::new(),
        },
    )?;
    let took = began.elapsed();
    fs::remove_dir_all(dir)?;
    if driven.end != RunEnd::Completed {
        return Err(format!("{driven:?}").into());
    }
    Ok((driven, took))
}

/// Settles every call as soon as it is made, in order.
fn settle_all(
    mut report: Report,
    mut settle: impl FnMut(Settle) -> Answer<Report>,
    count: u64,
) -> Answer<()> {
    for call in 0..count {
        report = settle(Settle {
            call,
            value: Some(JsonText::new(&Value::from("r"))),
            error: None,
            spent: 0,
        })?;
    }
    (report.state == VmState::Done)
        .then_some(())
        .ok_or_else(|| format!("{report:?}").into())
}

/// What took how long, in all rounds.
#[derive(Default)]
struct Times {
    wall: Vec<Duration>,
    own: f64,
    others: f64,
}

impl Times {
    fn take<T>(&mut self, what: impl FnOnce() -> Answer<T>) -> Answer<T> {
        let (own, others, began) = (own_seconds(), others_seconds()?, Instant::now());
        let done = what()?;
        self.wall.push(began.elapsed());
        self.own += own_seconds() - own;
        self.others += others_seconds()? - others;
        Ok(done)
    }

    /// Wall time in the median and the processors' time on the average, of one call: ours, and
    /// that of the script's process.
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    fn show(mut self, count: u64) -> Value<'static> {
        self.wall.sort_unstable();
        let (rounds, count) = (self.wall.len(), count as f64);
        let middle = self.wall.get(rounds / 2).copied().unwrap_or_default();
        let mut object = Object::new();
        let mut insert = |name, seconds: f64| {
            object.insert(name, Value::Number(seconds * 1e6 / count));
        };
        insert("wall", middle.as_secs_f64());
        insert("own", self.own / rounds as f64);
        insert("script", self.others / rounds as f64);
        Value::Object(object)
    }
}

/// The processors' time of this process.
#[expect(clippy::cast_precision_loss, reason = "seconds")]
fn own_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The processors' time of processes that have ended; the system counts hundredths.
fn others_seconds() -> Answer<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no fields")?;
    let ticks: Result<Vec<f64>, _> = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(str::parse)
        .collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

fn calls(dir: &Path, shape: &str, count: u64, rounds: usize) -> Answer<String> {
    durable::set(Durability::Relaxed);
    let script = script(shape, count)?;
    let program = callsheet()?;
    let mut times: [Times; 5] = Default::default();
    let [inside, outside, runs @ ..] = &mut times;
    for _ in 0..rounds {
        inside.take(|| {
            let (mut engine, report) = Engine::start(&start(&script), no_gauge())?;
            settle_all(report, |settle| Ok(engine.settle(&settle)?), count)
        })?;
        outside.take(|| {
            let mut host = VmHost::spawn(program, VmLimits::default())?;
            let report = host.start(start(&script))?;
            settle_all(report, |settle| Ok(host.settle(settle)?), count)
        })?;
        for (times, concurrency) in runs.iter_mut().zip([1, 8, 64]) {
            let echo = Echo::new(1);
            times.take(|| run(dir, &script, (&echo, limits(concurrency)), &|_| {}))?;
        }
    }
    let mut object = Object::new();
    for (name, times) in ["engine", "process", "run1", "run8", "run64"]
        .iter()
        .zip(times)
    {
        object.insert(*name, times.show(count));
    }
    Ok(print(&object))
}

fn object(figures: &[(&'static str, f64)]) -> String {
    let mut object = Object::new();
    for (name, figure) in figures {
        object.insert(*name, Value::Number(*figure));
    }
    print(&object)
}

/// How many calls at the same time.
const FLIGHT: u64 = 64;

/// What settles in so many seconds, through the store alone and through a whole run.
#[expect(clippy::cast_precision_loss, reason = "figures")]
fn journal(dir: &Path) -> Answer<String> {
    durable::set(Durability::Full);
    let count = 20_000_u64;
    fs::create_dir_all(dir)?;
    let mut store = Store::create(&StateHome::at(dir), opened("run", limits(FLIGHT)), "")?;
    store.append(&RunRecord::Started(ExecStarted {
        epoch: 1,
        script: String::new(),
        args: String::new(),
        engine: String::new(),
        agents: None,
        pid: 1,
        at: 0,
    }))?;
    let before = durable::flushes();
    let began = Instant::now();
    let digest = "0".repeat(64);
    for first in (0..count).step_by(usize::try_from(FLIGHT)?) {
        let calls = first..count.min(first + FLIGHT);
        for call in calls.clone() {
            store.append(&issued(call, &digest))?;
            store.append(&RunRecord::Attempt(CallAttempt {
                epoch: 1,
                call,
                attempt: 1,
                due: None,
                at: Some(0),
            }))?;
        }
        store.flush()?;
        for call in calls {
            store.append(&RunRecord::Settled(CallSettled {
                epoch: 1,
                call,
                attempt: 1,
                outcome: Outcome::value(JsonText::new(&Value::from("a result of one line"))),
                usage: None,
                tree: None,
                refs: Vec::new(),
                at: Some(0),
            }))?;
        }
        store.flush()?;
    }
    let alone = began.elapsed().as_secs_f64();
    let flushes = durable::flushes() - before;
    drop(store);
    fs::remove_dir_all(dir)?;
    let before = durable::flushes();
    let calls = 10_000_u64;
    let made = script("parallel", calls)?;
    let (_, took) = run(dir, &made, (&Echo::new(20), limits(FLIGHT)), &|_| {})?;
    let run_flushes = durable::flushes() - before;
    Ok(object(&[
        ("alone", count as f64 / alone),
        ("aloneFlushes", flushes as f64),
        ("aloneFlushMs", alone * 1e3 / flushes as f64),
        ("run", calls as f64 / took.as_secs_f64()),
        ("runFlushes", run_flushes as f64),
    ]))
}

fn issued(call: u64, digest: &str) -> RunRecord {
    RunRecord::Issued(CallIssued {
        epoch: 1,
        call,
        path: format!("/0p[{call}]/0"),
        kind: CallKind::Agent,
        content: digest.to_owned(),
        causal: digest.to_owned(),
        effect: Effect::Workspace,
        label: None,
        phase: None,
    })
}

/// The most that this process, and the one of the script, ever needed.
fn memory(dir: &Path, bytes: usize) -> Answer<String> {
    durable::set(Durability::Relaxed);
    let idle = peak("self")?;
    let own = std::process::id();
    let host = std::cell::Cell::new(0.0);
    let look = |record: &RunRecord| {
        // The process of the script has done everything by now, and is still there.
        if matches!(record, RunRecord::Ended(_)) {
            let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
            let child = children.unwrap_or_default();
            host.set(peak(child.trim()).unwrap_or(f64::NAN));
        }
    };
    let made = script("parallel", 1_000)?;
    run(dir, &made, (&Echo::new(bytes), limits(8)), &look)?;
    Ok(object(&[
        ("idle", idle),
        ("driver", peak("self")?),
        ("script", host.get()),
    ]))
}

/// In MB.
fn peak(process: &str) -> Answer<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no peak")?.parse::<f64>()? / 1024.0)
}
