//! Faults, each made to happen to the real binary: nothing of the user's is lost.

mod failing;
mod files;
mod kill;
mod matrix;
mod runs;
mod skills;
