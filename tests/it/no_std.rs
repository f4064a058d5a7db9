//! Proof that `plan-core` needs no standard library: it is compiled alone for a
//! target that has none. A build of the whole workspace would not notice.

use std::path::Path;
use std::process::Command;

use tests::repo::{Answer, root};

/// Where the nested builds go; not the directory of the build that runs the tests.
const TARGET_DIR: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-std");

/// The sources of the standard library that Debian's compiler brings.
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library";

const HELP: &str = "No way to compile for a target without std. Do one of:\n  \
    rustup target add wasm32v1-none\n  \
    apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22\n  \
    CALLSHEET_SKIP_WASM=1 (leaves the proof out)\n\
    and run the tests again; tests/setup-wasm.sh does the first two by itself.";

/// Tells whether the active compiler has the library of a target.
fn installed(target: &str) -> bool {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(root())
        .output();
    output.is_ok_and(|output| {
        let dir = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&dir).is_dir()
    })
}

/// The command that compiles the core without std, if this machine has a way.
fn check() -> Option<Command> {
    let mut cargo = if installed("wasm32v1-none") {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["check", "--target=wasm32v1-none"]);
        cargo
    } else if Path::new(DEBIAN_SOURCES).is_dir() && Path::new("/usr/bin/cargo").exists() {
        let mut cargo = Command::new("/usr/bin/cargo");
        cargo.args([
            "check",
            "-Zbuild-std=core,alloc",
            "--target=wasm32-unknown-unknown",
        ]);
        cargo
            .env("RUSTC", "/usr/bin/rustc")
            .env("RUSTC_BOOTSTRAP", "1");
        cargo
    } else {
        return None;
    };
    cargo.args(["--package=plan-core", "--no-default-features"]);
    cargo.arg(format!("--target-dir={TARGET_DIR}"));
    cargo.env_remove("RUSTFLAGS").current_dir(root());
    Some(cargo)
}

/// Tries the set-up script once; what it says is shown if the test fails.
fn set_up() -> Option<String> {
    let output = Command::new("sh")
        .arg("tests/setup-wasm.sh")
        .current_dir(root())
        .output();
    let output = output.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn plan_core_compiles_alone_without_std() -> Answer<()> {
    if std::env::var_os("CALLSHEET_SKIP_WASM").is_some_and(|flag| flag == "1") {
        println!("skipped: CALLSHEET_SKIP_WASM=1, plan-core was not compiled without std");
        return Ok(());
    }
    let mut said = None;
    let ready = check().or_else(|| {
        said = set_up();
        check()
    });
    let Some(mut command) = ready else {
        return Err(format!("{HELP}\n{}", said.unwrap_or_default()).into());
    };
    let output = command.output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "plan-core needs std:\n{complaint}");
    Ok(())
}
