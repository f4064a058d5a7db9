//! Clearing away what stopped seats leave. It goes by what lies there, not by what was
//! planned: an earlier command may have been killed before it came to this.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plan_core::fleet::plan::{FleetPlan, Goal};

use super::carry::{Carried, Carrier};
use super::crew::RUN;
use super::seat::{SPEC, heartbeat_path, probe_paths, read_spec, spec_path};
use super::write::{Change, commit_changes};
use crate::apply::recover;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::fs;

impl Carrier<'_> {
    /// Clears away: nothing of ours stays of seats that have stopped but the fleet's own files.
    pub(super) fn clear(&self, plan: &FleetPlan, carried: &mut Carried) -> Result<(), ExecError> {
        let mut changes = Vec::new();
        for (place, seats) in self.stopped(plan)? {
            if let Err(error) = place.map_or(Ok(()), |place| self.take_back(&place)) {
                self.fail(&seats.join(", "), error, carried);
                continue;
            }
            for seat in seats {
                self.crew.clear(&seat)?;
                self.clear_supervisor(&seat)?;
                // It goes last: without it nobody would look for the others.
                let path = format!("{RUN}/{seat}{SPEC}");
                if let Some(stored) = self.home.read(&path)? {
                    changes.push(Change::remove(&path, &stored).privately());
                }
            }
        }
        commit_changes(self.home, &changes, self.options.write)?;
        let all = plan.aim.goal == Goal::Down && plan.aim.seats.is_empty();
        if all && carried.failed.is_empty() {
            self.crew.shut()?;
        }
        Ok(())
    }

    /// Lists the seats that were started once, should not run and do not, by where they worked.
    fn stopped(
        &self,
        plan: &FleetPlan,
    ) -> Result<BTreeMap<Option<PathBuf>, Vec<String>>, ExecError> {
        let run = self.crew.run();
        let mut found = BTreeMap::new();
        if !fs::is_dir(run) {
            return Ok(found);
        }
        let names = Dir::open(run).and_then(|dir| dir.names()).at(run)?;
        let seats = names.iter().filter_map(|name| {
            let seat = name.to_str()?.strip_suffix(SPEC)?;
            (!seat.starts_with('.')).then_some(seat)
        });
        let aim = &plan.aim;
        let unwanted = |seat: &&str| {
            let meant = aim.seats.is_empty() || aim.seats.iter().any(|named| named == seat);
            meant && (aim.goal == Goal::Down || plan.seat(seat).is_none())
        };
        let seats: Vec<&str> = seats.filter(unwanted).collect();
        if seats.is_empty() {
            return Ok(found);
        }
        let observed = self.crew.observe()?;
        let runs = |seat: &str| {
            let mut sessions = observed.sessions.iter();
            sessions.any(|session| {
                let own = session.fleet.as_deref() == Some(&*plan.fleet);
                own && session.seat.as_deref() == Some(seat)
            })
        };
        for seat in seats.into_iter().filter(|seat| !runs(seat)) {
            // One that cannot be read never began to work.
            let spec = read_spec(&spec_path(run, seat)).ok();
            let place = spec.map(|spec| PathBuf::from(spec.cwd));
            let place = place.filter(|place| fs::is_dir(place));
            let seats: &mut Vec<String> = found.entry(place).or_default();
            seats.push(seat.to_owned());
        }
        Ok(found)
    }

    /// Takes back what runs left in a directory whose supervisors were killed: no next start
    /// will.
    fn take_back(&self, place: &Path) -> Result<(), ExecError> {
        for report in recover(&self.options.write.state, Some(place))? {
            let errors = report.result.map(|done| done.errors())?;
            if let Some(error) = errors.into_iter().next() {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes the files of a supervisor that has ended.
    fn clear_supervisor(&self, seat: &str) -> Result<(), ExecError> {
        let beat = heartbeat_path(self.crew.run(), seat);
        let lock = self.crew.run().join(format!("{seat}.lock"));
        let [log, mark] = probe_paths(self.crew.run(), seat);
        for path in [&beat, &lock, &log, &mark] {
            fs::remove_if_there(path).at(path)?;
        }
        // It may have been killed while it wrote.
        let room = beat.parent().unwrap_or(&beat);
        let dir = Dir::open(room).at(room)?;
        let draft = format!(".{seat}.hb.");
        for name in dir.names().at(room)? {
            if name.to_str().is_some_and(|name| name.starts_with(&draft)) {
                dir.remove_file(&name).at(room.join(&name))?;
            }
        }
        Ok(())
    }
}
