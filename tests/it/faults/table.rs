//! The faults that every release survives, each with the test that makes it happen.

use tests::repo::{Answer, files, read};

/// A fault, and the function that holds it.
type Row = (&'static str, &'static str);

const TABLE: &[Row] = &[
    ("base", "files::base"),
    ("cleanup-escape", "skills::cleanup_escape"),
    ("cleanup-symlink", "skills::cleanup_symlink"),
    ("concurrent-fifo", "runs::concurrent_fifo"),
    ("concurrent-lifo", "runs::concurrent_lifo"),
    ("concurrent-skills", "runs::concurrent_skills"),
    ("dispose-concurrent", "runs::dispose_concurrent"),
    ("dispose-fails", "runs::dispose_fails"),
    ("enospc-restore", "disk::enospc_restore"),
    ("enospc-write", "disk::enospc_write"),
    ("hardlink", "files::hardlink"),
    ("installer-env", "skills::installer_env"),
    ("installer-hang", "skills::installer_hang"),
    ("installer-output", "skills::installer_output"),
    ("installer-sigint", "skills::installer_sigint"),
    ("kill-between", "kill::kill_between"),
    ("kill-install", "kill::kill_install"),
    ("kill-rerun-extend", "kill::kill_rerun_extend"),
    ("kill-rerun-overwrite", "kill::kill_rerun_overwrite"),
    ("meta", "files::meta"),
    ("mkdirs", "files::mkdirs"),
    ("mount-case", "mount::mount_case"),
    ("mount-chmod", "mount::mount_chmod"),
    ("mount-churn", "mount::mount_churn"),
    ("mount-conflict", "mount::mount_conflict"),
    ("mount-extend", "mount::mount_extend"),
    ("mount-git", "mount::mount_git"),
    ("mount-ignored", "mount::mount_ignored"),
    ("mount-kill", "mount::mount_kill"),
    ("mount-late", "mount::mount_late"),
    ("mount-leak", "mount::mount_leak"),
    ("mount-names", "mount::mount_names"),
    ("mount-newdir", "mount::mount_newdir"),
    ("mount-nosync", "mount::mount_nosync"),
    ("mount-prexist", "mount::mount_prexist"),
    ("mount-readonly", "mount::mount_readonly"),
    ("mount-reaper", "mount::mount_reaper"),
    ("mount-rmrf", "mount::mount_rmrf"),
    ("mount-shape", "mount::mount_shape"),
    ("mount-shared-dir", "mount::mount_shared_dir"),
    ("mount-sync", "mount::mount_sync"),
    ("mount-unreadable", "mount::mount_unreadable"),
    ("mount-worktree", "mount::mount_worktree"),
    ("non-utf8", "files::non_utf8"),
    ("non-utf8-cfg", "files::non_utf8_cfg"),
    ("path-absolute", "files::path_absolute"),
    ("path-backslash", "files::path_backslash"),
    ("path-dot", "files::path_dot"),
    ("path-dotdot", "files::path_dotdot"),
    ("path-empty", "files::path_empty"),
    ("path-git-hook", "files::path_git_hook"),
    ("path-long", "files::path_long"),
    ("path-nested", "files::path_nested"),
    ("path-nul", "files::path_nul"),
    ("readonly-dir", "files::readonly_dir"),
    ("readonly-file", "files::readonly_file"),
    ("relative-cwd", "files::relative_cwd"),
    ("session-root", "skills::session_root"),
    ("sidecar-dotdot", "files::sidecar_dotdot"),
    ("sig-hup", "kill::sig_hup"),
    ("sig-int", "kill::sig_int"),
    ("sig-term", "kill::sig_term"),
    ("skill-preexisting", "skills::skill_preexisting"),
    ("skill2-fails", "skills::skill2_fails"),
    ("symlink-dangling", "files::symlink_dangling"),
    ("symlink-dir", "files::symlink_dir"),
    ("symlink-file", "files::symlink_file"),
    ("torn-restore", "kill::torn_restore"),
    ("torn-write", "kill::torn_write"),
    ("uncaught", "kill::uncaught"),
    ("user-delete", "files::user_delete"),
    ("user-edit", "files::user_edit"),
];

/// Every fault, and a life without one.
const FAULTS: usize = 71 + 1;

#[test]
fn every_fault_has_a_test() -> Answer<()> {
    assert_eq!(TABLE.len(), FAULTS);
    assert!(TABLE.is_sorted_by(|(one, _), (other, _)| one < other));
    let mut tests = Vec::new();
    for path in files("tests/it/faults", ".rs")? {
        let module = path.rsplit_once('/').map_or(&*path, |(_, name)| name);
        let module = module.trim_end_matches(".rs");
        let text = read(&path)?;
        // Other attributes may stand between the two lines.
        let mut lines = text.lines();
        while lines.any(|line| line == "#[test]") {
            let name = lines.find_map(|line| line.strip_prefix("fn "));
            let name = name.and_then(|name| name.split('(').next());
            tests.extend(name.map(|name| format!("{module}::{name}")));
        }
    }
    let missing = TABLE
        .iter()
        .filter(|(_, test)| !tests.iter().any(|name| name == test));
    let missing: Vec<&Row> = missing.collect();
    assert!(missing.is_empty(), "faults without a test: {missing:?}");
    Ok(())
}
