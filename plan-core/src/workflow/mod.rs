//! Workflows: scripts that call agents. What a script says about itself, what identifies its
//! calls, the journal of their results, and the machine that decides what is replayed and
//! what is run.

pub mod causal;
pub mod history;
pub mod identity;
pub mod ledger;
pub mod lint;
pub mod machine;
pub mod meta;
pub mod policy;
pub mod preview;
pub mod record;
pub mod replay;
pub mod route;
pub mod vm;
