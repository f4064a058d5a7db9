//! it
#[test]
fn conf() {
    for (file, report) in
        tests::conformance::replay(std::path::Path::new("../../shared/conformance/persona"))
            .unwrap()
    {
        println!(
            "{file} {} passed, {} failed {:?}\n{}",
            report.passed,
            report.differences.len(),
            report.unknown,
            report
                .differences
                .iter()
                .take(6)
                .cloned()
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
}
