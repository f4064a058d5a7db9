//! `callsheet workflow run|resume`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plan_core::base::digest::sha256_hex;
use plan_core::base::json::{self, Writer, print};
use plan_core::base::secret::is_secret_name;
use plan_core::workflow::history::History;
use plan_core::workflow::machine::Terms;
use plan_core::workflow::policy::{Limits, MAX_RETRIES, MOST_AT_ONCE, Reuse};
use plan_core::workflow::record::{
    Agents as Named, LimitsRaised, RUN_VERSION, RunEnd, RunOpened, RunRecord,
};
use plan_core::workflow::vm::JsonText;

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::background::BehindArgs;
use super::given::GivenArgs;
use super::lines::{line, summary, tokens};
use super::look::find;
use super::saved::find_script;
use super::who::{Place, WhoArgs};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::now_ms;
use crate::os::proc::Cancel;
use crate::os::signal::cancel_on_request;
use crate::os::{env, fs};
use crate::state::StateHome;
use crate::workflow::agent::Agents;
use crate::workflow::driver::{Drive, Driven, EngineLimits, drive};
use crate::workflow::isolation::Rooms;
use crate::workflow::library::Library;
use crate::workflow::preview::preview;
use crate::workflow::script::Script;
use crate::workflow::store::{RunFile, Store, is_id, new_id, read};
use crate::workflow::view::View;
use crate::worktree::Repo;

/// The exit code of a run that can go on.
pub(super) const OPEN: u8 = 4;

/// How calls are worked on.
#[derive(Debug, Args)]
struct WorkArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// How many calls are worked on at the same time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_AT_ONCE))]
    concurrency: Option<u64>,
    /// How many agents the run may call, over all executions.
    #[arg(long, value_name = "N")]
    max_agents: Option<u64>,
    /// How many tokens the run may take, over all executions.
    #[arg(long, value_name = "TOKENS")]
    budget: Option<u64>,
    /// How often a call is tried again that failed in a way that may pass.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=MAX_RETRIES))]
    retries: Option<u64>,
    /// How long a call may take.
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// Which earlier results count: those with the same past, all of the same content that see
    /// nothing but their prompt, or none.
    #[arg(long, value_enum, default_value_t = ReuseWord::Caused)]
    reuse: ReuseWord,
    /// Does not run calls again that failed.
    #[arg(long)]
    keep_failures: bool,
    /// A variable that the script may ask for with `env()`; may be repeated.
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// Prints every record as a line of JSON, and at last the outcome.
    #[arg(long)]
    json: bool,
}

/// The words of `--reuse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReuseWord {
    Caused,
    Content,
    Nothing,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet workflow run audit.js --agent-command ./agent.sh
  callsheet workflow run audit.js --args '{\"dir\": \"src\"}' --budget 200000 --agent-command ./agent.sh
  callsheet workflow run audit.js --json --agent-command ./agent.sh | jq -c
  callsheet workflow run deep-research --arg question='Why is it slow?' --agent-command ./agent.sh
  callsheet workflow run audit.js --background --agent-command ./agent.sh

Exit codes: 0 the script returned; 1 it failed; 4 it was paused and can go on, by
`callsheet workflow resume`; 5 somebody else drives the run; 64 for wrong arguments.")]
pub(super) struct RunCommand {
    /// The script: a file, or the name of a workflow that `callsheet workflow saved` lists.
    script: PathBuf,
    #[command(flatten)]
    given: GivenArgs,
    /// The id of the run; made of the script's name by default.
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// The workspace.
    #[arg(long, short = 'C', value_name = "DIR")]
    cwd: Option<PathBuf>,
    #[command(flatten)]
    behind: BehindArgs,
    #[command(flatten)]
    work: WorkArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet workflow resume audit-01m7z5d68w-j19e318sf4 --agent-command ./agent.sh
  callsheet workflow resume ID --script edited.js --agent-command ./agent.sh
  callsheet workflow resume ID --script edited.js --plan --agent-command ./agent.sh

What has a result is told again, in the order in which it came; only what has none is run. An
edited script runs what the edit changed and what comes after it.")]
pub(super) struct ResumeCommand {
    /// The run.
    id: String,
    /// An edited script; the run's own by default.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    #[command(flatten)]
    given: GivenArgs,
    /// Says what would be reused and what would run, without running or writing anything.
    #[arg(long, conflicts_with = "background")]
    plan: bool,
    #[command(flatten)]
    behind: BehindArgs,
    #[command(flatten)]
    work: WorkArgs,
}

impl WorkArgs {
    fn limits(&self, before: &Limits) -> Limits {
        Limits {
            concurrency: self.concurrency.unwrap_or(before.concurrency),
            max_agents: self.max_agents.unwrap_or(before.max_agents),
            budget: self.budget.or(before.budget),
            timeout: self.timeout.or(before.timeout),
            retries: self.retries.unwrap_or(before.retries),
        }
    }

    /// Says who works on calls, and gets them to work.
    fn hire(
        &self,
        history: &History,
        script: &Script,
        (cwd, run): (&Path, &Path),
        rooms: Rooms,
    ) -> Result<(Named, Box<dyn Agents>), Failure> {
        let before = history.started();
        let before = before.and_then(|started| started.agents.as_ref());
        let named = self.who.named(before)?;
        let place = Place { script, cwd, run };
        let agents = self.who.hire(&named, &place, rooms)?;
        Ok((named, agents))
    }

    fn terms(&self) -> Terms {
        Terms {
            reuse: match self.reuse {
                ReuseWord::Caused => Reuse::Caused,
                ReuseWord::Content => Reuse::Content,
                ReuseWord::Nothing => Reuse::Nothing,
            },
            keep_failures: self.keep_failures,
            ..Terms::default()
        }
    }

    /// The variables that the script may ask for. Answers are kept in the journal, so secrets
    /// may not be among them.
    fn variables(&self) -> Result<BTreeMap<String, Option<String>>, ExecError> {
        let mut variables = BTreeMap::new();
        for name in &self.env {
            if is_secret_name(name) {
                let message =
                    format!("--env {name}: the name is that of a secret, and answers are kept");
                let error = ExecError::new(ExecErrorKind::Usage, message);
                return Err(error.hint("an agent finds it in its own environment"));
            }
            variables.insert(name.clone(), env::var(name));
        }
        Ok(variables)
    }
}

impl RunCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.run(output)
            .map_err(|failure| failure.json(self.work.json))
    }

    fn run(&self, output: &Output) -> Answer {
        if let Some(id) = self.behind.detach()? {
            return resume(id, None, &self.work, output);
        }
        let cwd = workspace(self.cwd.as_deref())?;
        let (script, path) = find_script(&self.script, &cwd)?;
        if !self.work.json {
            super::tell(script.lints(), &script, output);
        }
        let args = self.given.settle(&script)?;
        // What cannot be driven is not begun.
        self.work.variables()?;
        let id = match &self.run_id {
            None => new_id(&script.name)?,
            Some(id) if is_id(id) => id.clone(),
            Some(id) => {
                let message =
                    format!("--run-id {id}: must be small letters, digits, `-`, `_` and `.`");
                return Err(ExecError::new(ExecErrorKind::Usage, message).into());
            }
        };
        let opened = RunOpened {
            version: RUN_VERSION,
            run: id.clone(),
            name: script.name.clone(),
            script: sha256_hex(script.text.as_bytes()),
            path: Some(path),
            cwd: cwd.display().to_string(),
            base: Repo::open(&cwd)
                .and_then(|repo| repo.resolve("HEAD"))
                .ok()
                .map(|base| base.as_str().to_owned()),
            args: args.clone(),
            limits: self.work.limits(&Limits::default()),
            at: now_ms(),
        };
        let store = Store::create(&StateHome::from_env()?, opened, &script.text)?;
        if self.behind.is_wanted() {
            // It exists; whoever drives it takes the lease.
            drop(store);
            return BehindArgs::start(&id, self.work.json, output);
        }
        follow(store, (&script, args, cwd), &self.work, output)
    }
}

fn workspace(named: Option<&Path>) -> Result<PathBuf, ExecError> {
    let failed = |error: std::io::Error| {
        let message = "the workspace cannot be used";
        ExecError::new(ExecErrorKind::Failed, message).because(error)
    };
    let cwd = match named {
        None => env::current_dir().map_err(failed)?,
        Some(named) => fs::real(named).map_err(|error| failed(error).at(named))?,
    };
    if fs::is_dir(&cwd) {
        return Ok(cwd);
    }
    let message = "the workspace is no directory";
    Err(ExecError::new(ExecErrorKind::Usage, message).at(cwd))
}

impl ResumeCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.run(output)
            .map_err(|failure| failure.json(self.work.json))
    }

    fn run(&self, output: &Output) -> Answer {
        self.behind.detach()?;
        if self.plan {
            let file = find(&self.id)?;
            let next = self.edit().next(&file)?;
            return plan(&file, next, &self.work, output);
        }
        if self.behind.is_wanted() {
            // Most of what can be wrong is said at once.
            self.edit().next(&find(&self.id)?)?;
            self.work.variables()?;
            return BehindArgs::start(&self.id, self.work.json, output);
        }
        resume(&self.id, Some(self.edit()), &self.work, output)
    }

    fn edit(&self) -> Edit<'_> {
        Edit {
            script: self.script.as_deref(),
            given: &self.given,
        }
    }
}

/// What a resume changes.
#[derive(Clone, Copy)]
struct Edit<'e> {
    script: Option<&'e Path>,
    given: &'e GivenArgs,
}

impl Edit<'_> {
    /// The script and what it is given from now on, and the workspace.
    fn next(&self, file: &RunFile) -> Result<(Script, JsonText, PathBuf), Failure> {
        let (script, args, cwd) = of_run(file)?;
        let script = match self.script {
            Some(path) => find_script(path, &cwd)?.0,
            None => script,
        };
        let args = if self.given.is_empty() && self.script.is_none() {
            args
        } else {
            self.given.settle_over(&script, &args)?
        };
        Ok((script, args, cwd))
    }
}

/// The script of a run and what it is given, and the workspace.
fn of_run(file: &RunFile) -> Result<(Script, JsonText, PathBuf), Failure> {
    let history = &file.history;
    if history.is_over() {
        let message = format!("the run `{}` was given up", file.id);
        return Err(ExecError::new(ExecErrorKind::Refused, message).into());
    }
    let opened = history.opened();
    let before = opened.map(|opened| (opened.args.clone(), opened.cwd.clone()));
    let (args, cwd) = before.unwrap_or_default();
    let latest = history.started().map(|started| &started.script);
    let first = opened.map(|opened| &opened.script);
    let text = file.blob(latest.or(first).map_or("", String::as_str))?;
    let name = opened.and_then(|opened| opened.path.clone());
    let name = name.unwrap_or_else(|| "workflow.js".to_owned());
    let script = Script::of_text(&text, &name).map_err(Failure::of)?;
    let cwd = workspace(Some(Path::new(&cwd)))?;
    Ok((script, args, cwd))
}

/// Goes on with a run.
fn resume(id: &str, edit: Option<Edit<'_>>, work: &WorkArgs, output: &Output) -> Answer {
    let (mut store, file) = Store::open(&StateHome::from_env()?, id)?;
    let ended = store.end_leftovers()?;
    if ended > 0 {
        output.note(&format!(
            "{ended} agents of an execution that died were still at work; they were ended"
        ));
    }
    let (script, args, cwd) = match edit {
        Some(edit) => edit.next(&file)?,
        None => of_run(&file)?,
    };
    let limits = work.limits(store.history().limits());
    if limits != *store.history().limits() {
        store.append(&RunRecord::Raised(LimitsRaised { limits }))?;
        store.flush()?;
    }
    follow(store, (&script, args, cwd), work, output)
}

/// Tells what a resume would do.
fn plan(
    file: &RunFile,
    (script, args, cwd): (Script, JsonText, PathBuf),
    work: &WorkArgs,
    output: &Output,
) -> Answer {
    let rooms = rooms(&file.history, &cwd)?;
    let (named, agents) = work.hire(&file.history, &script, (&cwd, &file.path), rooms)?;
    let cancel = Cancel::new();
    let library = Library::from_env(&cwd);
    let drive = Drive {
        script: &script,
        args,
        cwd,
        terms: work.terms(),
        agents: &*agents,
        named,
        find: &|name| library.script(name),
        variables: work.variables()?,
        engine: EngineLimits::default(),
        events: &|_| {},
        cancel: &cancel,
    };
    super::plan::show(file, &preview(file, &drive)?, work.json, output)
}

/// Where the calls of a run can be kept apart in its next execution.
fn rooms(history: &History, cwd: &Path) -> Result<Rooms, ExecError> {
    let opened = history.opened();
    let id = opened.map_or("", |opened| &*opened.run);
    let base = opened.and_then(|opened| opened.base.as_deref());
    let state = StateHome::from_env()?;
    Ok(Rooms::open(&state, cwd, id, history.epoch() + 1, base))
}

/// Drives a run and tells what happens.
fn follow(
    store: Store,
    (script, args, cwd): (&Script, JsonText, PathBuf),
    work: &WorkArgs,
    output: &Output,
) -> Answer {
    let cancel = Cancel::new();
    cancel_on_request(&cancel)?;
    let opened = store.history().opened();
    let id = opened.map(|opened| opened.run.clone()).unwrap_or_default();
    let state = StateHome::from_env()?;
    let rooms = rooms(store.history(), &cwd)?;
    let mut view = View::new(script.titles());
    let records = read(&state, &id)?.map(|file| file.records);
    let records = records.unwrap_or_default();
    for record in &records {
        view.take(record);
    }
    if store.history().epoch() > 0 {
        for told in rooms.settle(&records)? {
            output.note(&told);
        }
    }
    let (named, agents) = work.hire(store.history(), script, (&cwd, store.path()), rooms)?;
    let dir = store.path().to_owned();
    output.note(&format!("run {id}"));
    let view = RefCell::new(view);
    let events = |record: &RunRecord| tell(&mut view.borrow_mut(), record, work.json, output);
    let library = Library::from_env(&cwd);
    let driven = drive(
        store,
        &Drive {
            script,
            args,
            cwd,
            terms: work.terms(),
            agents: &*agents,
            named,
            find: &|name| library.script(name),
            variables: work.variables()?,
            engine: EngineLimits::default(),
            events: &events,
            cancel: &cancel,
        },
    )
    .map_err(|error| error.hint(format!("`callsheet workflow resume {id}` goes on")))?;
    conclude(&id, &dir, &driven, work.json, output)
}

/// Tells what has happened.
fn tell(view: &mut View, record: &RunRecord, as_json: bool, output: &Output) {
    view.take(record);
    if as_json {
        // Whoever reads the lines may have gone; the run goes on.
        output.line(&print(record)).ok();
        return;
    }
    let paint = |code: &str, text: &str| output.paint(code, text);
    if let Some(line) = line(view, record, &paint) {
        output.note(&line);
    }
    output.passing(&summary(view, now_ms()));
}

/// Tells how a run has ended, and says so with the exit code.
pub(super) fn conclude(
    id: &str,
    dir: &Path,
    driven: &Driven,
    as_json: bool,
    output: &Output,
) -> Answer {
    let code = match driven.end {
        RunEnd::Completed => 0,
        RunEnd::Failed | RunEnd::Abandoned => 1,
        RunEnd::Paused | RunEnd::Stopped => OPEN,
    };
    let usage = driven.ledger.spent();
    let text = match &driven.outcome {
        Some(outcome) => {
            let file = read(&StateHome::from_env()?, id)?;
            let text = file.map(|file| file.text(outcome)).transpose()?;
            text.flatten()
        }
        None => None,
    };
    let message = driven
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.message.clone());
    if as_json {
        let data = Shape(|out: &mut Writer| {
            out.begin_object();
            out.field("run", id);
            out.field("end", &driven.end);
            out.field("reason", &driven.reason);
            if let Some(text) = &text {
                out.key("result");
                out.raw(text);
            }
            out.field("error", &message);
            out.field("usage", usage);
            out.end_object();
        });
        output.envelope(&data, &[])?;
        return Ok(code);
    }
    match driven.end {
        RunEnd::Completed => {
            let text = text.unwrap_or_else(|| "null".to_owned());
            let value = json::read(&text).unwrap_or_default();
            output.line(value.as_str().unwrap_or(&text))?;
        }
        RunEnd::Failed => {
            let failed = output.paint("31", "failed:");
            let what = message.unwrap_or_default();
            output.problem(&format!("{failed} {what}"));
        }
        RunEnd::Paused | RunEnd::Stopped | RunEnd::Abandoned => {
            let reason = driven.reason.as_deref().unwrap_or_default();
            output.note(&format!("{}: {reason}", driven.end.as_str()));
            output.note(&format!("go on with: callsheet workflow resume {id}"));
        }
    }
    output.note(&format!("{}; kept in {}", tokens(usage), dir.display()));
    Ok(code)
}
