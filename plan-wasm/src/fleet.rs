//! Fleets: texts in, one call of the core, text out.

use plan_core::base::code::Code;
use plan_core::base::diag::{Diagnostic, Path};
use plan_core::base::record::Scan as _;
use plan_core::fleet::observed::Observed;
use plan_core::fleet::plan::{FleetPlan, Input, plan};
use plan_core::fleet::provision::{ProvisionInput, Staffing, provision_texts};
use plan_core::fleet::status::status;
use plan_core::persona::harness::clear;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::document::{give, read};
use crate::door::{Answer, pass};
use crate::failure::Failure;

/// What seats are staffed with when nobody says anything else.
const STAFFING: Staffing<'static> = Staffing {
    runtime: clear::USUAL,
    runtimes: clear::MOSAIC,
    known: clear::KNOWN,
};

/// Plans a fleet: its files as texts, and what runs.
#[wasm_bindgen(js_name = planFleet)]
pub fn plan_fleet(input: usize) -> u32 {
    pass(&[input], &|[input, ..]| {
        let value = read("input", input)?.value;
        let input = Input::scan(&value, &Path::root("input"))?;
        give(&plan(&input, STAFFING).map_err(Failure::all)?)
    })
}

/// Compares the seats of a plan with what runs.
#[wasm_bindgen(js_name = fleetStatus)]
pub fn fleet_status(plan: usize, observed: usize) -> u32 {
    pass(&[plan, observed], &|[plan, observed, _]| {
        let plan = read("plan", plan)?.value;
        let plan = FleetPlan::scan(&plan, &Path::root("plan"))?;
        let observed = read("observed", observed)?.value;
        let observed = Observed::scan(&observed, &Path::root("observed"))?;
        give(&status(&plan, &observed))
    })
}

/// Draws who reports to whom: `text`, `dot` or `mermaid`.
#[wasm_bindgen(js_name = drawFleet)]
pub fn draw_fleet(plan: usize, format: usize) -> u32 {
    pass(&[plan, format], &|[plan, format, _]| draw(plan, format))
}

fn draw(plan: &str, format: &str) -> Answer {
    let value = read("plan", plan)?.value;
    let topology = FleetPlan::scan(&value, &Path::root("plan"))?.topology();
    let text = match format {
        "text" => topology.text(),
        "dot" => topology.dot(),
        "mermaid" => topology.mermaid(),
        _ => {
            let message = "format must be one of: text, dot, mermaid";
            return Err(Diagnostic::error(Code::RECORD_INVALID, message).into());
        }
    };
    give(&*text)
}

/// Makes a new roster of a profile, as `fleet provision` prints it.
#[wasm_bindgen(js_name = provisionFleet)]
pub fn provision_fleet(input: usize) -> u32 {
    pass(&[input], &|[input, ..]| {
        let value = read("input", input)?.value;
        let input = ProvisionInput::scan(&value, &Path::root("input"))?;
        give(&provision_texts(&input, STAFFING).map_err(Failure::all)?)
    })
}
