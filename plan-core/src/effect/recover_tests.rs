//! Properties of the recovery fold.

use alloc::string::String;
use alloc::vec::Vec;

use super::*;
use crate::base::json;
use crate::effect::record::{
    ActionDone, ActionFailed, JOURNAL_VERSION, RunClosed, RunReady, UndoDone, UndoFailed,
    UndoStarted,
};
use crate::effect::undo::{PutBack, RemoveDirs};
use crate::effect::{Original, Written};

fn started(keeps_skills: bool) -> Record {
    Record::RunStarted(RunStarted {
        version: JOURNAL_VERSION,
        run: "r-1".into(),
        cwd: "/repo".into(),
        label: None,
        edition: None,
        plan_digest: None,
        actions: 3,
        paths: Vec::new(),
        view: None,
        keeps_skills,
        started_ms: 0,
    })
}

fn announced(id: u64, phase: Phase) -> Record {
    let undo = if id == 1 {
        Undo::RemoveDirs(RemoveDirs {
            dirs: ["/repo/a".into()].into(),
        })
    } else {
        Undo::PutBack(PutBack {
            path: format!("/repo/{id}"),
            below: "/repo".into(),
            dirs: Vec::new(),
            original: Original::absent(),
            written: Written::file("sha256:0".into()),
            block: None,
        })
    };
    Record::ActionAnnounced(ActionAnnounced {
        id,
        phase,
        kind: "write-file".into(),
        line: String::new(),
        undo,
    })
}

fn done(id: u64) -> Record {
    Record::ActionDone(ActionDone { id, wrote: None })
}

fn undo_started(id: u64) -> Record {
    Record::UndoStarted(UndoStarted { id })
}

fn undone(id: u64) -> Record {
    Record::UndoDone(UndoDone {
        id,
        outcome: Outcome::removed(),
    })
}

/// A run that became ready, was disposed, failed to undo once and recovered.
fn whole_life() -> Vec<Record> {
    [
        started(false),
        announced(0, Phase::Skills),
        done(0),
        announced(1, Phase::Sidecars),
        done(1),
        announced(2, Phase::ConfigFiles),
        done(2),
        Record::RunReady(RunReady {}),
        undo_started(2),
        undone(2),
        undo_started(1),
        Record::UndoFailed(UndoFailed {
            id: 1,
            message: "busy".into(),
        }),
        undo_started(0),
        undo_started(0),
        undone(0),
        undo_started(1),
        undone(1),
        Record::RunClosed(RunClosed {}),
    ]
    .into()
}

/// A run whose second action failed.
fn failed_life() -> Vec<Record> {
    [
        started(true),
        announced(0, Phase::Skills),
        done(0),
        announced(1, Phase::Skills),
        Record::ActionFailed(ActionFailed {
            id: 1,
            message: "exit 1".into(),
        }),
        undo_started(1),
        undone(1),
        undo_started(0),
        undone(0),
        Record::RunClosed(RunClosed {}),
    ]
    .into()
}

/// The records that carrying out a plan appends.
fn carry_out(plan: &RecoveryPlan) -> Vec<Record> {
    let steps = plan.steps.iter();
    let mut records: Vec<_> = steps
        .flat_map(|step| [undo_started(step.id), undone(step.id)])
        .collect();
    if !plan.closed {
        records.push(Record::RunClosed(RunClosed {}));
    }
    records
}

#[test]
fn every_prefix_of_a_journal_recovers_once() {
    for life in [whole_life(), failed_life()] {
        for end in 1..=life.len() {
            let mut records = life[..end].to_vec();
            let plan = RunState::fold(&records).expect("legal").recovery();
            let ids: Vec<_> = plan.steps.iter().map(|step| step.id).collect();
            assert!(
                ids.is_sorted_by(|one, next| one > next),
                "last first: {ids:?}"
            );
            records.extend(carry_out(&plan));
            let after = RunState::fold(&records).expect("legal").recovery();
            assert_eq!(
                after,
                RecoveryPlan {
                    steps: Vec::new(),
                    closed: true
                },
                "prefix {end}"
            );
        }
    }
}

#[test]
fn records_survive_the_wire() {
    for record in whole_life().into_iter().chain(failed_life()) {
        let text = json::print(&record);
        let value = json::read(&text).expect("JSON");
        assert_eq!(Record::parse(&value).as_ref(), Ok(&record), "{text}");
    }
}

#[test]
fn a_newer_version_is_refused() {
    let text = json::print(&started(false)).replace("\"version\":2", "\"version\":3");
    let value = json::read(&text).expect("JSON");
    let error = Record::parse(&value).expect_err("a version of the future");
    assert_eq!(error.message, "record.version is not a known version");
}

#[test]
fn records_that_cannot_follow_change_nothing() {
    let mut state = RunState::fold(&whole_life()[..4]).expect("legal");
    let before = state.clone();
    for record in [
        started(false),
        announced(0, Phase::Skills),
        announced(2, Phase::Skills),
        announced(3, Phase::Skills),
        done(0),
        done(7),
        undone(0),
        Record::RunReady(RunReady {}),
        Record::RunClosed(RunClosed {}),
    ] {
        assert!(state.accept(&record).is_err(), "{record:?}");
        assert_eq!(state, before, "{record:?}");
    }
    assert!(RunState::fold(&[done(0)]).is_err(), "no start");
}

#[test]
fn skills_stay_only_after_a_run_became_ready() {
    let mut life = whole_life();
    life[0] = started(true);
    let stays = |end: usize| {
        let plan = RunState::fold(&life[..end]).expect("legal").recovery();
        plan.steps.iter().map(|step| step.stays).collect::<Vec<_>>()
    };
    assert_eq!(stays(7), [false, false, false]);
    assert_eq!(stays(8), [false, false, true]);
}
