//! What the integration tests share: recorded behaviour, the repository as data, a
//! small scanner of Rust sources, the bodies of the fuzz targets and of the benchmarks;
//! scenes and trees for tests with faults.

pub mod bench;
pub mod conformance;
pub mod fleets;
pub mod fuzz;
pub mod generate;
pub mod program;
pub mod registry;
pub mod repo;
pub mod scene;
pub mod seats;
pub mod source;
pub mod sweep;
pub mod toy;
pub mod tree;
pub mod waste;
