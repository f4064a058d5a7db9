//! Real files in temporary directories.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::fs;
use std::path::Path;

use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Value;
use plan_core::persona::resolve::ResolutionErrorCode;

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "the form of a check")]
fn accept(_: &Value<'_>, _: Edition) -> Result<(), Vec<Diagnostic>> {
    Ok(())
}

/// A home and a project, both empty.
struct World {
    root: tempfile::TempDir,
    options: LoadOptions,
}

impl World {
    fn new(edition: Edition) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name).to_string_lossy().replace('\\', "/");
        let options = LoadOptions {
            edition,
            validate: accept,
            cwd: at("project"),
            home: Some(at("home")),
            workforce_home: None,
            config_home: None,
        };
        fs::create_dir_all(root.path().join("project")).unwrap();
        Self { root, options }
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_string_lossy().replace('\\', "/")
    }

    fn load(&self, reference: &str) -> Result<Loaded, PersonaResolutionError> {
        load_reference(reference, &self.options)
    }

    fn source_of(&self, id: &str) -> String {
        self.load(id)
            .map_or_else(|error| error.to_string(), |found| found.source)
    }
}

fn persona(id: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"intent\":\"review\",\"description\":\"d\",\"harness\":\"claude\",\
         \"model\":\"m\",\"systemPrompt\":\"s\",\
         \"harnessSettings\":{{\"reasoning\":\"low\",\"timeoutSeconds\":1}}}}"
    )
}

const CWD: &str = "project/.agentworkforce/workforce/personas";
const AGENTS: &str = "project/.agentworkforce/workforce/agents";
const USER: &str = "home/.agentworkforce/workforce";

#[test]
fn reads_the_layers_in_order() {
    // From the weakest to the strongest: each new file wins.
    for (edition, places) in [
        (
            Edition::PersonaKit4,
            &[
                (format!("{USER}/personas/p.json"), "user"),
                (format!("{AGENTS}/p/persona.json"), "cwd:agents"),
                (format!("{CWD}/p.json"), "cwd"),
                ("project/.callsheet/personas/p.json".into(), "cwd"),
            ][..],
        ),
        (
            Edition::V2026,
            &[
                (format!("{USER}/personas/p.json"), "user"),
                (
                    "home/.config/callsheet/personas/p.json".into(),
                    "callsheet:user",
                ),
                (format!("{AGENTS}/p/persona.json"), "cwd:agents"),
                (format!("{CWD}/p.json"), "cwd"),
                ("project/.callsheet/personas/p.json".into(), "callsheet"),
            ][..],
        ),
    ] {
        let world = World::new(edition);
        assert_eq!(
            world.source_of("p"),
            "Unknown persona \"p\". Known personas: (none)"
        );
        for (path, source) in places {
            world.write(path, persona("p"));
            assert_eq!(world.source_of("p"), *source);
        }
    }
}

#[test]
fn follows_the_configuration() {
    for (config, source) in [
        ("{}", "user"),
        ("{\"personaDirs\":[\"~/mine\",\"personas\"]}", "dir:1"),
        ("{\"personaDirs\":[\"personas\",\"~/mine\"]}", "user"),
        (
            "{\"personaDirs\":[\"other\"],\"defaultCreateTarget\":\"~/mine/\"}",
            "dir:2",
        ),
        ("{\"defaultCreateTarget\":\"cwd\"}", "user"),
    ] {
        let world = World::new(Edition::V2026);
        world.write("home/mine/p.json", persona("p"));
        world.write(&format!("{USER}/personas/p.json"), persona("p"));
        world.write(&format!("{USER}/config.json"), config);
        assert_eq!(world.source_of("p"), source, "{config}");
    }
}

#[test]
fn warns_of_a_broken_configuration() {
    for (config, warning) in [
        (
            "{",
            "the text ends where a quoted key was expected (line 1, column 2)",
        ),
        (
            "{\"personaDirs\":[\"\"]}",
            "personaDirs must be an array of non-empty strings",
        ),
        (
            "{\"personaDirs\":\"x\"}",
            "personaDirs must be an array of non-empty strings",
        ),
    ] {
        let world = World::new(Edition::V2026);
        world.write(&format!("{USER}/personas/p.json"), persona("p"));
        let path = world.write(&format!("{USER}/config.json"), config);
        let found = world.load("p").unwrap();
        assert_eq!(found.source, "user");
        assert_eq!(
            found.warnings[0].to_string(),
            format!("[user] {path}: {warning}")
        );
    }
}

#[test]
fn moves_with_the_environment() {
    let mut world = World::new(Edition::V2026);
    let path = world.write("elsewhere/personas/p.json", persona("p"));
    let root = path.strip_suffix("/personas/p.json").unwrap();
    world.options.workforce_home = Some(format!("{root}/"));
    assert_eq!(world.source_of("p"), "user");

    let path = world.write("xdg/callsheet/personas/p.json", persona("p"));
    world.options.config_home = path
        .strip_suffix("/callsheet/personas/p.json")
        .map(str::to_owned);
    assert_eq!(world.source_of("p"), "callsheet:user");

    world.options.home = None;
    world.options.workforce_home = None;
    world.options.config_home = None;
    assert!(world.source_of("p").starts_with("Unknown persona"));
}

#[test]
fn warns_of_files_that_cannot_be_read() {
    let world = World::new(Edition::V2026);
    world.write(&format!("{CWD}/p.json"), persona("p"));
    let latin = world.write(&format!("{CWD}/latin.json"), b"{\"id\":\"\xe9\"}");
    let large = world.write(&format!("{CWD}/large.json"), vec![b' '; (8 << 20) + 1]);
    let exact = world.write(&format!("{CWD}/exact.json"), vec![b' '; 8 << 20]);
    world.write(&format!("{CWD}/notes.txt"), "no persona");
    fs::create_dir(world.root.path().join(CWD).join("dir.json")).unwrap();
    let source = world.write(&format!("{AGENTS}/a/persona.ts"), "export default {}");
    world.write(&format!("{AGENTS}/empty/readme"), "");
    let found = world.load("p").unwrap();
    let warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            format!(
                "[cwd] {exact}: the text ends where a JSON value was expected (line 1, column 8388609)"
            ),
            format!("[cwd] {large}: the file is larger than 8388608 bytes"),
            format!("[cwd] {latin}: the file is not UTF-8 text"),
            format!(
                "[cwd:agents] {source}: the persona is not compiled: there is no persona.json beside it"
            ),
        ]
    );
}

#[cfg(unix)]
#[test]
fn never_waits_on_a_pipe_or_dies_on_a_link() {
    use std::os::unix::fs::symlink;
    let world = World::new(Edition::V2026);
    let directory = world.root.path().join(CWD);
    fs::create_dir_all(&directory).unwrap();
    symlink("gone.json", directory.join("dangling.json")).unwrap();
    symlink("loop.json", directory.join("loop.json")).unwrap();
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        directory.join("pipe.json"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    );
    made.unwrap();
    world.write(&format!("{CWD}/p.json"), persona("p"));
    let found = world.load("p").unwrap();
    let reasons: Vec<&str> = found
        .warnings
        .iter()
        .map(|one| &*one.diagnostic.message)
        .collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert_eq!(reasons[0], "the file does not exist");
    assert_eq!(reasons[2], "not a regular file");
}

#[test]
fn loads_what_a_path_gives() {
    let world = World::new(Edition::V2026);
    let path = world.write("project/x/p.json", persona("p"));
    for reference in ["x/p.json", "./x/p.json", &path, " x/p.json "] {
        let found = world.load(reference).unwrap();
        assert_eq!(
            (&*found.source, found.path.as_deref()),
            ("path", Some(&*path))
        );
        assert_eq!(
            found.selection.get("personaId").and_then(Value::as_str),
            Some("p")
        );
        assert!(found.spec.is_some());
    }
    let selection = "{\"personaId\":\"s\",\"harness\":\"codex\",\"b\":1,\"a\":2}";
    let path = world.write("project/s.json", selection);
    let found = world.load("s.json").unwrap();
    assert_eq!(json::print(&found.selection), selection);
    assert_eq!((found.spec, found.path), (None, Some(path)));
}

#[test]
fn refuses_paths_that_give_no_persona() {
    let world = World::new(Edition::V2026);
    world.write("project/n.json", "{\"name\":\"n\"}");
    world.write("project/n.yaml", "id: n");
    fs::create_dir(world.root.path().join("project/d.json")).unwrap();
    for (reference, message) in [
        ("n.json", "persona file n.json is missing a non-empty id"),
        (
            "./n.yaml",
            "interactive persona paths must point to a JSON persona file",
        ),
        ("./gone.yaml", "persona file not found: ./gone.yaml"),
        ("gone.json", "persona file not found: gone.json"),
        ("d.json", "could not read persona file: not a regular file"),
    ] {
        let error = world.load(reference).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.code(), ResolutionErrorCode::InvalidReference);
    }
    let error = world.load("n.json").unwrap_err();
    assert_eq!(
        error.help(),
        Some("a persona file has an `id`, a selection has a `personaId`")
    );
}

#[test]
fn lays_a_given_overlay_over_a_layer() {
    let world = World::new(Edition::V2026);
    let given = "{\"id\":\"mine\",\"extends\":\"p\",\"model\":\"big\",\"claudeMd\":\"C.md\"}";
    world.write("project/x/mine.json", given);
    let sidecar = world.write("project/x/C.md", "text");
    world.write(&format!("{USER}/personas/p.json"), persona("p"));
    let found = world.load("x/mine.json").unwrap();
    let member = |name| found.selection.get(name).and_then(Value::as_str);
    assert_eq!(member("personaId"), Some("mine"));
    assert_eq!(member("model"), Some("big"));
    assert!(Path::new(&sidecar).exists());
    assert_eq!(member("claudeMd"), Some(&*sidecar));
}

#[test]
fn lists_personas() {
    let world = World::new(Edition::V2026);
    world.write(
        &format!("{CWD}/q.json"),
        "{\"id\":\"q\",\"extends\":\"p\",\"model\":\"big\"}",
    );
    world.write(&format!("{CWD}/bad.json"), "{");
    world.write(&format!("{USER}/personas/p.json"), persona("p"));
    let listed = list_personas(&world.options);
    let rows: Vec<_> = listed
        .iter()
        .map(|one| {
            (
                &*one.id,
                &*one.source,
                one.model.as_deref(),
                one.problems.len(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("bad", "cwd", None, 1),
            ("q", "cwd", Some("big"), 0),
            ("p", "user", Some("m"), 0)
        ]
    );
}
