//! A project with a saved plan and an agent to disturb: what most tests with faults
//! begin with.
#![expect(clippy::print_stdout, reason = "says what is skipped")]

use std::fs;

use crate::program::{Call, Ended, Running, Stage};
use crate::repo::Answer;
use crate::tree::{Tree, differences, expect_same, tree};

/// Arguments by which a run writes into the project itself.
pub const IN_PLACE: &[&str] = &["--view", "inplace"];

/// Arguments by which a run lays something over the project.
pub const OVERLAY: &[&str] = &["--view", "overlay"];

/// Arguments by which a run works in a copy of the project.
pub const COPY: &[&str] = &["--view", "copy"];

/// Tells whether a layer can be put over a project here, and says so when it cannot.
pub fn has_layers() -> Answer<bool> {
    let doctor = Stage::new()?
        .call(&["doctor", "--json"])?
        .run()?
        .envelope()?;
    let views = doctor.get("data").and_then(|data| data.get("views"));
    let problem = views.and_then(|views| views.get_str("overlayProblem"));
    if let Some(why) = problem {
        println!("skipped: {why}");
    }
    Ok(problem.is_none())
}

/// Plays npx: it creates the skill that prpm or skills would install.
pub const INSTALLER: &str = r#"
case "$2" in
prpm)
    name=${4##*/}
    case $6 in
    claude) dir=.claude/skills ;;
    codex) dir=.agents/skills ;;
    opencode) dir=.skills ;;
    *) dir=.grok/skills ;;
    esac ;;
*) name=$6 dir=.agents/skills ;;
esac
echo "$name" >> "$HOME/installed"
mkdir -p "$dir/$name"
echo "skill $name" > "$dir/$name/SKILL.md"
"#;

/// Plays the agent: it says that it has begun, does what its arguments say, and goes on
/// until its input ends.
const AGENT: &str = r#"
begun=$1; shift
[ $# = 0 ] || "$@"
: > "$HOME/$begun"
exec cat > /dev/null
"#;

/// Writes a selection with skills; `more` are further members.
pub fn selection(harness: &str, sources: &[&str], more: &str) -> String {
    let skills = sources.iter().enumerate().map(|(place, source)| {
        format!(r#"{{"id": "s{place}", "source": "{source}", "description": "d"}}"#)
    });
    let skills = skills.collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"personaId": "scout", "harness": "{harness}", "model": "m", "systemPrompt": "Look.",
        "rationale": "test", "harnessSettings": {{"reasoning": "low", "timeoutSeconds": 60}},
        "skills": [{skills}]{more}}}"#
    )
}

/// A sidecar of its own text for the file that a harness reads.
pub fn sidecar(file: &str, text: &str, mode: &str) -> String {
    format!(r#", "{file}Content": "{text}", "{file}Mode": "{mode}""#)
}

/// Expects an exit code, and no panic.
pub fn expect(ended: &Ended, code: i32) -> Answer<()> {
    if ended.code() == Some(code) && !ended.says("panicked") {
        return Ok(());
    }
    let (came, out, err) = (ended.code(), ended.stdout(), ended.stderr());
    Err(format!("ended with {came:?}, not {code}:\n{out}\n{err}").into())
}

/// A project with plans beside it.
#[derive(Debug)]
pub struct Scene {
    /// Where everything lies.
    pub stage: Stage,
    before: Tree,
}

impl Scene {
    /// Takes a project as it is from now on. Scripts play the agent and npx.
    pub fn new(stage: Stage) -> Answer<Self> {
        let stage = stage.script("agent", AGENT)?;
        let stage = if stage.path("bin/npx").exists() {
            stage
        } else {
            stage.script("npx", INSTALLER)?
        };
        let before = tree(&stage.project())?;
        Ok(Self { stage, before })
    }

    /// Saves the plan of a selection in an edition.
    pub fn plan(self, name: &str, edition: &str, selection: &str) -> Answer<Self> {
        self.plan_with(name, edition, (selection, "{}"))
    }

    /// Saves the plan of a selection with options.
    pub fn plan_with(
        self,
        name: &str,
        edition: &str,
        (selection, options): (&str, &str),
    ) -> Answer<Self> {
        fs::write(self.stage.path("selection.json"), selection)?;
        fs::write(self.stage.path("options.json"), options)?;
        self.plan_of(
            name,
            &[
                "../selection.json",
                "--options",
                "../options.json",
                "--edition",
                edition,
            ],
        )
    }

    /// Saves the plan that some arguments ask for.
    pub fn plan_of(self, name: &str, arguments: &[&str]) -> Answer<Self> {
        let arguments = [&["plan", "--json"], arguments].concat();
        let ended = self.stage.call(&arguments)?.run()?;
        expect(&ended, 0)?;
        fs::write(self.stage.path(name), ended.stdout())?;
        Ok(self)
    }

    /// Changes the text of a saved plan.
    pub fn edit(self, name: &str, from: &str, to: &str) -> Answer<Self> {
        let path = self.stage.path(name);
        let text = fs::read_to_string(&path)?;
        if !text.contains(from) {
            return Err(format!("{name} lacks {from}: {text}").into());
        }
        fs::write(path, text.replacen(from, to, 1))?;
        Ok(self)
    }

    /// Puts a call together that carries a plan out in the project itself, with a command.
    pub fn execute(&self, name: &str, command: &[&str]) -> Answer<Call> {
        self.execute_in(IN_PLACE, name, command)
    }

    /// As [`Scene::execute`], in a view that arguments ask for.
    pub fn execute_in(&self, view: &[&str], name: &str, command: &[&str]) -> Answer<Call> {
        let plan = format!("../{name}");
        let mut arguments = vec!["execute", &plan];
        arguments.extend(view);
        if !command.is_empty() {
            arguments.push("--");
        }
        arguments.extend(command);
        self.stage.call(&arguments)
    }

    /// Starts an agent in a plan; it has done its work when this returns.
    pub fn begun(&self, name: &str, note: &str, work: &[&str]) -> Answer<Running> {
        self.begun_in(IN_PLACE, name, (note, work))
    }

    /// As [`Scene::begun`], in a view that arguments ask for.
    pub fn begun_in(
        &self,
        view: &[&str],
        name: &str,
        (note, work): (&str, &[&str]),
    ) -> Answer<Running> {
        let command = [&["agent", note], work].concat();
        let running = self.execute_in(view, name, &command)?.start()?;
        if let Err(error) = self.stage.wait_for(note) {
            running.signal("TERM").ok();
            let ended = running.end()?;
            return Err(format!("{error}: {}", ended.stderr()).into());
        }
        Ok(running)
    }

    /// Calls the binary in the project and expects an exit code.
    pub fn call(&self, arguments: &[&str], code: i32) -> Answer<Ended> {
        let ended = self.stage.call(arguments)?.run()?;
        expect(&ended, code)?;
        Ok(ended)
    }

    /// Reads a file of the project as text.
    pub fn text(&self, path: &str) -> Answer<String> {
        let path = self.stage.project().join(path);
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads what a script noted in the home.
    pub fn note(&self, name: &str) -> Answer<String> {
        self.stage.note(name)
    }

    /// Expects the project to be as it was.
    pub fn expect_same(&self) -> Answer<()> {
        expect_same(&self.before, &self.stage.project())
    }

    /// As [`Scene::expect_same`], where a copy may have returned for an original. From
    /// now on the copy counts.
    pub fn expect_alike(&mut self) -> Answer<()> {
        let now = tree(&self.stage.project())?;
        let plain = |tree: &Tree| -> Tree {
            let plain = |text: &str| match text.split_once(" inode ") {
                Some((before, rest)) => {
                    let rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
                    format!("{before} {rest}")
                }
                None => text.to_owned(),
            };
            tree.iter()
                .map(|(path, text)| (path.clone(), plain(text)))
                .collect()
        };
        let found = differences(&plain(&self.before), &plain(&now));
        self.before = now;
        if found.is_empty() {
            return Ok(());
        }
        Err(found.join("\n").into())
    }

    /// Expects the project to be as it was, and no trace of a run.
    pub fn expect_clean(&self) -> Answer<()> {
        self.expect_same()?;
        let left = crate::sweep::runs(&self.stage.path("state/runs"))?;
        if left.is_empty() {
            return Ok(());
        }
        Err(format!("left in the state directory: {left:?}").into())
    }
}
