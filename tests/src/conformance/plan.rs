//! The planner of persona-kit 4: the exact text of every plan.

use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Value, print};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::options::PlanOptions;

use super::{Report, digest};

/// Plans the selection of a line and compares the digest of the plan's text.
pub fn compare(report: &mut Report, line: &Value<'_>) {
    let nothing = Object::new();
    let selection = line.get("selection").unwrap_or(&Value::Null);
    let options = PlanOptions::lenient(line.get("options").unwrap_or(&Value::Null), &nothing);
    match build_persona_spawn_plan(selection, &options, Edition::PersonaKit4) {
        Ok(plan) => {
            let text = print(&plan);
            if line.get_str("planJsonSha256") == Some(&*digest(&text)) {
                report.passed += 1;
                return;
            }
            // The recorded plan shows where; its text is not what was digested.
            let recorded = line.get("plan").map(print).unwrap_or_default();
            report.note(
                line.get_str("case").unwrap_or_default(),
                &format!("{text} "),
                &recorded,
            );
        }
        Err(error) => report.compare(line, &Err(error.into())),
    }
}
