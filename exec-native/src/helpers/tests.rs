//! The helpers on real directories: what each leaves in place, and that nothing is left
//! when it is disposed.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::fs;
use std::path::PathBuf;

use plan_core::base::json::{Value, read};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::options::PlanOptions;

use super::*;

struct World {
    dir: tempfile::TempDir,
    state: StateHome,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("project")).unwrap();
        let state = StateHome::at(dir.path().join("state"));
        Self { dir, state }
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.project()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

const SELECTION: &str = r#"{
    "personaId": "p", "harness": "opencode", "model": "opencode/m", "systemPrompt": "Be brief.",
    "harnessSettings": {"reasoning": "low", "timeoutSeconds": 5}, "rationale": "test",
    "skills": [{"id": "s", "source": "skills/s.md", "description": "d"}],
    "mount": {"ignoredPatterns": ["secret"]}, "agentsMdContent": "Sidecar."
}"#;

fn plan<'v>(selection: &'v Value<'v>, edition: Edition) -> PersonaSpawnPlan<'v> {
    build_persona_spawn_plan(
        selection,
        &PlanOptions {
            repo_root: Some("/none"),
            ..PlanOptions::default()
        },
        edition,
    )
    .unwrap()
}

#[test]
fn each_part_has_a_handle_and_takes_itself_back() {
    let world = World::new();
    let project = world.project();
    fs::create_dir(project.join("skills")).unwrap();
    fs::write(project.join("skills/s.md"), "a skill").unwrap();
    fs::write(project.join("AGENTS.md"), "ours").unwrap();
    let before = world.names();
    let selection = read(SELECTION).unwrap();
    let plan = plan(&selection, Edition::PersonaKit4);
    let options = HelperOptions::new(&world.state, &project);

    let skills = run_skill_installs(&plan.skills, Edition::PersonaKit4, &options).unwrap();
    assert_eq!(
        fs::read_to_string(project.join(".skills/s/SKILL.md")).unwrap(),
        "a skill"
    );
    let sidecars = write_persona_sidecars(&plan.sidecars, &options).unwrap();
    assert_eq!(
        fs::read_to_string(project.join("AGENTS.md")).unwrap(),
        "Sidecar."
    );
    let files = materialize_persona_config_files(&plan.config_files, &options).unwrap();
    assert!(project.join("opencode.json").is_file());

    for handle in [files, sidecars, skills] {
        assert_eq!(handle.cwd(), project);
        assert!(handle.dispose().is_clean());
        assert!(
            handle.dispose().is_clean(),
            "a second dispose reports the same"
        );
    }
    assert_eq!(world.names(), before);
    assert_eq!(
        fs::read_to_string(project.join("AGENTS.md")).unwrap(),
        "ours"
    );
}

#[test]
fn a_mount_without_a_policy_is_the_directory_itself() {
    let world = World::new();
    let project = world.project();
    fs::write(project.join("kept"), "k").unwrap();
    fs::write(project.join("secret"), "s").unwrap();
    let options = HelperOptions::new(&world.state, &project);
    assert_eq!(apply_persona_mount(None, &options).unwrap().cwd(), project);

    let selection = read(SELECTION).unwrap();
    let plan = plan(&selection, Edition::PersonaKit4);
    let mount = apply_persona_mount(plan.mount.as_ref(), &options).unwrap();
    assert!(mount.cwd().join("kept").is_file());
    assert!(!mount.cwd().join("secret").exists());
    assert!(mount.dispose().is_clean());
    assert!(!mount.cwd().exists());
}

#[test]
fn a_failing_skill_takes_the_whole_plan_back_and_keeps_its_own_error() {
    let world = World::new();
    let project = world.project();
    let selection = read(SELECTION).unwrap();
    let plan = plan(&selection, Edition::PersonaKit4);
    let options = HelperOptions::new(&world.state, &project);
    // The skill's file does not exist, so its copy fails after the mount was made.
    let error = execute_persona_spawn_plan(&plan, &options).unwrap_err();
    assert_ne!(error.command().map(|command| command.code), Some(0));
    assert!(error.undo_errors().is_empty());
    assert!(world.names().is_empty());
}

#[test]
fn the_order_of_the_parts_is_the_editions() {
    let selection = read(SELECTION).unwrap();
    let nothing: [Option<String>; 0] = [];
    let places = Places {
        cwd: "/project",
        stage: "/stage",
        mount: "/mount",
        include_git: true,
        view: View::Copy,
        ignored: &[],
        readonly: &[],
        link_targets: &nothing,
        inherited: &[],
        kept_skills: &[],
    };
    let order = |edition| {
        let plan = plan(&selection, edition);
        let list = lower(&plan, &places).unwrap();
        let mut phases: Vec<_> = list.iter().map(|action| action.phase.as_str()).collect();
        phases.dedup();
        phases
    };
    assert_eq!(
        order(Edition::PersonaKit4),
        ["mount", "skills", "config-files", "sidecars"]
    );
    assert_eq!(
        order(Edition::V2026),
        ["mount", "stage", "skills", "sidecars"]
    );
}
