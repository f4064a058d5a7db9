//! The top level of the tree.

use tests::repo::{Answer, top_level};

/// What must be there.
const REQUIRED: [&str; 24] = [
    ".cargo",
    ".ci",
    ".config",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "docs",
    "examples",
    "exec-native",
    "npm",
    "plan-core",
    "plan-json",
    "plan-wasm",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

/// What may be there as well.
const ALLOWED: [&str; 6] = [
    ".cache",
    ".git",
    ".gitattributes",
    ".github",
    "node_modules",
    "target",
];

#[test]
fn the_top_level_is_the_agreed_one() -> Answer<()> {
    let names = top_level()?;
    for name in &names {
        let known = REQUIRED.contains(&name.as_str()) || ALLOWED.contains(&name.as_str());
        assert!(known, "{name} has no place in the root");
    }
    for name in REQUIRED {
        assert!(names.iter().any(|own| own == name), "{name} is missing");
    }
    Ok(())
}
