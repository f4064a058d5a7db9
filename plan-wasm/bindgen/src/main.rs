//! Makes what the npm package has of the Rust sources:
//!
//! * `bindgen module MODULE DIRECTORY` processes a module that was compiled with
//!   wasm-bindgen, as its command line program does for `--target web`;
//! * `bindgen types` prints the TypeScript declarations of the wire records;
//! * `bindgen constants` and `bindgen forms` print TypeScript modules: the constants of
//!   persona-kit, and which members of documents its parsers read.

mod constants;
mod types;

use std::io::Write as _;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["module", module, directory] => process(module, directory),
        ["types"] => say(&types::declarations()),
        ["constants"] => constants::module().and_then(|text| say(&text)),
        ["forms"] => say(&constants::form_module()),
        _ => {
            Err("usage: bindgen module MODULE DIRECTORY | bindgen types | constants | forms".into())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn say(text: &str) -> Result<(), String> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| error.to_string())
}

fn process(module: &str, directory: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    let output = bindgen
        .input_path(module)
        .web(true)
        .and_then(Bindgen::generate_output);
    let written = output.and_then(|mut output| {
        // The start function makes a table for JavaScript values, by the only import there
        // is. Nothing but numbers crosses, so it goes, and what only it needs with it.
        for unused in ["__wbindgen_start", "__wbindgen_externrefs"] {
            output.wasm_mut().exports.remove(unused)?;
        }
        output.emit(directory)
    });
    written.map_err(|error| format!("{module}: {error:#}"))
}

#[expect(clippy::print_stderr, reason = "the program's only output")]
fn fail(message: &str) -> ExitCode {
    eprintln!("bindgen: {message}");
    ExitCode::FAILURE
}
