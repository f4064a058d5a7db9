//! Writes the journals that later versions must read. Run by hand, once for each
//! version of the format: `CALLSHEET_WRITE_RECEIPTS=v2 cargo test receipts`.

use std::fs;
use std::path::PathBuf;

use plan_core::effect::RunCommitted;

use super::super::*;
use super::{World, list};

#[test]
fn receipts() {
    let Ok(version) = std::env::var("CALLSHEET_WRITE_RECEIPTS") else {
        return;
    };
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/receipts")
        .join(version);
    fs::create_dir_all(&dir).unwrap();
    let world = World::new();
    let journal = |id: &RunId| {
        let path = world
            .root
            .join("state/runs")
            .join(id.as_str())
            .join("journal.log");
        let text = fs::read(path).unwrap();
        crate::journal::parse(&text).unwrap().records
    };
    let save = |name: &str, records: &[Record], torn: usize| {
        let frames = records.iter().map(|record| {
            let json = plan_core::base::json::print(record);
            crate::journal::encode(&json.replace(world.root.to_str().unwrap(), "/home/user"))
        });
        let text: String = frames.collect();
        fs::write(dir.join(name), &text.as_bytes()[..text.len() - torn]).unwrap();
    };
    let handle = world.apply(&world.everything()).unwrap();
    let records = journal(handle.id());
    save("ready.log", &records, 0);
    let more = [
        &*records,
        &[Record::UndoStarted(plan_core::effect::UndoStarted {
            id: 11,
        })],
    ];
    save("torn.log", &more.concat(), 9);
    let committed = Record::RunCommitted(RunCommitted {});
    save("committed.log", &[&*records, &[committed]].concat(), 0);
    fs::write(handle.cwd().join("work"), "x").unwrap();
    handle.dispose();
    save("closed.log", &journal(handle.id()), 0);
    let persona = super::share::persona(&world);
    let first = world.apply(&persona).unwrap();
    let second = world.apply(&persona).unwrap();
    first.dispose();
    save("shared.log", &journal(second.id()), 0);
    second.dispose();
    let failing = list([world.command("exit 3", &["made"])]);
    let error = world.apply(&failing).unwrap_err();
    let id = RunId::parse(error.context().run.as_deref().unwrap()).unwrap();
    save("failed.log", &journal(&id), 0);
}
