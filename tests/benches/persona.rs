//! Parsing and planning of the example personas: `cargo bench -p tests`.
#![expect(
    clippy::expect_used,
    reason = "a benchmark without its inputs cannot go on"
)]

use divan::{Bencher, black_box};
use plan_core::base::edition::Edition;
use plan_core::base::json::Object;
use tests::bench::{Case, examples};

fn main() {
    divan::main();
}

/// The examples that are planned, or those that are parsed.
fn cases(edition: Edition, planned: bool) -> Vec<Case> {
    let cases = examples(edition).expect("the examples resolve");
    cases
        .into_iter()
        .filter(|case| case.options.is_some() == planned)
        .collect()
}

/// Measures one operation over all examples: a sample is one pass over them.
fn each<T>(bencher: Bencher<'_, '_>, cases: &[Case], operation: impl Fn(&Case) -> T) {
    bencher
        .counter(divan::counter::ItemsCount::new(cases.len()))
        .bench_local(|| {
            for case in cases {
                black_box(operation(black_box(case)));
            }
        });
}

#[divan::bench]
fn parse_value(bencher: Bencher<'_, '_>) {
    let cases = cases(Edition::PersonaKit4, false);
    let inputs: Vec<_> = cases
        .iter()
        .map(|case| case.read().expect("JSON"))
        .collect();
    bencher
        .counter(divan::counter::ItemsCount::new(cases.len()))
        .bench_local(|| {
            for input in &inputs {
                black_box(black_box(input).parse(count).expect("parses"));
            }
        });
}

#[divan::bench]
fn parse_text(bencher: Bencher<'_, '_>) {
    let cases = cases(Edition::PersonaKit4, false);
    each(bencher, &cases, |case| case.parse_text().expect("parses"));
}

#[divan::bench(args = [Edition::PersonaKit4, Edition::V2026])]
fn plan_value(bencher: Bencher<'_, '_>, edition: Edition) {
    let cases = cases(edition, true);
    let inputs: Vec<_> = cases
        .iter()
        .map(|case| case.read().expect("JSON"))
        .collect();
    bencher
        .counter(divan::counter::ItemsCount::new(cases.len()))
        .bench_local(|| {
            for input in &inputs {
                let plan = black_box(input).plan(edition, |plan| plan.args.len());
                black_box(plan.expect("plans"));
            }
        });
}

#[divan::bench(args = [Edition::PersonaKit4, Edition::V2026])]
fn plan_text(bencher: Bencher<'_, '_>, edition: Edition) {
    let cases = cases(edition, true);
    each(bencher, &cases, |case| case.text(edition).expect("plans"));
}

/// Returns the number of members.
fn count(object: &Object<'_>) -> usize {
    object.len()
}
