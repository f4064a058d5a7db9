//! What a resumed run pays for again: ours, and the rules of others on the same scripts. Time
//! is virtual, the scripts run in the real engine, and an agent never answers the same twice,
//! so what is reused shows.

mod ours;
mod rivals;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use exec_native::workflow::script::Script;
use exec_native::workflow::vm::machine::{Machine as Engine, no_gauge};
use plan_core::base::digest::sha256_hex;
use plan_core::base::json::Value;
use plan_core::base::record::JsonText;
use plan_core::workflow::vm::{Budget, Call, Event, Report, Settle, Start, VmState};

use crate::repo::Answer;
use crate::toy::Chance;

/// How many calls are worked on at the same time.
const CONCURRENCY: usize = 8;
/// How long a call takes, at least and at most.
const LATENCY: (u64, u64) = (100, 5_000);

/// A script that is stopped and resumed, edited or not.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What people call it.
    pub name: &'static str,
    /// How many calls it makes.
    pub calls: u64,
    /// The script.
    pub script: &'static str,
    /// What it is resumed with.
    pub edited: Option<&'static str>,
}

/// All scripts.
pub const ROWS: [Row; 9] = [
    Row {
        name: "flat parallel 40",
        calls: 40,
        script: FLAT,
        edited: None,
    },
    Row {
        name: "parallel 40 + synthesis",
        calls: 41,
        script: "const all = await parallel(many(40).map((i) => () => agent(`look at ${i}`)));
            return agent(`sum up ${all.join()}`);",
        edited: None,
    },
    Row {
        name: "pipeline 20 × 3 stages",
        calls: 60,
        script: PIPELINE,
        edited: None,
    },
    Row {
        name: "pipeline 8 × (parallel 9 + verify)",
        calls: 80,
        script: "return pipeline(many(8),
            (x) => parallel(many(9).map((k) => () => agent(`look ${k} at ${x}`))),
            (found) => agent(`verify ${found.join()}`));",
        edited: None,
    },
    Row {
        name: "parallel 20, two awaits each",
        calls: 40,
        script: "return parallel(many(20).map((i) => async () => {
            const found = await agent(`look at ${i}`);
            return agent(`verify ${found}`);
        }));",
        edited: None,
    },
    Row {
        name: "sequential 40",
        calls: 40,
        script: "let last = '';
            for (const i of many(40)) last = await agent(`step ${i} after ${last}`);
            return last;",
        edited: None,
    },
    Row {
        name: "EDIT: one new call in front of pipeline 20 × 3",
        calls: 60,
        script: PIPELINE,
        edited: Some(
            "await agent('prepare');
            return pipeline(many(20), (x) => agent(`look at ${x}`),
            (found) => agent(`verify ${found}`), (sure) => agent(`repair ${sure}`));",
        ),
    },
    Row {
        name: "EDIT: reword the 4th of 40 parallel",
        calls: 40,
        script: FLAT,
        edited: Some(
            "return parallel(many(40).map((i) => () => agent(i === 3 ? 'look well at 3' : `look at ${i}`)));",
        ),
    },
    Row {
        name: "EDIT: drop the first item of a 20 × 2 pipeline",
        calls: 40,
        script: "return pipeline(many(20), (x) => agent(`look at ${x}`), (found) => agent(`verify ${found}`));",
        edited: Some(
            "return pipeline(many(20).slice(1), (x) => agent(`look at ${x}`), (found) => agent(`verify ${found}`));",
        ),
    },
];

const FLAT: &str = "return parallel(many(40).map((i) => () => agent(`look at ${i}`)));";
const PIPELINE: &str = "return pipeline(many(20), (x) => agent(`look at ${x}`),
    (found) => agent(`verify ${found}`), (sure) => agent(`repair ${sure}`));";

/// Who decides what is reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A result stands for the call of the same number if that has the same content.
    Index,
    /// The same, up to the first call that has no result.
    Prefix,
    /// As [`Rule::Index`], and results are told in the order of the journal.
    Recorded,
    /// Ours; every call may change the workspace.
    Caused,
    /// Ours, and content alone is enough; no call changes anything.
    Content,
}

/// All rules, with their titles.
pub const RULES: [(Rule, &str); 5] = [
    (Rule::Index, "index, no prefix"),
    (Rule::Prefix, "index + prefix"),
    (Rule::Recorded, "index, delivered in recorded order"),
    (Rule::Caused, "ours, all calls `workspace`"),
    (Rule::Content, "ours, content reuse, all calls `pure`"),
];

/// What trials came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// Results that the journals held.
    pub paid: u64,
    /// Those of them that were not used.
    pub wasted: u64,
    /// The most of a trial.
    pub worst: u64,
}

/// Stops and resumes a script so many times.
///
/// # Errors
/// The engine cannot be made, or a script does not end.
pub fn trials(row: &Row, rule: Rule, count: u64, seed: u64) -> Answer<Cell> {
    let (first, second) = (script(row.script)?, script(row.edited.unwrap_or(row.script))?);
    let mut cell = Cell::default();
    for trial in 0..count {
        // Every rule meets the same trials.
        let mut chance = Chance::new(seed.wrapping_mul(1_000_003).wrapping_add(trial));
        let stop = 1 + chance.below(row.calls);
        let used = match rule {
            Rule::Caused | Rule::Content => ours::trial(&first, &second, rule, (stop, chance))?,
            _ => rivals::trial(&first, &second, rule, (stop, chance))?,
        };
        let wasted = stop.checked_sub(used).ok_or("more was used than there was")?;
        cell.paid += stop;
        cell.wasted += wasted;
        cell.worst = cell.worst.max(wasted);
    }
    Ok(cell)
}

impl Cell {
    /// The cell in a table.
    pub fn show(&self) -> String {
        if self.wasted == 0 {
            return "0 %".to_owned();
        }
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = self.wasted as f64 * 100.0 / self.paid as f64;
        format!("{share:.1} % w{}", self.worst)
    }
}

/// The table, in Markdown.
///
/// # Errors
/// As [`trials`].
pub fn table(count: u64, seed: u64) -> Answer<String> {
    let mut table = String::from("| script |");
    for (_, title) in RULES {
        write!(table, " {title} |")?;
    }
    table.push_str("\n| --- | --- | --- | --- | --- | --- |\n");
    for row in &ROWS {
        write!(table, "| {} |", row.name)?;
        for (rule, _) in RULES {
            write!(table, " {} |", trials(row, rule, count, seed)?.show())?;
        }
        table.push('\n');
    }
    Ok(table)
}

/// A script with what all of them begin with.
fn script(body: &str) -> Answer<Script> {
    let text = format!(
        "export const meta = {{ name: 'waste', description: 'Stopped and resumed' }};
const many = (count) => Array.from({{ length: count }}, (_, i) => i);\n{body}\n"
    );
    Script::of_text(&text, "waste.js").map_err(|problem| problem.to_string().into())
}

fn start(script: &Script) -> Answer<(Engine, Report)> {
    let start = Start {
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
        memory: 64 << 20,
        fuel: 1_000_000,
    };
    Ok(Engine::start(&start, no_gauge())?)
}

fn tell(engine: &mut Engine, call: u64, value: JsonText) -> Answer<Report> {
    let settle = Settle {
        call,
        value: Some(value),
        error: None,
        spent: 0,
    };
    let report = engine.settle(&settle)?;
    match report.state {
        VmState::Waiting | VmState::Done => Ok(report),
        VmState::Failed | VmState::Deadlock => Err(format!("{:?}", report.error).into()),
    }
}

fn prompt(call: &Call) -> String {
    let payload = call.payload.value();
    payload.get_str("prompt").unwrap_or_default().to_owned()
}

fn calls(report: &Report) -> impl Iterator<Item = &Call> {
    report.events.iter().filter_map(|event| match event {
        Event::Call(call) => Some(call),
        _ => None,
    })
}

/// Work that goes on, in virtual time.
#[derive(Debug)]
struct Agenda {
    chance: Chance,
    now: u64,
    /// By when it ends, and by chance.
    due: BTreeMap<(u64, u64), u64>,
}

impl Agenda {
    const fn new(chance: Chance) -> Self {
        Self {
            chance,
            now: 0,
            due: BTreeMap::new(),
        }
    }

    fn begin(&mut self, call: u64) {
        let (least, most) = LATENCY;
        let due = self.now + least + self.chance.below(most - least + 1);
        let tie = self.chance.below(1 << 40);
        self.due.insert((due, tie), call);
    }

    /// Lets time pass until a call has ended.
    fn next(&mut self) -> Option<u64> {
        let ((due, _), call) = self.due.pop_first()?;
        self.now = due;
        Some(call)
    }

    /// What an agent answers: nobody says the same twice.
    fn answer(&mut self, prompt: &str) -> JsonText {
        let nonce = self.chance.below(u64::MAX);
        let digest = sha256_hex(format!("{prompt} {nonce}").as_bytes());
        JsonText::new(&Value::from(digest))
    }
}
