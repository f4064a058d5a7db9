//! Any text, given to everything that reads text.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(why) = tests::fuzz::exercise(text) {
        panic!("{why}");
    }
});
