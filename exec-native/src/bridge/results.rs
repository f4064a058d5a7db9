//! What can be asked about the changes of a view.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::base::json::Print as _;

use super::answer::write_report;
use super::request::{Request, wrong};
use super::{Bridge, Data, locked};
use crate::apply::RunHandle;
use crate::changes::{
    ApplyChanges, Conflicts, Live, LiveOptions, LiveReport, apply_changes, changes,
    discard_changes, revert,
};
use crate::error::ExecError;
use crate::os::proc::Cancel;
use crate::os::walk::text_of;

/// How often live results are looked at when the request does not say.
const INTERVAL: u64 = 1000;

impl Bridge {
    /// Does what a request asks about changes; `None` when it asks something else.
    pub(super) fn results(
        &self,
        request: &Request<'_>,
        cancel: &Cancel,
    ) -> Result<Option<Data>, ExecError> {
        Ok(Some(match request.text("op")? {
            "changes" => {
                let set = changes(&self.state, &request.run()?)?;
                Box::new(move |out| set.print(out))
            }
            "apply" => self.apply(request, cancel)?,
            "discard" => {
                let cwd = request.opt_text("cwd")?.unwrap_or(".");
                let confirmed = request.flag("confirmed", false)?;
                let gone =
                    discard_changes(&self.state, &request.run()?, (Path::new(cwd), confirmed))?;
                Box::new(move |out| {
                    out.begin_object();
                    out.field("discarded", &gone.changes);
                    out.field("references", &gone.references);
                    out.end_object();
                })
            }
            "revert" => {
                let report = revert(&self.state, &request.run()?)?;
                Box::new(move |out| write_report(out, &report))
            }
            _ => return Ok(None),
        }))
    }

    fn apply(&self, request: &Request<'_>, cancel: &Cancel) -> Result<Data, ExecError> {
        let conflicts = match request.opt_text("conflicts")? {
            None | Some("keep-both") => Conflicts::KeepBoth,
            Some("ours") => Conflicts::Ours,
            Some("theirs") => Conflicts::Theirs,
            Some(_) => return Err(wrong("conflicts", "must be ours, theirs or keep-both")),
        };
        let paths = request.texts("paths")?;
        let dry_run = request.flag("dryRun", false)?;
        let options = ApplyChanges {
            conflicts,
            paths: paths.into_iter().map(PathBuf::from).collect(),
            confirm_deletions: request.flag("confirmDeletions", false)?,
            generated: request.flag("generated", false)?,
            dry_run,
            wait: request.number("waitMs")?.map(Duration::from_millis),
            cancel: cancel.clone(),
            ..ApplyChanges::default()
        };
        let id = request.run()?;
        let done = apply_changes(&self.state, &id, &options)?;
        Ok(Box::new(move |out| done.print(out, &id, dry_run)))
    }

    /// Begins to bring the results of a run back as they come, if the request says so.
    pub(super) fn begin_live(
        &self,
        request: &Request<'_>,
        handle: &RunHandle,
    ) -> Result<(), ExecError> {
        if !request.flag("live", false)? {
            return Ok(());
        }
        let interval = request.number("liveMs")?.unwrap_or(INTERVAL);
        let interval = Duration::from_millis(interval);
        let live = Live::start(&self.state, handle.id(), LiveOptions { interval })?;
        locked(&self.live).insert(handle.id().to_string(), live);
        Ok(())
    }

    /// Brings the last results of a run back, unless they are given up; `None` when nobody asked for them.
    pub(super) fn end_live(&self, run: &str, dropped: bool) -> Option<LiveReport> {
        let live = locked(&self.live).remove(run);
        live.map(if dropped { Live::abandon } else { Live::stop })
    }
}

/// Prints what live results came to, as a member of a report.
pub(super) fn write_live(out: &mut plan_core::base::json::Writer, live: &LiveReport) {
    out.begin_object();
    out.key("conflicts");
    out.begin_array();
    for conflict in &live.conflicts {
        out.begin_object();
        out.field("path", &text_of(&conflict.path));
        out.field("beside", &conflict.beside.as_deref().map(text_of));
        out.end_object();
    }
    out.end_array();
    out.field("error", &live.error.as_ref().map(ExecError::chain));
    out.end_object();
}
