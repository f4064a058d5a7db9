//! Grok.

use super::{HarnessDef, SidecarFile, SkillTarget};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "grok",
    install: "curl -fsSL https://x.ai/cli/install.sh | bash",
    sidecar: SidecarFile::AgentsMd,
    skills: SkillTarget {
        as_flag: "grok",
        dir: ".grok/skills",
        session_root: false,
    },
    compat_rank: Some(3),
};
