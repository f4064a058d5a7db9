//! A run on a terminal: its phases, its calls, what it takes and what it waits for, in as many
//! lines as there are.

use super::lines::{Paint, cost, one_line, question, span, tokens};
use crate::workflow::view::{Call, Stage, View};

/// What a run looks like now.
pub(super) struct Look<'l> {
    /// The run.
    pub(super) view: &'l View,
    /// How it stands, in a word.
    pub(super) standing: &'l str,
    /// The time, in milliseconds since 1970.
    pub(super) now: u64,
    /// Columns and lines.
    pub(super) size: (usize, usize),
    /// How texts are coloured.
    pub(super) paint: Paint<'l>,
}

/// A line, and how much it matters when there are too many: the smallest go first.
struct Line {
    weight: u8,
    text: String,
    colour: &'static str,
}

impl Look<'_> {
    /// The lines: those that matter, when not all fit.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = self.head();
        for phase in &self.view.phases {
            self.phase(phase, &mut lines);
        }
        self.calls(None, &mut lines);
        for asked in &self.view.questions {
            let question = question(&asked.question);
            lines.push(Line {
                weight: 9,
                text: format!("? {}: {question}", asked.id),
                colour: "33",
            });
            lines.push(Line {
                weight: 8,
                text: format!(
                    "  callsheet workflow answer {} {} JSON",
                    self.view.run, asked.id
                ),
                colour: "2",
            });
        }
        // The cursor stands below them.
        let room = self.size.1.saturating_sub(1);
        let hidden = thin(&mut lines, room);
        let mut shown: Vec<String> = lines.iter().map(|line| self.fit(line)).collect();
        if hidden > 0 && room > 0 {
            shown.push((self.paint)("2", &format!("  {hidden} more lines")));
        }
        shown
    }

    fn fit(&self, line: &Line) -> String {
        let room = self.size.0.saturating_sub(1);
        let mut text: String = line.text.chars().take(room).collect();
        if line.text.chars().count() > room {
            text.pop();
            text.push('…');
        }
        if line.colour.is_empty() {
            return text;
        }
        (self.paint)(line.colour, &text)
    }

    fn head(&self) -> Vec<Line> {
        let view = self.view;
        let until = view.ended.as_ref().map_or(self.now, |ended| ended.at);
        let elapsed = view.started.map(|at| span(until.saturating_sub(at)));
        let elapsed = elapsed.unwrap_or_default();
        let again = if view.epoch > 1 {
            format!("  execution {}", view.epoch)
        } else {
            String::new()
        };
        let line = |text, colour| Line {
            weight: 10,
            text,
            colour,
        };
        let mut head = vec![line(
            format!("{}  {}  {elapsed}{again}", view.run, self.standing),
            "1",
        )];
        let all = view.shown().count();
        let over = view.count(&[Stage::Done, Stage::Reused, Stage::Failed]);
        let reused = view.count(&[Stage::Reused]);
        let failed = view.count(&[Stage::Failed]);
        let mut parts = vec![format!("{over} of {all} calls")];
        for (number, word) in [(reused, "known"), (failed, "failed")] {
            if number > 0 {
                parts.push(format!("{number} {word}"));
            }
        }
        let taken = view.spent.tokens();
        parts.push(match view.limits.budget {
            Some(budget) => format!("{taken} tokens, {} left", budget.saturating_sub(taken)),
            None => format!("{taken} tokens"),
        });
        parts.extend(cost(&view.spent));
        head.push(line(format!("  {}", parts.join(" · ")), ""));
        if let Some(reason) = view.ended.as_ref().and_then(|ended| ended.reason.as_ref()) {
            head.push(line(format!("  {}", one_line(reason)), "33"));
        }
        head
    }

    fn phase(&self, phase: &str, lines: &mut Vec<Line>) {
        let of = |call: &&Call| call.phase.as_deref() == Some(phase);
        let all = self.view.shown().filter(of).count();
        let over = self.view.shown().filter(of);
        let over = over.filter(|call| is_over(call)).count();
        let is_now = self.view.phase.as_deref() == Some(phase);
        let mark = if all > 0 && over == all {
            "✓"
        } else if is_now || all > 0 {
            "▸"
        } else {
            "·"
        };
        let count = if all > 0 {
            format!("  {over} of {all}")
        } else {
            String::new()
        };
        lines.push(Line {
            weight: 7,
            text: format!("{mark} {}{count}", one_line(phase)),
            colour: if is_now { "1" } else { "" },
        });
        self.calls(Some(phase), lines);
    }

    fn calls(&self, phase: Option<&str>, lines: &mut Vec<Line>) {
        let of = |call: &&Call| call.phase.as_deref() == phase;
        for call in self.view.shown().filter(of) {
            let (mark, weight, colour) = match call.stage {
                Stage::Waiting => ("·", 0, "2"),
                Stage::Reused => ("=", 1, "2"),
                Stage::Done => ("✓", 2, ""),
                Stage::Failed => ("✗", 5, "31"),
                Stage::Asking => ("?", 6, "33"),
                Stage::Working => ("▸", 6, "36"),
            };
            let mut notes = Vec::new();
            let end = if is_over(call) {
                call.ended
            } else {
                Some(self.now)
            };
            if call.stage != Stage::Waiting
                && let Some((begun, end)) = call.begun.zip(end)
            {
                notes.push(span(end.saturating_sub(begun)));
            }
            if call.attempt > 1 {
                notes.push(format!("attempt {}", call.attempt));
            }
            notes.extend(call.usage.as_ref().map(tokens));
            if !matches!(call.stage, Stage::Done | Stage::Reused) {
                notes.extend(call.problem.as_deref().map(one_line));
            }
            let notes = if notes.is_empty() {
                String::new()
            } else {
                format!("  {}", notes.join(", "))
            };
            lines.push(Line {
                weight,
                text: format!("  {mark} {}{notes}", one_line(&call.label)),
                colour,
            });
        }
    }
}

/// Leaves out what matters least, the oldest first, until the rest fits with a line that says
/// so; returns how many lines went.
fn thin(lines: &mut Vec<Line>, room: usize) -> usize {
    let whole = lines.len();
    if whole <= room {
        return 0;
    }
    let mut over = whole - room.saturating_sub(1).min(whole);
    let most = lines.iter().map(|line| line.weight).max().unwrap_or(0);
    for weight in 0..=most {
        lines.retain(|line| {
            let goes = line.weight == weight && over > 0;
            over -= usize::from(goes);
            !goes
        });
    }
    whole - lines.len()
}

const fn is_over(call: &Call) -> bool {
    matches!(call.stage, Stage::Done | Stage::Reused | Stage::Failed)
}

#[cfg(test)]
mod tests {
    use plan_core::base::json::read;
    use plan_core::workflow::record::RunRecord;

    use super::*;

    fn view(records: &[&str]) -> View {
        let mut view = View::new(vec!["Look".into(), "Sum up".into()]);
        for record in records {
            let value = read(record).expect("JSON");
            let record = RunRecord::parse(&value).expect("a record");
            view.take(&record.expect("a known one"));
        }
        view
    }

    fn issued(call: u64, label: &str, phase: &str) -> String {
        format!(
            r#"{{"call.issued":{{"epoch":1,"call":{call},"path":"/{call}","kind":"agent","content":"c","causal":"d","effect":"pure","label":"{label}","phase":"{phase}"}}}}"#
        )
    }

    fn lines(view: &View, size: (usize, usize)) -> Vec<String> {
        let plain = |_: &str, text: &str| text.to_owned();
        Look {
            view,
            standing: "running",
            now: 65_000,
            size,
            paint: &plain,
        }
        .lines()
    }

    fn busy() -> View {
        let labels = ["look at a", "look at b", "look at c", "look at d"];
        let mut records = vec![
            r#"{"run.opened":{"version":1,"run":"r-1","name":"n","script":"s","cwd":"/","args":null,"limits":{"concurrency":2,"maxAgents":9,"budget":5000,"retries":0},"at":0}}"#.to_owned(),
            r#"{"exec.started":{"epoch":1,"script":"s","args":"a","engine":"e","pid":1,"at":1000}}"#.to_owned(),
        ];
        for (call, label) in labels.iter().enumerate() {
            records.push(issued(call as u64, label, "Look"));
        }
        for record in [
            r#"{"call.attempt":{"epoch":1,"call":0,"attempt":1,"at":2000}}"#,
            r#"{"call.attempt":{"epoch":1,"call":1,"attempt":2,"at":5000}}"#,
            r#"{"call.settled":{"epoch":1,"call":0,"attempt":1,"outcome":{"kind":"value","value":"x"},"usage":{"input":900,"output":100,"cacheRead":0,"cacheWrite":0,"cost":0.25},"refs":[],"at":14000}}"#,
            r#"{"call.attempt":{"epoch":1,"call":2,"attempt":1,"at":14000}}"#,
            r#"{"call.settled":{"epoch":1,"call":2,"attempt":1,"outcome":{"kind":"error","code":"AGENT_TIMEOUT","message":"too\nlong","recoverable":true},"refs":[],"at":20000}}"#,
            r#"{"checkpoint.asked":{"epoch":1,"call":3,"id":"go","question":{"ok":1}}}"#,
        ] {
            records.push(record.to_owned());
        }
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        view(&records)
    }

    #[test]
    fn a_run_is_drawn() {
        assert_eq!(
            lines(&busy(), (80, 24)),
            [
                "r-1  running  1m04s",
                "  2 of 4 calls · 1 failed · 1000 tokens, 4000 left · $0.2500",
                "▸ Look  2 of 4",
                "  ✓ look at a  12s, 1000 tokens, $0.2500",
                "  ▸ look at b  1m00s, attempt 2",
                "  ✗ look at c  6s, too long",
                "  ? look at d",
                "· Sum up",
                "? go: {\"ok\":1}",
                "  callsheet workflow answer r-1 go JSON",
            ]
        );
    }

    #[test]
    fn what_matters_stays_when_there_is_no_room() {
        assert_eq!(
            lines(&busy(), (20, 8)),
            [
                "r-1  running  1m04s",
                "  2 of 4 calls · 1…",
                "▸ Look  2 of 4",
                "· Sum up",
                "? go: {\"ok\":1}",
                "  callsheet workfl…",
                "  4 more lines",
            ]
        );
        for height in 1..12 {
            assert!(
                lines(&busy(), (40, height)).len() < height.max(2),
                "{height}"
            );
        }
    }
}
