//! Workflows without an engine: what a script says about itself, what makes a call the same
//! call, and what a journal tells.

use plan_core::base::diag::Path;
use plan_core::base::frame::crc32;
use plan_core::base::json::{Print as _, Writer, print, read as parsed};
use plan_core::base::record::Scan as _;
use plan_core::workflow::identity::{AgentContent, content_key};
use plan_core::workflow::meta;
use plan_core::workflow::replay::replay;
use plan_core::workflow::vm::CallKind;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::document::{give, read};
use crate::door::{Answer, pass};

/// Makes the key of everything that can change what an agent answers.
#[wasm_bindgen(js_name = agentContentKey)]
pub fn agent_content_key(content: usize) -> u32 {
    pass(&[content], &|[content, ..]| {
        let value = read("content", content)?.value;
        let content = AgentContent::scan(&value, &Path::root("content"))?;
        // As it is printed everywhere: what is not said is left out.
        let text = print(&content);
        let value = parsed(&text).unwrap_or_default();
        give(&*content_key(CallKind::Agent, &value))
    })
}

/// Reads what a script says about itself.
#[wasm_bindgen(js_name = parseWorkflow)]
pub fn parse_workflow(script: usize) -> u32 {
    pass(&[script], &|[script, ..]| about(script))
}

fn about(script: &str) -> Answer {
    let meta = meta::parse(script)?;
    let mut out = Writer::compact();
    out.begin_object();
    out.field("name", &*meta.name);
    out.field("description", &*meta.description);
    out.field("model", &meta.model);
    out.field("phases", &meta.phases);
    out.key("meta");
    meta.meta.print(&mut out);
    let ends = [meta.statement.start as u64, meta.statement.end as u64];
    out.field("statement", &ends.to_vec());
    out.end_object();
    Ok(Some(out.finish()))
}

/// Replays the text of a journal; nothing is run.
#[wasm_bindgen(js_name = replayJournal)]
pub fn replay_journal(journal: usize) -> u32 {
    pass(&[journal], &|[journal, ..]| give(&replay(journal, crc32)))
}
