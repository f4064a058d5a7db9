//! Who reports to whom, seat by seat, and what follows from it: the order of starting, and
//! pictures.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::base::map::Map;
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
) -> Map<String, String> {
    let mut dealt: Map<&str, usize> = Map::new();
    let mut found = Map::new();
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
        let turn = dealt.or_insert_with(class, || 0);
        if let Some((manager, _)) = of_class().nth(*turn % number) {
            found.insert((*name).to_string(), (*manager).to_string());
        }
        *turn += 1;
    }
    found
}

/// Numbers the steps of starting: who reports to nobody first, then those below. Seats that
/// report in a circle start with the first ones.
pub fn waves(names: &[&str], managers: &Map<String, String>) -> Vec<u64> {
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

    /// Tells a seat whom it works with, for its agent to read: its manager, those who report to
    /// the same one, those who report to it. `None` when there is no such seat.
    pub fn comms(&self, seat: &str) -> Option<String> {
        let own = self.seats.iter().find(|node| node.name == seat)?;
        let manager = own.reports_to.as_deref();
        let mut out = format!(
            "# Who you work with\n\nYou are `{seat}`, of class {}.\n\n",
            own.class
        );
        let mut row = |node: &Node, how: &str| {
            out.extend([
                "- `",
                &*node.name,
                "` (",
                &*node.class,
                ", ",
                &*node.runtime,
                ") ",
                how,
                "\n",
            ]);
        };
        for node in self.seats.iter().filter(|node| node.name != seat) {
            let to = node.reports_to.as_deref();
            if Some(&*node.name) == manager {
                row(node, "is whom you report to");
            } else if to == Some(seat) {
                row(node, "reports to you");
            } else if to.is_some() && to == manager {
                row(node, "reports to the same seat as you");
            }
        }
        out.push_str("\n`callsheet fleet send SEAT --message TEXT` speaks to a seat.\n");
        Some(out)
    }

    /// Draws a graph for Graphviz.
    pub fn dot(&self) -> String {
        let mut out = String::from("digraph fleet {\n  rankdir=TB;\n  node [shape=box];\n");
        for seat in &self.seats {
            let runtime = seat.runtime.replace('\\', "\\\\").replace('"', "\\\"");
            let label = format!("{}\\n{runtime}", seat.name);
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
        // No two names may become one.
        let id = |name: &str| name.replace('_', "__").replace('-', "_d");
        for seat in &self.seats {
            // A letter in front: some names are words of the language, such as `end`.
            let runtime = seat.runtime.replace('#', "#35;").replace('"', "#quot;");
            let label = format!("{}<br/>{runtime}", seat.name);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(seats: &[(&str, Option<&str>)]) -> Topology {
        let nodes = seats.iter().map(|(name, manager)| Node {
            name: (*name).into(),
            class: name
                .trim_end_matches(|letter: char| letter.is_ascii_digit())
                .into(),
            runtime: String::from("claude"),
            reports_to: manager.map(String::from),
            wave: 0,
        });
        Topology {
            seats: nodes.collect(),
        }
    }

    fn team() -> Topology {
        topology(&[
            ("lead", None),
            ("code0", Some("lead")),
            ("code1", Some("lead")),
            ("review", Some("code0")),
            ("docs-writer", Some("lead")),
            ("test", Some("code1")),
            ("guest", Some("gone")),
        ])
    }

    #[test]
    fn a_tree_for_a_terminal() {
        assert_eq!(
            team().text(),
            "lead (claude)\n\
             ├─ code0 (code, claude)\n\
             │  └─ review (claude)\n\
             ├─ code1 (code, claude)\n\
             │  └─ test (claude)\n\
             └─ docs-writer (claude)\n\
             guest (claude)\n"
        );
        assert_eq!(topology(&[]).text(), "");
    }

    #[test]
    fn circles_are_drawn_once_and_said() {
        let seats = [
            ("lead", None),
            ("a", Some("b")),
            ("b", Some("a")),
            ("c", Some("c")),
        ];
        assert_eq!(
            topology(&seats).text(),
            "lead (claude)\n\
             a (claude) (reports in a circle, to b)\n\
             b (claude) (reports in a circle, to a)\n\
             c (claude) (reports in a circle, to c)\n"
        );
    }

    #[test]
    fn a_graph_for_graphviz() {
        let mut seats = topology(&[("lead", None), ("code0", Some("lead"))]);
        seats.seats[1].runtime = String::from("a\"\\b");
        assert_eq!(
            seats.dot(),
            "digraph fleet {\n  rankdir=TB;\n  node [shape=box];\n  \
             \"lead\" [label=\"lead\\nclaude\"];\n  \
             \"code0\" [label=\"code0\\na\\\"\\\\b\"];\n  \
             \"lead\" -> \"code0\";\n}\n"
        );
    }

    #[test]
    fn a_graph_for_mermaid_keeps_names_apart() {
        let mut seats = topology(&[("end", None), ("a-b", Some("end")), ("a_b", Some("a-b"))]);
        seats.seats[0].runtime = String::from("#\"");
        assert_eq!(
            seats.mermaid(),
            "graph TD\n  \
             s_end[\"end<br/>#35;#quot;\"]\n  \
             s_a_db[\"a-b<br/>claude\"]\n  \
             s_a__b[\"a_b<br/>claude\"]\n  \
             s_end --> s_a_db\n  \
             s_a_db --> s_a__b\n"
        );
    }

    #[test]
    fn a_seat_is_told_whom_it_works_with() {
        let seats = topology(&[
            ("lead", None),
            ("code", Some("lead")),
            ("review", Some("lead")),
            ("test", Some("code")),
        ]);
        assert_eq!(
            seats.comms("code").as_deref(),
            Some(
                "# Who you work with\n\nYou are `code`, of class code.\n\n\
                 - `lead` (lead, claude) is whom you report to\n\
                 - `review` (review, claude) reports to the same seat as you\n\
                 - `test` (test, claude) reports to you\n\n\
                 `callsheet fleet send SEAT --message TEXT` speaks to a seat.\n"
            )
        );
        let lead = seats.comms("lead").unwrap_or_default();
        assert_eq!(lead.matches("reports to you").count(), 2);
        assert_eq!(seats.comms("nobody"), None);
    }

    #[test]
    fn those_below_several_managers_are_dealt_out_in_turn() {
        let seats = [
            ("lead", "lead"),
            ("code0", "code"),
            ("code1", "code"),
            ("review", "review"),
            ("test", "test"),
            ("docs", "docs"),
            ("lost", "lost"),
        ];
        let found = managers(&seats, |name| match name {
            "lead" => None,
            // The other seat of its class, never itself.
            "code0" | "code1" | "review" | "test" | "docs" => Some("code"),
            _ => Some("nobody"),
        });
        let found: Vec<_> = found
            .iter()
            .map(|(seat, to)| format!("{seat} {to}"))
            .collect();
        assert_eq!(
            found,
            [
                "code0 code1",
                "code1 code0",
                "docs code0",
                "review code0",
                "test code1"
            ]
        );
    }

    #[test]
    fn waves_follow_the_managers_and_end_in_circles() {
        let to = |pairs: &[(&str, &str)]| -> Map<String, String> {
            let pairs = pairs.iter();
            pairs
                .map(|(seat, to)| ((*seat).into(), (*to).into()))
                .collect()
        };
        let chain = to(&[("c", "b"), ("b", "a"), ("d", "a")]);
        assert_eq!(waves(&["d", "c", "b", "a", "e"], &chain), [1, 2, 1, 0, 0]);
        let circle = to(&[("a", "b"), ("b", "a"), ("c", "a"), ("d", "d")]);
        assert_eq!(waves(&["a", "b", "c", "d"], &circle), [0, 0, 0, 0]);
    }
}
