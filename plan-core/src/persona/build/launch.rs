//! The plan with a private launch: what edition 2026 builds.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{PlanError, ai_hist, ambient, bindings, input_values, sidecar};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::{Object, Text, Value};
use crate::base::path::{is_absolute, resolve};
use crate::base::secret;
use crate::effect::{Document, Format, Reference};
use crate::persona::harness::compat::UnhandledHarness;
use crate::persona::harness::launch::{EnvDocument, Launch, LaunchInput};
use crate::persona::harness::{self, HarnessDef};
use crate::persona::inputs::{InputValues, render};
use crate::persona::options::PlanOptions;
use crate::persona::plan::STAGE;
use crate::persona::plan::{InputBinding, Mode, PLAN_VERSION, PersonaSpawnPlan, SidecarWrite};
use crate::persona::relay::{RelayMcp, RelayResolution, resolve_relay};
use crate::persona::selection::{Selection, check};
use crate::persona::skills::{self, SkillInstall, SkillMaterializationPlan, SourceKind};
use crate::persona::{env, mcp, mount};

/// Variables that change what programs run or load; an author may set them, but the
/// user should see it.
const POWERFUL: &[&str] = &[
    "BASH_ENV",
    "ENV",
    "GIT_SSH_COMMAND",
    "HOME",
    "IFS",
    "NODE_OPTIONS",
    "PATH",
    "PERL5OPT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYOPT",
    "SHELL",
];

/// Builds the plan.
pub(super) fn build<'s>(
    selection: Selection<'s>,
    options: &PlanOptions<'s>,
    edition: Edition,
) -> Result<PersonaSpawnPlan<'s>, PlanError> {
    let problems = check(selection, options, edition);
    if !problems.is_empty() {
        return Err(PlanError::Refused(problems));
    }
    let values = input_values(selection, options)?;
    let Some(def) = harness::find(selection.text("harness")) else {
        return Err(UnhandledHarness(selection.text("harness").into()).into());
    };
    let problems = check_environment(selection, options, &values, def);
    if !problems.is_empty() {
        return Err(PlanError::Refused(problems));
    }
    let skills = skills(selection, options, def)?;
    let mut warnings = Vec::new();
    let servers = servers(selection, options, &mut warnings);
    let input = LaunchInput {
        persona_id: selection.text("personaId"),
        model: selection.text("model"),
        system_prompt: render(selection.text("systemPrompt"), &values),
        servers,
        permissions: selection.permissions(),
        settings: selection.settings(),
        has_skills: !skills.installs.is_empty(),
        run: options.one_shot(),
        host_is_root: options.host_is_root,
    };
    let mut launch = (def.launch)(&input)?;
    warnings.append(&mut launch.warnings);
    let bindings = bindings(selection, &values, edition.switches().exports_unset_inputs);
    let (env, env_documents) = environment(selection, options, &bindings, &mut launch);
    warn_powerful(selection, &mut warnings);
    warn_literal(selection, &mut warnings);
    warn_secret(selection, &mut warnings);
    let sidecar = match sidecar(selection, def) {
        Some(sidecar) => Some(place_sidecar(sidecar, options, &values)?),
        None => None,
    };
    let mode = if options.task.is_some() {
        Mode::OneShot
    } else {
        Mode::Interactive
    };
    let timeout = selection.settings().number("timeoutSeconds");
    let mut plan = PersonaSpawnPlan {
        version: Some(PLAN_VERSION),
        edition: Some(edition),
        digest: None,
        persona: selection.echo(),
        cli: def.id.into(),
        args: launch.args,
        config_files: launch.config_files,
        skills,
        sidecars: sidecar.into_iter().collect(),
        inputs: bindings,
        env,
        initial_prompt: None,
        mount: mount::resolve_policy(selection.get("mount")),
        mode: Some(mode),
        stdin: launch.stdin,
        env_documents: Some(env_documents).filter(|list| !list.is_empty()),
        private_files: Some(launch.files),
        private_links: Some(launch.links).filter(|list| !list.is_empty()),
        timeout_seconds: timeout.filter(|_| options.task.is_some()),
        warnings: Some(warnings),
    };
    plan.digest = Some(plan.compute_digest());
    Ok(plan)
}

/// Plans the skills into the private directory that the harness is told to read.
fn skills<'s>(
    selection: Selection<'s>,
    options: &PlanOptions<'s>,
    def: &'static HarnessDef,
) -> Result<SkillMaterializationPlan<'s>, PlanError> {
    let list = selection.list("skills");
    let in_project = skills::SkillOptions {
        install_root: None,
        repo_root: options.repo_root,
    };
    let mut plan = skills::materialize_skills(list, def.id, in_project)?;
    let mut problems = Vec::new();
    let root = Path::root("selection");
    let list_at = root.field("skills");
    let mut names: Vec<String> = Vec::new();
    for (place, install) in plan.installs.iter_mut().enumerate() {
        let at = list_at.index(place);
        let resolved = skills::resolve_skill_source(&install.source)?;
        if let Err(problem) = skills::check_safe_source(&resolved) {
            problems.push(problem.pointing(&at.field("source")));
            continue;
        }
        let name = String::from(&*resolved.installed_name);
        if names.contains(&name) {
            let message = format!("two skills would be installed as `{name}`");
            let error = Diagnostic::error(Code::PERSONA_SKILL_INVALID, message);
            problems.push(error.pointing(&at.field("source")));
        }
        if let Err(problem) = stage_skill(install, options) {
            problems.push(problem.pointing(&at.field("source")));
        }
        install.installed_dir = format!("{}/skills/{name}", def.private_skills).into();
        install.installed_manifest = format!("{}/SKILL.md", install.installed_dir).into();
        install.cleanup_paths = Vec::new();
        names.push(name);
    }
    if !problems.is_empty() {
        return Err(PlanError::Refused(problems));
    }
    plan.session_install_root = Some(def.private_skills.into());
    Ok(plan)
}

/// Turns an install into the repository into one below the private directory: a local
/// file is copied by the executor, without a shell, and is named absolutely.
fn stage_skill(
    install: &mut SkillInstall<'_>,
    options: &PlanOptions<'_>,
) -> Result<(), Diagnostic> {
    if install.source_kind != SourceKind::Local {
        return Ok(());
    }
    install.install_command = Vec::new();
    let root = options.repo_root.unwrap_or_default();
    if root.is_empty() && !is_absolute(&install.package_ref) {
        let message = format!(
            "the skill path `{}` is relative, and nothing says to what",
            install.package_ref
        );
        return Err(Diagnostic::error(Code::PERSONA_SKILL_INVALID, message)
            .help("pass the `repoRoot` option, or write the path absolute"));
    }
    install.package_ref = resolve(root, &install.package_ref).into();
    Ok(())
}

/// Adds the servers that memory and relay ask for to those of the persona.
fn servers<'s>(
    selection: Selection<'s>,
    options: &PlanOptions<'s>,
    warnings: &mut Vec<Diagnostic>,
) -> Cow<'s, Object<'s>> {
    let history = ai_hist(selection, options.lookup_env());
    let id = selection.text("personaId");
    let relay = match resolve_relay(selection.get("relay"), options.lookup_env(), Some(id)) {
        // The key stays a reference: only the executor learns its value.
        RelayResolution::Ready(config) => Some(RelayMcp {
            api_key: "$RELAY_API_KEY".into(),
            ..config
        }),
        RelayResolution::Disabled => None,
        RelayResolution::MissingSecret { reason } => {
            let message = format!("the persona declares relay, but {reason}; it starts without");
            let warning = Diagnostic::warning(Code::PERSONA_SETTING_WARNING, message);
            warnings.push(warning.pointing(&Path::root("selection").field("relay")));
            None
        }
    };
    let declared = selection.object("mcpServers");
    let merged = mcp::merge_servers(declared, relay, history);
    merged.servers.unwrap_or_default()
}

/// Layers the environment: ambient, the harness's, inputs, overrides, then the
/// persona's own; what holds references is kept apart.
fn environment<'s>(
    selection: Selection<'s>,
    options: &PlanOptions<'s>,
    bindings: &[InputBinding<'s>],
    launch: &mut Launch<'s>,
) -> (Object<'s>, Vec<EnvDocument<'s>>) {
    let mut env = ambient(options, bindings.len() + launch.env.len());
    let mut documents = core::mem::take(&mut launch.env_documents);
    for (name, value) in launch.env.drain(..) {
        env.insert(name, value);
    }
    for binding in bindings {
        env.insert(binding.env_name.clone(), binding.value.clone());
    }
    for (name, value) in options.env_overrides.into_iter().flat_map(Object::iter) {
        env.insert(name, value.clone());
    }
    for (name, value) in selection.object("env").into_iter().flat_map(Object::iter) {
        let text = value.as_str().unwrap_or_default();
        documents.retain(|document| document.name != name);
        if env::is_reference(text) {
            env.remove(name);
            documents.push(reference(name, text));
        } else {
            env.insert(name, text);
        }
    }
    (env, documents)
}

fn reference<'s>(name: &'s str, template: &'s str) -> EnvDocument<'s> {
    let field = format!("env.{name}");
    let whole = Reference {
        pointer: String::new(),
        template: template.into(),
        field,
    };
    let document = Document {
        format: Format::Text,
        value: Value::from(template),
        references: Some(alloc::vec![whole]),
        escapes: None,
    };
    EnvDocument {
        name: name.into(),
        document,
    }
}

/// Refuses variables that would replace the private configuration, and with it the
/// persona's permissions, and values that the executor would change.
fn check_environment(
    selection: Selection<'_>,
    options: &PlanOptions<'_>,
    values: &InputValues<'_>,
    def: &HarnessDef,
) -> Vec<Diagnostic> {
    let root = Path::root("selection");
    let given = Path::root("options");
    let (env_at, inputs_at) = (root.field("env"), root.field("inputs"));
    let overrides_at = given.field("envOverrides");
    let mut problems = Vec::new();
    let mut check = |at: &Path<'_>, name: &str, value: Option<&Value<'_>>| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        let problem = if def.reserved_env.contains(&name) {
            "sets a variable that carries the harness's private configuration"
        } else if text.contains(STAGE) || text.contains('\0') {
            "must not contain NUL or the placeholder of the private directory"
        } else {
            return;
        };
        problems.push(Diagnostic::at(Code::PERSONA_ARGUMENT_UNSAFE, at, problem));
    };
    for (name, value) in selection.object("env").into_iter().flat_map(Object::iter) {
        check(&env_at.field(name), name, Some(value));
    }
    for (name, value) in options.env_overrides.into_iter().flat_map(Object::iter) {
        check(&overrides_at.field(name), name, Some(value));
    }
    for (name, spec) in selection
        .object("inputs")
        .into_iter()
        .flat_map(Object::iter)
    {
        let variable = spec.get_str("env").unwrap_or(name);
        check(&inputs_at.field(name), variable, values.get(name));
    }
    problems
}

/// Warns of `$NAME` within a text: only as a whole, or written `${NAME}`, is it replaced.
fn warn_literal(selection: Selection<'_>, warnings: &mut Vec<Diagnostic>) {
    let root = Path::root("selection");
    for field in ["env", "mcpServers"] {
        if let Some(value) = selection.get(field) {
            literal(value, &root.field(field), warnings);
        }
    }
}

fn literal(value: &Value<'_>, at: &Path<'_>, warnings: &mut Vec<Diagnostic>) {
    match value {
        Value::String(text) if !env::is_reference(text) && looks_like_reference(text) => {
            let message = format!("{at} has a `$NAME` within a text, which stays as it is");
            let warning = Diagnostic::warning(Code::PERSONA_SETTING_WARNING, message)
                .help("write ${NAME} to have it replaced by the variable's value");
            warnings.push(warning.pointing(at));
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                literal(item, &at.index(place), warnings);
            }
        }
        Value::Object(object) => {
            for (key, item) in object.iter() {
                literal(item, &at.field(key), warnings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Warns of secrets that are written out: they end up in the plan.
fn warn_secret(selection: Selection<'_>, warnings: &mut Vec<Diagnostic>) {
    let at = Path::root("selection");
    let at = at.field("env");
    for (name, value) in selection.object("env").into_iter().flat_map(Object::iter) {
        let at = at.field(name);
        let is_literal = |text: &str| !text.is_empty() && !text.contains('$');
        if value.as_str().is_some_and(is_literal) && secret::is_secret_name(name) {
            let message = format!("{at} holds a secret in clear text, and so does the plan");
            let warning = Diagnostic::warning(Code::PERSONA_SETTING_WARNING, message).help(
                format!("write \"${name}\" and set the variable where the agent is started"),
            );
            warnings.push(warning.pointing(&at));
        }
    }
}

fn looks_like_reference(text: &str) -> bool {
    let starts = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    text.split('$')
        .skip(1)
        .any(|rest| rest.bytes().next().is_some_and(starts))
}

fn warn_powerful(selection: Selection<'_>, warnings: &mut Vec<Diagnostic>) {
    let root = Path::root("selection");
    let at = root.field("env");
    for (name, _) in selection.object("env").into_iter().flat_map(Object::iter) {
        if POWERFUL.contains(&name) || name.starts_with("LD_") || name.starts_with("DYLD_") {
            let message = format!("env.{name} decides which programs or libraries the agent loads");
            let warning = Diagnostic::warning(Code::PERSONA_SETTING_WARNING, message);
            warnings.push(warning.pointing(&at.field(name)));
        }
    }
}

/// Renders a sidecar's text and makes its path absolute.
fn place_sidecar<'s>(
    sidecar: SidecarWrite<'s>,
    options: &PlanOptions<'s>,
    values: &InputValues<'s>,
) -> Result<SidecarWrite<'s>, Diagnostic> {
    let contents = sidecar.contents.map(|text| match render(&text, values) {
        Cow::Borrowed(_) => text.clone(),
        Cow::Owned(rendered) => rendered.into(),
    });
    let root = options.repo_root.unwrap_or_default();
    let source_path = match sidecar.source_path {
        None => None,
        Some(path) if root.is_empty() && !is_absolute(&path) => return Err(relative(&path)),
        Some(path) => Some(Text::from(resolve(root, &path))),
    };
    Ok(SidecarWrite {
        contents,
        source_path,
        ..sidecar
    })
}

fn relative(path: &str) -> Diagnostic {
    let message = format!("the sidecar path `{path}` is relative, and nothing says to what");
    Diagnostic::error(Code::PERSONA_PATH_UNSAFE, message)
        .help("pass the `repoRoot` option, or write the path absolute")
}
