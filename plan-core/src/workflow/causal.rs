//! What had happened before a call, as far as it could see it: a digest of the results of
//! those calls before it that change what others see. Each scope has its own, so branches that
//! run at the same time do not depend on which of them was quicker.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::identity::keyed;
use super::vm::Open;
use crate::base::map::Map;

/// One scope: what it began with, and what settled in it.
#[derive(Debug, Clone, PartialEq)]
struct Scope {
    base: String,
    /// By the number of the thing that it is of, with the digest behind it.
    settled: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
struct Step {
    ordinal: u64,
    contribution: String,
    digest: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Opened {
    parent: String,
    ordinal: u64,
    branches: u64,
}

/// The scopes of one execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Scopes {
    scopes: Map<String, Scope>,
    open: Map<String, Opened>,
}

impl Scope {
    const fn new(base: String) -> Self {
        Self {
            base,
            settled: Vec::new(),
        }
    }

    fn digest(&self) -> &str {
        self.settled.last().map_or(&self.base, |step| &step.digest)
    }

    /// Adds what a thing contributes, at its place; what comes behind is chained anew.
    fn settle(&mut self, ordinal: u64, contribution: String) {
        let place = self.settled.partition_point(|step| step.ordinal < ordinal);
        let mut behind = self.settled.split_off(place);
        behind.insert(
            0,
            Step {
                ordinal,
                contribution,
                digest: String::new(),
            },
        );
        for mut step in behind {
            step.digest = keyed("callsheet/causal/1", &[self.digest(), &step.contribution]);
            self.settled.push(step);
        }
    }
}

impl Default for Scopes {
    fn default() -> Self {
        let mut scopes = Map::new();
        let base = keyed("callsheet/causal/1", &[]);
        scopes.insert(String::new(), Scope::new(base));
        Self {
            scopes,
            open: Map::new(),
        }
    }
}

impl Scopes {
    /// Begins the branches of a combinator. Which branch it is does not matter to what is
    /// called in it, so an item that moves keeps its results.
    pub fn open(&mut self, open: &Open) {
        let base = keyed(
            "callsheet/branch/1",
            &[open.kind.as_str(), &self.digest(&open.parent)],
        );
        for branch in 0..open.branches {
            let path = branch_path(&open.scope, branch);
            self.scopes.insert(path, Scope::new(base.clone()));
        }
        self.open.insert(
            open.scope.clone(),
            Opened {
                parent: open.parent.clone(),
                ordinal: open.ordinal,
                branches: open.branches,
            },
        );
    }

    /// Ends a combinator: what its branches did, in the order of its items, counts in the
    /// scope around it. Branches that changed nothing do not.
    pub fn join(&mut self, scope: &str) {
        let Some(opened) = self.open.remove(scope) else {
            return;
        };
        let mut digests = Vec::new();
        let mut changed = false;
        for branch in 0..opened.branches {
            if let Some(ended) = self.scopes.remove(&*branch_path(scope, branch)) {
                changed |= !ended.settled.is_empty();
                digests.push(ended.digest().to_string());
            }
        }
        if changed {
            let digests: Vec<&str> = digests.iter().map(String::as_str).collect();
            let contribution = keyed("callsheet/join/1", &digests);
            self.settle(&opened.parent, opened.ordinal, contribution);
        }
    }

    /// Returns the digest of what had happened in a scope.
    pub fn digest(&self, scope: &str) -> String {
        let known = self.scopes.get(scope);
        // A script that holds on to a branch that has ended calls in none.
        known.map_or_else(
            || keyed("callsheet/lost/1", &[scope]),
            |known| known.digest().to_string(),
        )
    }

    /// Notes what a call did that others see.
    pub fn settle(&mut self, scope: &str, ordinal: u64, contribution: String) {
        if let Some(known) = self.scopes.get_mut(scope) {
            known.settle(ordinal, contribution);
        }
    }
}

fn branch_path(scope: &str, branch: u64) -> String {
    format!("{scope}[{branch}]")
}

/// Returns what a call contributes that changed what others see.
pub fn contribution(content: &str, result: &str, tree: Option<&str>) -> String {
    keyed(
        "callsheet/effect/1",
        &[content, result, tree.unwrap_or_default()],
    )
}

#[cfg(test)]
mod tests {
    use super::super::vm::ScopeKind;
    use super::*;

    fn open(scope: &str, parent: &str, ordinal: u64, branches: u64) -> Open {
        Open {
            scope: scope.into(),
            parent: parent.into(),
            ordinal,
            kind: ScopeKind::Parallel,
            branches,
        }
    }

    #[test]
    fn the_order_of_settling_does_not_matter() {
        let (mut one, mut other) = (Scopes::default(), Scopes::default());
        for (ordinal, what) in [(0, "a"), (1, "b"), (2, "c")] {
            one.settle("", ordinal, what.into());
        }
        for (ordinal, what) in [(2, "c"), (0, "a"), (1, "b")] {
            other.settle("", ordinal, what.into());
        }
        assert_eq!(one.digest(""), other.digest(""));
        other.settle("", 3, "d".into());
        assert_ne!(one.digest(""), other.digest(""));
    }

    #[test]
    fn branches_do_not_see_one_another_and_what_follows_sees_both() {
        let mut scopes = Scopes::default();
        scopes.open(&open("/0p", "", 0, 2));
        let begun = scopes.digest("/0p[0]");
        scopes.settle("/0p[1]", 0, "x".into());
        assert_eq!(scopes.digest("/0p[0]"), begun);
        assert_ne!(scopes.digest("/0p[1]"), begun);
        let before = scopes.digest("");
        scopes.join("/0p");
        assert_ne!(scopes.digest(""), before);
        // Branches that change nothing leave no trace.
        let before = scopes.digest("");
        scopes.open(&open("/1p", "", 1, 9));
        scopes.join("/1p");
        assert_eq!(scopes.digest(""), before);
    }

    #[test]
    fn what_is_told_of_a_branch_that_has_ended_is_lost() {
        let mut scopes = Scopes::default();
        scopes.open(&open("/0p", "", 0, 1));
        scopes.join("/0p");
        let root = scopes.digest("");
        scopes.settle("/0p[0]", 0, "late".into());
        assert_eq!(scopes.digest(""), root);
        assert_ne!(scopes.digest("/0p[0]"), root);
    }
}
