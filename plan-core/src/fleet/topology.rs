//! Who reports to whom, seat by seat, and what follows from it: the order of starting, and
//! pictures.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::base::record::record;

record! {
    /// A seat of a topology.
    pub struct Node {
        /// The seat.
        pub name: String => "name",
        /// Its class.
        pub class: String => "class",
        /// Its harness.
        pub runtime: String => "runtime",
        /// The seat that it reports to.
        pub reports_to: Option<String> => "reports_to",
        /// The step of starting that it belongs to, from 0.
        pub wave: u64 => "wave",
    }
}

record! {
    /// A topology.
    pub struct Topology {
        /// The seats, in the order of the roster.
        pub seats: Vec<Node> => "seats",
    }
}

/// Finds the seat that each seat reports to. Where a class that manages has several seats,
/// those that report to it are dealt out among them in turn.
///
/// `seats` are names and classes; `reports_to` gives the class that a seat reports to.
pub fn managers<'s>(
    seats: &[(&'s str, &'s str)],
    reports_to: impl Fn(&str) -> Option<&'s str>,
) -> BTreeMap<String, String> {
    let mut dealt: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (name, _) in seats {
        let Some(class) = reports_to(name) else {
            continue;
        };
        let of_class = || {
            seats
                .iter()
                .filter(|(other, of)| *of == class && other != name)
        };
        let number = of_class().count();
        if number == 0 {
            continue;
        }
        let turn = dealt.entry(class).or_default();
        if let Some((manager, _)) = of_class().nth(*turn % number) {
            found.insert((*name).to_string(), (*manager).to_string());
        }
        *turn += 1;
    }
    found
}

/// Numbers the steps of starting: who reports to nobody first, then those below. Seats that
/// report in a circle start with the first ones.
pub fn waves(names: &[&str], managers: &BTreeMap<String, String>) -> Vec<u64> {
    let depth = |name: &str| {
        let mut depth = 0;
        let mut at = name;
        while let Some(manager) = managers.get(at) {
            depth += 1;
            if depth > names.len() as u64 {
                return 0;
            }
            at = manager;
        }
        depth
    };
    names.iter().map(|name| depth(name)).collect()
}

impl Topology {
    fn below<'t>(&'t self, manager: Option<&'t str>) -> impl Iterator<Item = &'t Node> {
        self.seats.iter().filter(move |seat| {
            // A manager that is not there is as good as none.
            let known = |name: &&str| self.seats.iter().any(|other| other.name == **name);
            seat.reports_to.as_deref().filter(known) == manager
        })
    }

    /// Draws a tree for a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut drawn = Vec::new();
        self.branch(None, "", &mut out, &mut drawn);
        for seat in &self.seats {
            if !drawn.contains(&&*seat.name) {
                let manager = seat.reports_to.as_deref().unwrap_or_default();
                out.push_str(&line(seat));
                out.push_str(" (reports in a circle, to ");
                out.push_str(manager);
                out.push_str(")\n");
            }
        }
        out
    }

    fn branch<'t>(
        &'t self,
        manager: Option<&'t str>,
        indent: &str,
        out: &mut String,
        drawn: &mut Vec<&'t str>,
    ) {
        let mut below = self.below(manager).peekable();
        while let Some(seat) = below.next() {
            drawn.push(&seat.name);
            let (arm, more) = match (manager, below.peek()) {
                (None, _) => ("", ""),
                (Some(_), Some(_)) => ("├─ ", "│  "),
                (Some(_), None) => ("└─ ", "   "),
            };
            for part in [indent, arm, &line(seat), "\n"] {
                out.push_str(part);
            }
            self.branch(Some(&seat.name), &format!("{indent}{more}"), out, drawn);
        }
    }

    /// Draws a graph for Graphviz.
    pub fn dot(&self) -> String {
        let mut out = String::from("digraph fleet {\n  rankdir=TB;\n  node [shape=box];\n");
        for seat in &self.seats {
            let label = format!("{}\\n{}", seat.name, seat.runtime);
            out.extend([format!(
                "  \"{}\" [label=\"{label}\"];
",
                seat.name
            )]);
        }
        self.edges(&mut out, |manager, seat| {
            format!("  \"{manager}\" -> \"{seat}\";\n")
        });
        out.push_str("}\n");
        out
    }

    /// Draws a graph for Mermaid.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("graph TD\n");
        let id = |name: &str| name.replace('-', "_");
        for seat in &self.seats {
            // A letter in front: some names are words of the language, such as `end`.
            let label = format!("{}<br/>{}", seat.name, seat.runtime);
            out.extend([format!(
                "  s_{}[\"{label}\"]
",
                id(&seat.name)
            )]);
        }
        self.edges(&mut out, |manager, seat| {
            format!("  s_{} --> s_{}\n", id(manager), id(seat))
        });
        out
    }

    fn edges(&self, out: &mut String, edge: impl Fn(&str, &str) -> String) {
        for seat in &self.seats {
            if let Some(manager) = &seat.reports_to {
                out.push_str(&edge(manager, &seat.name));
            }
        }
    }
}

fn line(seat: &Node) -> String {
    let class = if seat.class == seat.name {
        String::new()
    } else {
        format!("{}, ", seat.class)
    };
    format!("{} ({class}{})", seat.name, seat.runtime)
}
