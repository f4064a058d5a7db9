//! Scripts and what must come of them: every file of `tests/fixtures/workflow/scripts` runs
//! through the real program, and says in its own comments what is expected.
//!
//! | line | what it says |
//! | --- | --- |
//! | `//! flags WORDS` | more arguments of `workflow run` |
//! | `//! exit N` | the exit code; 0 by default |
//! | `//! result JSON` | what the script returns |
//! | `//! error TEXT` | is part of what is told of the failure |
//! | `//! record TAG TEXT` | a record of this kind holds this text |
//! | `//! never TAG TEXT` | no record of this kind holds it |
//! | `//! count TAG N` | there are so many records of this kind |
//! | `//! answer ID JSON` | the run pauses; this is answered, and it is resumed |
//! | `//! resume WORDS` | the run ends as it must, and is resumed with these arguments |
//!
//! What stands behind `answer` or `resume` is about the execution that follows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use exec_native::state::StateHome;
use exec_native::workflow::store::read;
use plan_core::base::json::{self, Value, print};
use tests::program::{Ended, Stage};
use tests::repo::Answer;

/// Does what its prompt says, line by line: `SAY TEXT` answers, `USE N` says that it took so
/// many tokens, `FAIL TEXT` fails, `SLEEP N` waits, `EMPTY` says nothing, `PWD` tells where it
/// is, `FIT TEXT` answers when the prompt says that an answer did not fit. Without any, the
/// answer is the last line of the prompt.
const AGENT: &str = r#"
prompt=$(sed -E 's/^\{"prompt":"(([^"\\]|\\.)*)".*/\1/; s/\\"/"/g')
text=$(printf '%b' "$prompt")
line() { printf '%s\n' "$text" | sed -n "s/^$1 //p" | tail -n 1; }
has() { printf '%s\n' "$text" | grep -q "^$1"; }
if has 'SLEEP '; then sleep "$(line SLEEP)"; fi
if has 'FAIL '; then line FAIL >&2; exit 3; fi
if has EMPTY; then exit 0; fi
if has PWD; then basename "$(pwd)"; exit 0; fi
if has 'SAY '; then said=$(line SAY); else said=$(printf '%s\n' "$text" | tail -n 1); fi
case $text in *'did not fit'*) if has 'FIT '; then said=$(line FIT); fi;; esac
if has 'USE '; then
  printf '{"result":"%s","usage":{"output":%s}}' "$said" "$(line USE)"
else
  printf '%s' "$said"
fi
"#;

/// What is expected of one execution.
#[derive(Debug, Default)]
struct Expected {
    /// How it is resumed, and with which answer.
    resume: Option<(Vec<String>, Option<[String; 2]>)>,
    flags: Vec<String>,
    exit: i32,
    result: Option<String>,
    errors: Vec<String>,
    records: Vec<(bool, String, String)>,
    counts: Vec<(String, usize)>,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

fn two(text: &str) -> Answer<[String; 2]> {
    let (first, second) = text.split_once(' ').ok_or("two words are needed")?;
    Ok([first.to_owned(), second.to_owned()])
}

fn expected(text: &str) -> Answer<Vec<Expected>> {
    let mut all = Vec::new();
    let mut now = Expected::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let [what, rest] = two(&format!("{line} "))?;
        let rest = rest.trim();
        match &*what {
            "flags" => now.flags = words(rest),
            "exit" => now.exit = rest.parse()?,
            "result" => now.result = Some(rest.to_owned()),
            "error" => now.errors.push(rest.to_owned()),
            "record" | "never" => {
                let (tag, text) = rest.split_once(' ').unwrap_or((rest, ""));
                let must = what == "record";
                now.records.push((must, tag.to_owned(), text.to_owned()));
            }
            "count" => {
                let [tag, number] = two(rest)?;
                now.counts.push((tag, number.parse()?));
            }
            "answer" | "resume" => {
                all.push(std::mem::take(&mut now));
                now.resume = Some(match &*what {
                    "answer" => (Vec::new(), Some(two(rest)?)),
                    _ => (words(rest), None),
                });
            }
            other => return Err(format!("`{other}` means nothing").into()),
        }
    }
    all.push(now);
    Ok(all)
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/workflow/scripts")
}

fn files(dir: &Path) -> Answer<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "js"))
        .collect();
    paths.sort();
    Ok(paths)
}

/// Runs a script and says what is not as it must be.
fn check(path: &Path) -> Answer<()> {
    let text = fs::read_to_string(path)?;
    let mut stage = Stage::new()?
        .script("agent", AGENT)?
        .file("s.js", &text)?
        .file("inner/file", "")?;
    for saved in files(&scripts().join("saved"))? {
        let name = saved.file_name().ok_or("no name")?.to_string_lossy();
        stage = stage.file(&format!(".callsheet/workflows/{name}"), fs::read(&saved)?)?;
    }
    let project = stage.project().display().to_string();
    for wanted in expected(&text)? {
        let mut arguments = match &wanted.resume {
            None => vec!["workflow", "run", "s.js", "--run-id", "r"],
            Some((words, answer)) => {
                if let Some([id, answer]) = answer {
                    let ended = stage
                        .call(&["workflow", "answer", "r", id, answer])?
                        .run()?;
                    same("the answer's code", &ended.code(), &Some(0), &ended)?;
                }
                let words = words.iter().map(|word| &**word);
                ["workflow", "resume", "r"]
                    .into_iter()
                    .chain(words)
                    .collect()
            }
        };
        arguments.extend(["--json", "--agent-command", "agent"]);
        arguments.extend(wanted.flags.iter().map(|flag| &**flag));
        let ended = stage.call(&arguments)?.run()?;
        judge(&wanted, &ended, &stage, &project)?;
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, must: &T, ended: &Ended) -> Answer<()> {
    if is == must {
        return Ok(());
    }
    let (out, err) = (ended.stdout(), ended.stderr());
    Err(format!("{what} is {is:?}, not {must:?}\n{out}\n{err}").into())
}

fn judge(wanted: &Expected, ended: &Ended, stage: &Stage, project: &str) -> Answer<()> {
    same("the exit code", &ended.code(), &Some(wanted.exit), ended)?;
    let text = ended.stdout();
    let last = text.lines().last().unwrap_or_default();
    let envelope = json::read(last).map_err(|error| format!("{error}: {last}"))?;
    let data = envelope.get("data");
    if let Some(result) = &wanted.result {
        let found = data.and_then(|data| data.get("result")).map(print);
        let found = found.map(|found| found.replace(project, "PROJECT"));
        same("the result", &found.as_ref(), &Some(result), ended)?;
    }
    let told = data.and_then(|data| data.get_str("error")).map_or_else(
        || {
            let all = envelope.get("diagnostics").and_then(Value::as_array);
            let first = all.and_then(|all| all.first()?.get_str("message"));
            first.unwrap_or_default().to_owned()
        },
        String::from,
    );
    for error in &wanted.errors {
        same(
            &format!("that `{told}` holds `{error}`"),
            &told.contains(error),
            &true,
            ended,
        )?;
    }
    let records = read(&StateHome::at(stage.path("state")), "r")?;
    let records = records.map(|file| file.records).unwrap_or_default();
    for (must, tag, text) in &wanted.records {
        let found = records
            .iter()
            .any(|record| record.tag() == tag && print(record).contains(text.as_str()));
        same(&format!("that a {tag} holds `{text}`"), &found, must, ended)?;
    }
    for (tag, number) in &wanted.counts {
        let found = records.iter().filter(|record| record.tag() == tag).count();
        same(&format!("the number of {tag}"), &found, number, ended)?;
    }
    Ok(())
}

#[test]
fn scripts_come_to_what_they_say() -> Answer<()> {
    let all = files(&scripts())?;
    assert!(all.len() >= 60, "only {} scripts", all.len());
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(path) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = check(path) {
                        let problem = format!("{}: {error}", path.display());
                        problems.lock().expect("nobody panics").push(problem);
                    }
                }
            });
        }
    });
    let problems = problems.into_inner().expect("nobody panics");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    Ok(())
}
