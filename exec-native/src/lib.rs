//! Executes callsheet plans as reversible transactions.

pub mod os;
pub mod personas;
