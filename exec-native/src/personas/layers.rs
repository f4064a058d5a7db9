//! Which directories are layers, and in which order.

use plan_core::persona::resolve::{Layer, PersonaFile};

use super::LoadOptions;
use super::config::read_config;
use super::read::{read_agents, read_directory};

/// Reads every layer, the strongest first: the project's own, then the user's.
pub(super) fn read_layers(options: &LoadOptions) -> Vec<Layer> {
    let own = options.edition.switches().complete_resolution;
    let cwd = &*options.cwd;
    let workforce = format!("{cwd}/.agentworkforce/workforce");
    let mut layers = Vec::new();
    if own {
        let directory = format!("{cwd}/.callsheet/personas");
        layers.push(layer("callsheet", read_directory(&directory)));
    }
    layers.push(layer(
        "cwd",
        read_directory(&format!("{workforce}/personas")),
    ));
    layers.push(layer(
        "cwd:agents",
        read_agents(&format!("{workforce}/agents")),
    ));
    if let Some(directory) = own_user_directory(options).filter(|_| own) {
        layers.push(layer("callsheet:user", read_directory(&directory)));
    }
    layers.extend(configured_layers(options));
    layers
}

fn layer(source: &str, files: Vec<PersonaFile>) -> Layer {
    Layer {
        source: source.to_owned(),
        files,
    }
}

fn own_user_directory(options: &LoadOptions) -> Option<String> {
    let below_home = || Some(format!("{}/.config", options.home.as_deref()?));
    let config = options.config_home.clone().or_else(below_home)?;
    Some(format!("{config}/callsheet/personas"))
}

/// The configured directories: the user's own is `user`, the others are counted.
fn configured_layers(options: &LoadOptions) -> Vec<Layer> {
    let home = options.home.as_deref();
    let default = home.map(|home| format!("{home}/.agentworkforce/workforce"));
    let Some(root) = options.workforce_home.clone().or(default) else {
        return Vec::new();
    };
    let root = root.strip_suffix('/').unwrap_or(&root);
    let config = read_config(root, home);
    let mut layers = Vec::new();
    if let Some(problem) = config.problem {
        layers.push(layer("user", vec![problem]));
    }
    for (place, directory) in config.directories.iter().enumerate() {
        let source = if *directory == format!("{root}/personas") {
            "user".to_owned()
        } else {
            format!("dir:{}", place + 1)
        };
        layers.push(layer(&source, read_directory(directory)));
    }
    layers
}
