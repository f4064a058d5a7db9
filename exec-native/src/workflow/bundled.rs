//! The workflows that come with us: ready to run, and to be read as examples. One that is saved
//! by the same name goes over them.

/// Their names and their texts.
pub(super) const BUNDLED: &[(&str, &str)] = &[
    (
        "adversarial-review",
        include_str!("bundled/adversarial-review.js"),
    ),
    ("codebase-audit", include_str!("bundled/codebase-audit.js")),
    ("deep-research", include_str!("bundled/deep-research.js")),
    (
        "fix-until-green",
        include_str!("bundled/fix-until-green.js"),
    ),
];
