//! Faults, each made to happen to the real binary: nothing of the user's is lost.

mod disk;
mod failing;
mod files;
mod kill;
mod matrix;
mod mount;
mod runs;
mod skills;
mod table;
