//! The library that comes with the product: five system types and the roles of their seats.
//!
//! Nothing else in this crate names these texts, so a build that does not use them, such as
//! the one for WebAssembly, does not carry them.

/// Names each file of a directory and takes in its text.
macro_rules! texts {
    ($directory:literal, $extension:literal, [$($stem:literal),* $(,)?]) => {
        &[$((
            concat!($stem, $extension),
            include_str!(concat!($directory, "/", $stem, $extension)),
        )),*]
    };
}

/// The profiles: file name and text, in the order of the names.
pub const PROFILES: &[(&str, &str)] = texts!(
    "profiles",
    ".yaml",
    [
        "business",
        "marketing",
        "personal-assistant",
        "research",
        "software-delivery",
    ]
);

/// The roles and their index, [`INDEX`](super::library::INDEX): file name and text, in the
/// order of the names.
pub const ROLES: &[(&str, &str)] = texts!(
    "roles",
    ".md",
    [
        "LIBRARY",
        "board",
        "brand-strategist",
        "ceo",
        "cfo",
        "code",
        "content-strategist",
        "coo",
        "copywriter",
        "customer-success-manager",
        "data-analyst",
        "data-scientist",
        "decomposition",
        "documentation",
        "enhancer",
        "executive-assistant",
        "fact-checker",
        "growth-marketer",
        "inbox-manager",
        "lead-researcher",
        "market-analyst",
        "marketing-lead",
        "merge-gate",
        "operations-manager",
        "operator",
        "orchestrator",
        "personal-assistant",
        "planner",
        "product-manager",
        "rebase",
        "researcher",
        "review",
        "sales-lead",
        "scheduler",
        "security-review",
        "seo-specialist",
        "session-review",
        "site-tester",
        "social-media-manager",
        "support-agent",
        "ux-designer",
    ]
);

#[cfg(test)]
mod tests;
