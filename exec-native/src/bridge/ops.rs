//! What can be asked for.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plan_core::base::edition::Edition;
use plan_core::base::json::{Print as _, Value, Writer};
use plan_core::persona::env::resolve_references;
use plan_core::persona::harness::compat::ConfigFile;
use plan_core::persona::mount::MountPolicy;
use plan_core::persona::plan::SidecarWrite;
use plan_core::persona::skills::SkillMaterializationPlan;

use super::answer::{plain, print_event, write_handle, write_launch, write_report};
use super::request::{Request, wrong};
use super::results::write_live;
use super::{Bridge, Data, PROTOCOL, locked};
use crate::apply::{
    ApplyOptions, Attached, COMMAND_LIMIT, Cleared, Event, GcOptions, RecoveryReport, RunHandle,
    attach, dispose, gc, list_runs, recover,
};
use crate::error::{ExecError, ExecErrorKind};
use crate::helpers::{
    HelperOptions, apply_persona_mount, execute_persona_spawn_plan,
    materialize_persona_config_files, prepare_launch, run_skill_installs, write_persona_sidecars,
};
use crate::launch::own_program;
use crate::launch::{LaunchDescriptor, locate, resolve_reference};
use crate::mount::ViewChoice;
use crate::mount::enter::agent_prefix;
use crate::os::env;
use crate::os::proc::Cancel;
use crate::os::walk::text_of;
use crate::skills::SkillUse;
use crate::state::RunId;

/// How old a run must be to be cleared away, unless the request says it.
const GC_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Bridge {
    /// Does what a request asks.
    pub(super) fn answer(&self, request: &Request<'_>, cancel: &Cancel) -> Result<Data, ExecError> {
        if let Some(data) = self.results(request, cancel)? {
            return Ok(data);
        }
        match request.text("op")? {
            "hello" => Ok(Box::new(|out| {
                out.begin_object();
                out.field("protocol", &PROTOCOL);
                out.field("version", env!("CARGO_PKG_VERSION"));
                out.end_object();
            })),
            "execute" => self.run(request, cancel, |options| {
                execute_persona_spawn_plan(&request.plan()?, options)
            }),
            "launch" => self.launch(request, cancel),
            "mount" => self.run(request, cancel, |options| {
                let policy = request.member("policy");
                let policy = policy.map(|_| request.record::<MountPolicy<'_>>("policy"));
                apply_persona_mount(policy.transpose()?.as_ref(), options)
            }),
            "skills" => self.run(request, cancel, |options| {
                let skills = request.record::<SkillMaterializationPlan<'_>>("skills")?;
                let edition = request.member("edition");
                let edition = edition.map(|_| request.record::<Edition>("edition"));
                let edition = edition.transpose()?.unwrap_or(Edition::PersonaKit4);
                run_skill_installs(&skills, edition, options)
            }),
            "sidecars" => self.run(request, cancel, |options| {
                let sidecars = request.record::<Vec<SidecarWrite<'_>>>("sidecars")?;
                write_persona_sidecars(&sidecars, options)
            }),
            "configFiles" => self.run(request, cancel, |options| {
                let files = request.record::<Vec<ConfigFile<'_>>>("configFiles")?;
                materialize_persona_config_files(&files, options)
            }),
            "dispose" => self.dispose(&request.run()?, request.flag("discards", false)?),
            "attach" => self.attach(&request.run()?),
            "cancel" => {
                let target = request.member("target");
                let target = target.ok_or_else(|| wrong("target", "is missing"))?;
                Ok(plain(self.stop(target)))
            }
            "recover" => {
                let cwd = request.opt_text("cwd")?.map(Path::new);
                let reports = recover(&self.state, cwd)?;
                Ok(Box::new(move |out| write_recovered(out, &reports)))
            }
            "gc" => {
                let older_than = request.number("olderThanMs")?;
                let options = GcOptions {
                    older_than: older_than.map_or(GC_AGE, Duration::from_millis),
                    damaged: request.flag("damaged", false)?,
                    dry_run: request.flag("dryRun", false)?,
                };
                let cleared = gc(&self.state, &options)?;
                Ok(Box::new(move |out| write_cleared(out, &cleared)))
            }
            "list" => {
                let runs = list_runs(&self.state)?;
                Ok(Box::new(move |out| runs.print(out)))
            }
            other => Err(wrong("op", &format!("is unknown: {other}"))),
        }
    }

    /// Carries something out and keeps its handle.
    fn run(
        &self,
        request: &Request<'_>,
        cancel: &Cancel,
        act: impl FnOnce(&HelperOptions<'_>) -> Result<RunHandle, ExecError>,
    ) -> Result<Data, ExecError> {
        let cwd = request.dir("cwd")?;
        let progress = |event: &Event<'_>| {
            if let Some(line) = print_event(request.id(), event) {
                self.say(&line);
            }
        };
        let wanted = request.flag("progress", false)?;
        let above = request.texts("above")?;
        let above = above.iter().map(|id| RunId::parse(id));
        let above: Option<Vec<RunId>> = above.collect();
        let env = request.object("env")?;
        let resolver = |template: &str, field: &str| match env {
            Some(env) => resolve_references(template, env, field).map(Cow::into_owned),
            None => resolve_reference(template, field),
        };
        let mut options = HelperOptions::new(&self.state, &cwd);
        if let Some(word) = request.opt_text("view")? {
            let known = "must be auto, overlay, copy or inplace";
            options.view = ViewChoice::parse(word).ok_or_else(|| wrong("view", known))?;
        }
        options.entered = request.flag("entered", false)?;
        options.dotfiles = request.flag("dotfiles", false)?;
        options.skills = skill_use(request)?;
        options.mount_dir = request.opt_text("mountDir")?.map(PathBuf::from);
        options.include_git = request.flag("includeGit", true)?;
        options.apply = ApplyOptions {
            label: request.opt_text("label")?.map(String::from),
            resolver: &resolver,
            progress: wanted.then_some(&progress),
            cleanup_skills_on_dispose: request.flag("cleanupSkillsOnDispose", true)?,
            above: above.ok_or_else(|| wrong("above", "must be ids of runs"))?,
            wait: request.number("waitMs")?.map(Duration::from_millis),
            command_limit: request
                .number("commandTimeoutMs")?
                .map_or(Some(COMMAND_LIMIT), |ms| Some(Duration::from_millis(ms)))
                .filter(|limit| !limit.is_zero()),
            cancel: cancel.clone(),
            // A run that is its agent's does not end with the client.
            client: self.client.filter(|_| !request.is_agents()),
            ..ApplyOptions::default()
        };
        let handle = self.keep(act(&options)?);
        if let Err(error) = self.begin_live(request, &handle) {
            self.forget(handle.id().as_str());
            return Err(error.with_undo_errors(handle.dispose().errors()));
        }
        Ok(described(handle))
    }

    /// Carries a plan out and says how its agent is started.
    fn launch(&self, request: &Request<'_>, cancel: &Cancel) -> Result<Data, ExecError> {
        let plan = request.plan()?;
        let variables = request.object("env")?;
        let path = match variables {
            Some(variables) => variables
                .get("PATH")
                .and_then(Value::as_str)
                .map(String::from),
            None => env::var("PATH"),
        };
        let (program, _) = locate(&plan, path.as_deref())?;
        let mut launch = LaunchDescriptor::default();
        let handle = self.run(request, cancel, |options| {
            let options = HelperOptions {
                entered: true,
                ..options.clone()
            };
            let (handle, mut prepared) = prepare_launch(&plan, &program, &options)?;
            match self.entrust(&mut prepared, &handle, request.is_agents()) {
                Ok(()) => launch = prepared,
                Err(error) => return Err(error.with_undo_errors(handle.dispose().errors())),
            }
            Ok(handle)
        })?;
        Ok(Box::new(move |out| {
            out.begin_object();
            out.key("handle");
            handle(out);
            out.key("launch");
            write_launch(out, &launch);
            out.end_object();
        }))
    }

    /// Makes a run one that ends its agent, or that is its agent's.
    fn entrust(
        &self,
        launch: &mut LaunchDescriptor,
        handle: &RunHandle,
        is_agents: bool,
    ) -> Result<(), ExecError> {
        let program = own_program()?;
        launch.argv_prefix = agent_prefix(&program, handle.id(), &self.state)?;
        (launch.command, launch.args) = launch.argv()?;
        launch.argv_prefix.clear();
        if is_agents {
            handle.answer_signals()?;
            locked(&self.agents).insert(handle.id().to_string());
        }
        Ok(())
    }

    fn dispose(&self, id: &RunId, discards: bool) -> Result<Data, ExecError> {
        let live = self.end_live(id.as_str(), discards);
        let report = match self.find(id.as_str()) {
            Some(handle) => {
                let report = handle.dispose();
                self.forget(id.as_str());
                report
            }
            None => dispose(&self.state, id)?.unwrap_or_default(),
        };
        Ok(Box::new(move |out| match &live {
            None => write_report(out, &report),
            Some(live) => {
                out.begin_object();
                out.key("report");
                write_report(out, &report);
                out.key("live");
                write_live(out, live);
                out.end_object();
            }
        }))
    }

    fn attach(&self, id: &RunId) -> Result<Data, ExecError> {
        if let Some(handle) = self.find(id.as_str()) {
            return Ok(described(handle));
        }
        match attach(&self.state, id)? {
            Attached::Ours(handle) => Ok(described(self.keep(*handle))),
            Attached::Theirs(_) => {
                let message = format!("run {id} is held by another process");
                Err(ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str()))
            }
            Attached::Over(summary) => {
                let message = format!("run {id} is over");
                let error = ExecError::new(ExecErrorKind::Usage, message).at(summary.dir);
                Err(error.in_run(id.as_str()))
            }
        }
    }
}

/// Reads how skills are provided. Installers get a part of the variables in the request.
fn skill_use(request: &Request<'_>) -> Result<SkillUse, ExecError> {
    let Some(env) = request.object("env")? else {
        return Ok(SkillUse::default());
    };
    let texts = env
        .iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.as_str()?.to_owned())));
    Ok(SkillUse {
        refresh: request.flag("refreshSkills", false)?,
        allow_env: request.texts("allowEnv")?,
        vars: Some(texts.collect()),
        ..SkillUse::from_env()?
    })
}

fn described(handle: Arc<RunHandle>) -> Data {
    Box::new(move |out| write_handle(out, &handle))
}

fn write_cleared(out: &mut Writer, cleared: &[Cleared]) {
    out.begin_array();
    for entry in cleared {
        out.begin_object();
        out.field("directory", &text_of(&entry.dir));
        out.field("held", entry.what);
        out.field("removed", &entry.removed);
        out.end_object();
    }
    out.end_array();
}

fn write_recovered(out: &mut Writer, reports: &[RecoveryReport]) {
    out.begin_array();
    for recovered in reports {
        out.begin_object();
        out.field("id", recovered.id.as_str());
        out.field("cwd", &recovered.cwd.as_deref().map(text_of));
        match &recovered.result {
            Ok(report) => {
                out.field("recovered", &report.errors().is_empty());
                out.key("report");
                write_report(out, report);
            }
            Err(error) => {
                out.field("recovered", &false);
                out.field("error", &error.chain());
            }
        }
        out.end_object();
    }
    out.end_array();
}
