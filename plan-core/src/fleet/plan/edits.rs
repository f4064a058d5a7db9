//! What a command changes in the roster.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{Edit, EditKind};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::sort::sort_by;
use crate::base::text::nearest;
use crate::fleet::merge::{Field, Fields, Kind, Merged, Units, fields};
use crate::fleet::provision::Staffing;
use crate::fleet::roster::{Seat, is_safe_name};

/// Says that a command asks for something that cannot be.
pub(super) fn refused(what: String, near: Option<&str>, usual: &str) -> Vec<Diagnostic> {
    let help = near.map_or_else(
        || usual.to_string(),
        |near| format!("did you mean `{near}`?"),
    );
    alloc::vec![Diagnostic::error(Code::FLEET_EDIT_INVALID, what).help(help)]
}

/// Applies what a command changes. A command says what counts, whatever the two sides say:
/// it decides conflicts.
pub(super) fn edit(
    merged: &mut Merged,
    before: &Units,
    edits: &[Edit],
    staffing: Staffing<'_>,
) -> Result<(), Vec<Diagnostic>> {
    for edit in edits.iter().filter(|edit| edit.kind != EditKind::Scale) {
        one_line(edit)?;
        let units = &mut merged.units.0;
        let seats = units.iter().filter(|(kind, ..)| *kind == Kind::Seat);
        let names: Vec<String> = seats.map(|(_, name, _)| name.clone()).collect();
        let near = |name: &str| nearest(name, names.iter().map(String::as_str));
        let usual = "`callsheet fleet status` lists the seats";
        if edit.kind == EditKind::Add {
            units.push(new_seat(edit, &names, staffing)?);
        } else if !names.contains(&edit.name) {
            let what = format!("there is no seat `{}`", edit.name);
            return Err(refused(what, near(&edit.name), usual));
        }
        let manager = edit.reports_to.as_ref();
        if let Some(manager) = manager.filter(|manager| !names.contains(manager)) {
            let what = format!(
                "`{}` cannot report to `{manager}`: there is no such seat",
                edit.name
            );
            return Err(refused(what, near(manager), usual));
        }
        let own = |kind: Kind, name: &str| kind == Kind::Seat && name == edit.name;
        if edit.kind == EditKind::Remove {
            units.retain(|(kind, name, _)| !own(*kind, name));
            merged
                .conflicts
                .retain(|conflict| conflict.unit != edit.name);
            continue;
        }
        let mut said = units.iter_mut().filter(|(kind, name, _)| own(*kind, name));
        let Some((.., fields)) = said.next() else {
            continue;
        };
        for (key, value) in [
            ("runtime", &edit.runtime),
            ("model_hint", &edit.model),
            ("working_directory", &edit.working_directory),
        ] {
            if let Some(value) = value {
                fields.insert(key, Field::Text(value.clone()));
                merged
                    .conflicts
                    .retain(|conflict| (&*conflict.unit, &*conflict.field) != (&edit.name, key));
            }
        }
    }
    // A seat that goes and comes back keeps its place, as it does in the text.
    let place = |wanted, name: &str| {
        let mut before = before.0.iter();
        let place = before.position(|(kind, own, _)| (*kind, &**own) == (wanted, name));
        place.unwrap_or(usize::MAX)
    };
    let units = &mut merged.units.0;
    sort_by(units, &|(kind, name, _), (other, others, _)| {
        (*kind, place(*kind, name)).cmp(&(*other, place(*other, others)))
    });
    if merged.units.roster().agents.is_empty() {
        let what = String::from("no seat would be left in the roster");
        let usual = "keep one; `callsheet fleet down` stops them all";
        return Err(refused(what, None, usual));
    }
    Ok(())
}

/// What cannot stand in a roster is refused before it is written there.
fn one_line(edit: &Edit) -> Result<(), Vec<Diagnostic>> {
    for (what, text) in [
        ("class", &edit.class),
        ("runtime", &edit.runtime),
        ("model", &edit.model),
        ("working directory", &edit.working_directory),
    ] {
        let bad = |text: &String| text.is_empty() || text.contains(['\n', '\r']);
        if text.as_ref().is_some_and(bad) {
            let what = format!("the {what} of `{}` must be a text of one line", edit.name);
            return Err(refused(what, None, "edit the roster to take a value out"));
        }
    }
    Ok(())
}

fn new_seat(
    edit: &Edit,
    names: &[String],
    staffing: Staffing<'_>,
) -> Result<(Kind, String, Fields), Vec<Diagnostic>> {
    let name = &edit.name;
    if names.contains(name) {
        let what = format!("there is a seat `{name}` already");
        return Err(refused(what, None, "choose another name"));
    }
    if !is_safe_name(name) {
        let what = format!("`{name}` cannot be the name of a session");
        let usual = "use letters, digits, `-` and `_`, at most 63, a letter or digit first";
        return Err(refused(what, None, usual));
    }
    let runtime = edit.runtime.as_deref().unwrap_or(staffing.runtime);
    let class = edit.class.as_deref().unwrap_or("worker");
    let mut seat = Seat::new(&**name, runtime, class);
    seat.reset_between_tasks = Some(true);
    Ok((Kind::Seat, name.clone(), fields(&seat)))
}
