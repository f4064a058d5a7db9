//! The fields of a persona: their order, and how an overlay's value meets the one
//! that is inherited.

/// How an overlay's field is merged over the inherited one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The overlay's value stands alone.
    Replace,
    /// Objects are merged key by key, anything else is replaced.
    Keys,
    /// `allow` and `deny` grow, everything else is replaced.
    Permissions,
    /// The pattern lists grow, everything else is replaced.
    Mount,
    /// The path and the content of one sidecar replace one another.
    Sidecar {
        /// The other form.
        twin: &'static str,
    },
}

/// One known field.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// Its merge rule.
    pub(super) rule: Rule,
    /// Whether persona-registry 4 carries it; it loses the others.
    pub(super) recorded: bool,
}

const fn field(name: &'static str, rule: Rule) -> Field {
    Field {
        name,
        rule,
        recorded: true,
    }
}

const fn lost(name: &'static str, rule: Rule) -> Field {
    Field {
        name,
        rule,
        recorded: false,
    }
}

/// The known fields in the order of a parsed persona.
pub(super) const FIELDS: &[Field] = &[
    field("id", Rule::Replace),
    field("intent", Rule::Replace),
    field("tags", Rule::Replace),
    field("description", Rule::Replace),
    field("skills", Rule::Replace),
    field("inputs", Rule::Keys),
    field("harness", Rule::Replace),
    field("model", Rule::Replace),
    field("systemPrompt", Rule::Replace),
    field("harnessSettings", Rule::Keys),
    field("env", Rule::Keys),
    field("mcpServers", Rule::Keys),
    field("permissions", Rule::Permissions),
    field("mount", Rule::Mount),
    lost("sandbox", Rule::Replace),
    field(
        "claudeMd",
        Rule::Sidecar {
            twin: "claudeMdContent",
        },
    ),
    field("claudeMdMode", Rule::Replace),
    field(
        "agentsMd",
        Rule::Sidecar {
            twin: "agentsMdContent",
        },
    ),
    field("agentsMdMode", Rule::Replace),
    field("claudeMdContent", Rule::Sidecar { twin: "claudeMd" }),
    field("agentsMdContent", Rule::Sidecar { twin: "agentsMd" }),
    field("cloud", Rule::Replace),
    field("useSubscription", Rule::Replace),
    lost("integrations", Rule::Keys),
    lost("capabilities", Rule::Keys),
    lost("memory", Rule::Keys),
    lost("relay", Rule::Keys),
    field("onEvent", Rule::Replace),
];

/// Finds a known field.
pub(super) fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}
