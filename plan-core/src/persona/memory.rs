//! Memory: the facets of a persona's `memory` field, as what is switched on.

use alloc::borrow::Cow;

use crate::base::json::{Text, Value};
use crate::base::record::record;

record! {
    /// Whether the agent gets the history server.
    pub struct AiMemory<'a> {
        /// Whether it does.
        pub enabled: bool => "enabled",
        /// The database to read.
        pub db_path: Option<Text<'a>> => "dbPath",
    }
}

record! {
    /// Whether the agent's trajectory is recorded.
    pub struct TrajectoryRecording<'a> {
        /// Whether it is.
        pub enabled: bool => "enabled",
        /// Whether it is compacted when the run ends.
        pub auto_compact: Option<Value<'a>> => "autoCompact",
    }
}

/// Returns the facet of a memory configuration and whether it is on. `memory: true`
/// alone switches no facet on.
fn facet<'a>(memory: Option<&'a Value<'a>>, name: &str) -> (bool, Option<&'a Value<'a>>) {
    let facet = memory.and_then(|memory| memory.get(name));
    let enabled = match facet {
        None | Some(Value::Null) => false,
        Some(Value::Bool(enabled)) => *enabled,
        Some(facet) => facet.get("enabled") != Some(&Value::Bool(false)),
    };
    (enabled, facet)
}

/// Resolves the `aiMemory` facet of a persona's `memory` field.
pub fn resolve_ai_memory<'a>(memory: Option<&'a Value<'a>>) -> AiMemory<'a> {
    let (enabled, facet) = facet(memory, "aiMemory");
    let db_path = facet.and_then(|facet| facet.get_str("dbPath"));
    AiMemory {
        enabled,
        db_path: db_path.filter(|path| !path.is_empty()).map(Cow::Borrowed),
    }
}

/// Resolves the `trajectories` facet of a persona's `memory` field.
pub fn resolve_trajectory_recording<'a>(memory: Option<&'a Value<'a>>) -> TrajectoryRecording<'a> {
    let (enabled, facet) = facet(memory, "trajectories");
    TrajectoryRecording {
        enabled,
        auto_compact: facet.and_then(|facet| facet.get("autoCompact").cloned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::{print, read};

    #[test]
    fn resolves_facets() {
        for (memory, resolved) in [
            ("true", r#"{"enabled":false}"#),
            (r#"{"aiMemory":true}"#, r#"{"enabled":true}"#),
            (
                r#"{"aiMemory":{"enabled":false,"dbPath":"d"}}"#,
                r#"{"enabled":false,"dbPath":"d"}"#,
            ),
        ] {
            let memory = read(memory).expect("JSON");
            assert_eq!(print(&resolve_ai_memory(Some(&memory))), resolved);
        }
    }
}
