//! Which variables a program that a run starts gets when nobody says otherwise. Whatever
//! may hold a secret is left out: the programs are other people's.

/// Variables that tell a program where it is and whom it works for.
const INHERITED: [&str; 26] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "npm_config_registry",
    "npm_config_cache",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NVM_DIR",
    "VOLTA_HOME",
    "ASDF_DATA_DIR",
];

/// Beginnings of names that are as harmless.
const FAMILIES: [&str; 2] = ["LC_", "XDG_"];

/// Names by which somebody makes a program load or run something else.
const HOOKS: [&str; 9] = [
    "PATH",
    "HOME",
    "SHELL",
    "ENV",
    "BASH_ENV",
    "IFS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_EXTRA_CA_CERTS",
];

const HOOK_FAMILIES: [&str; 12] = [
    "LD_",
    "DYLD_",
    "npm_",
    "NPM_",
    "GIT_",
    "PYTHON",
    "PERL",
    "RUBY",
    "BASH_FUNC_",
    "SSL_",
    "XDG_",
    "SSH_",
];

/// Tells whether a program gets a variable of ours by default.
pub fn is_inherited(name: &str) -> bool {
    INHERITED.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Tells whether a variable decides what a program loads or runs, so that a plan must not
/// set it for the programs that install something.
pub fn is_hook(name: &str) -> bool {
    HOOKS.contains(&name) || HOOK_FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_hooks_stay_out() {
        for name in [
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "SSH_AUTH_SOCK",
            "NPM_TOKEN",
            "npm_config__auth",
        ] {
            assert!(!is_inherited(name), "{name}");
        }
        for name in ["PATH", "LC_ALL", "XDG_CACHE_HOME", "https_proxy"] {
            assert!(is_inherited(name), "{name}");
        }
        for name in [
            "PATH",
            "LD_PRELOAD",
            "NODE_OPTIONS",
            "npm_config_script_shell",
        ] {
            assert!(is_hook(name), "{name}");
        }
        assert!(!is_hook("SKILL_REGION"));
    }
}
