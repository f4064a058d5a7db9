//! Tests of the cache's directories; installers are tested with the real binary.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::fs;

use plan_core::persona::skills::cache::SkillCacheMarker;

use super::store::{marker, write_marker};
use super::*;

fn marked(fingerprint: &str) -> SkillCacheMarker<'static> {
    SkillCacheMarker {
        schema_version: 2,
        fingerprint: fingerprint.to_owned().into(),
        harness: "h".into(),
        installed_at: "2026-01-01T00:00:00.000Z".into(),
        last_upstream_check_at: None,
        skills: Vec::new(),
    }
}

#[test]
fn only_what_nobody_makes_is_swept() {
    let temp = tempfile::tempdir().unwrap();
    let cache = SkillCache::at(temp.path());
    let unborn = cache.open().unwrap().begin().unwrap();
    let skills = temp.path().join("skills");
    fs::create_dir_all(skills.join("tmp.dead/entry/.claude")).unwrap();
    fs::write(skills.join("tmp.dead/lease"), "").unwrap();
    fs::create_dir(skills.join("tmp.older")).unwrap();
    fs::create_dir(skills.join("0123")).unwrap();
    assert_eq!(sweep_cache(&cache).unwrap(), 2);
    assert!(unborn.entry().is_dir() && skills.join("0123").is_dir());
    drop(unborn);
    assert_eq!(sweep_cache(&cache).unwrap(), 0);
    let left: Vec<_> = fs::read_dir(&skills).unwrap().collect();
    assert_eq!(left.len(), 2, "the entry and the gate: {left:?}");
}

#[test]
fn an_entry_is_whole_or_not_there() {
    let temp = tempfile::tempdir().unwrap();
    let cache = SkillCache::at(temp.path());
    let place = cache.place("f0");
    for text in ["one", "two"] {
        let unborn = cache.open().unwrap().begin().unwrap();
        fs::write(unborn.entry().join("text"), text).unwrap();
        assert!(unborn.check("sub").is_err());
        fs::create_dir(unborn.entry().join("sub")).unwrap();
        unborn.check("sub").unwrap();
        // A link to a directory elsewhere is nothing that an installer left.
        std::os::unix::fs::symlink("/etc", unborn.entry().join("link")).unwrap();
        assert!(unborn.check("link").is_err());
        write_marker(&unborn.entry(), &marked("f0")).unwrap();
        unborn.publish("f0").unwrap();
        assert_eq!(fs::read_to_string(place.join("text")).unwrap(), text);
    }
    assert!(marker(&place, "f0").is_some());
    assert!(marker(&place, "f1").is_none());
    fs::write(place.join(".aw-skill-cache.json"), "{").unwrap();
    assert!(marker(&place, "f0").is_none());
    assert_eq!(sweep_cache(&cache).unwrap(), 0);
}

#[test]
fn nobody_replaces_what_somebody_copies() {
    let temp = tempfile::tempdir().unwrap();
    let store = SkillCache::at(temp.path()).open().unwrap();
    let apply = ApplyOptions::default();
    let (one, two) = (store.share("f", &apply).unwrap(), store.share("f", &apply));
    let waiting = ApplyOptions::default();
    let cancel = waiting.cancel.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        cancel.raise();
    });
    let error = store.take("f", &waiting).unwrap_err();
    stopper.join().unwrap();
    assert_eq!(error.kind(), ExecErrorKind::Cancelled(2));
    drop((one, two));
    let alone = store.take("f", &apply).unwrap();
    assert!(store.share("f", &waiting).is_err());
    drop(alone);
    store.share("f", &apply).unwrap();
}
