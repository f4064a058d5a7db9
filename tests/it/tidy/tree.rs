//! The top level of the tree.

use tests::repo::{Answer, top_level};

/// What must be there.
const REQUIRED: [&str; 19] = [
    ".cargo",
    ".ci",
    ".config",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "clippy.toml",
    "deny.toml",
    "examples",
    "exec-native",
    "plan-core",
    "plan-wasm",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

/// What may be there as well.
const ALLOWED: [&str; 10] = [
    ".cache",
    ".git",
    ".gitattributes",
    ".github",
    "ARCHITECTURE.md",
    "README.md",
    "docs",
    "node_modules",
    "npm",
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
