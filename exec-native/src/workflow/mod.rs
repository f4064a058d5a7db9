//! Workflows: scripts that call agents. `plan-core` knows what a script says about itself and
//! what happened in a run; here scripts run.

pub mod vm;
