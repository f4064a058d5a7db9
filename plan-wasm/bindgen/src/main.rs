//! `bindgen MODULE DIRECTORY`: processes a module that was compiled with wasm-bindgen, as
//! its command line program does for `--target web`.

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, directory] = &arguments[..] else {
        return fail("usage: bindgen MODULE DIRECTORY");
    };
    let mut bindgen = Bindgen::new();
    let written = bindgen
        .input_path(module)
        .web(true)
        .and_then(|bindgen| bindgen.typescript(true).generate(directory));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("bindgen: {module}: {error:#}")),
    }
}

#[expect(clippy::print_stderr, reason = "the program's only output")]
fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}
