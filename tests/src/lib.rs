//! What the integration tests share: recorded behaviour, the repository as data, a
//! small scanner of Rust sources, the bodies of the fuzz targets and of the benchmarks.

pub mod bench;
pub mod conformance;
pub mod fuzz;
pub mod generate;
pub mod program;
pub mod registry;
pub mod repo;
pub mod source;
