//! Properties that hold for every input.

use std::fmt::Debug;

use plan_core::base::diag::{Diagnostic, Path};
use plan_core::base::digest;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Print, Text, Value, print, read};
use plan_core::base::record::Scan;
use plan_core::effect::{self, Document, Record, Undo};
use plan_core::fleet::library::PersonaStatus;
use plan_core::fleet::lock::Lock;
use plan_core::fleet::observed::SeatSpec;
use plan_core::fleet::plan::{self as fleet, FleetPlan, Hashed};
use plan_core::fleet::policy::Policy;
use plan_core::fleet::profile::Profile;
use plan_core::fleet::roster::Roster;
use plan_core::fleet::status::Status;
use plan_core::fleet::topology::Topology;
use plan_core::persona::agent_card::AgentCard;
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::detect::HarnessRecord;
use plan_core::persona::harness::outcome::Outcome;
use plan_core::persona::mount::MountPolicy;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::plan::PersonaSpawnPlan;
use plan_core::persona::resolve::Listed;
use plan_core::persona::skills::SkillMaterializationPlan;
use plan_core::persona::skills::cache::SkillCacheMarker;
use plan_core::workflow::record::RunRecord;
use plan_core::workflow::vm::{Command, Report};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tests::fuzz::{check_plan, exercise};
use tests::generate::{self, Draw, Make};

type Checked = Result<(), TestCaseError>;

/// Runs a property on lists of choices. Nothing is written where it fails: the
/// shrunk list is in the message.
pub(crate) fn for_all(cases: u32, property: impl Fn(&[u32]) -> Checked) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let words = vec(any::<u32>(), 0..300);
    let outcome = TestRunner::new_with_rng(config, rng()).run(&words, |words| property(&words));
    let failure = outcome.err().map(|failure| failure.to_string());
    assert_eq!(failure, None);
}

/// Equal runs give equal answers; `PROPTEST_CASES` and chance are for the fuzzer.
fn rng() -> TestRng {
    TestRng::deterministic_rng(RngAlgorithm::ChaCha)
}

pub(crate) fn failed(why: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(format!("{why}"))
}

/// What is printed reads back as what it was, and prints the same again.
fn round_trip<T>(words: &[u32]) -> Checked
where
    T: Make + Print + PartialEq + Debug + Scan<'static>,
{
    let made = T::make(&mut Draw::new(words));
    let text = print(&made);
    let value = read(&text).map_err(failed)?.to_owned_value();
    let again = T::scan(&value, &Path::root("it")).map_err(failed)?;
    prop_assert_eq!(&again, &made);
    prop_assert_eq!(print(&again), text);
    Ok(())
}

#[test]
fn every_wire_type_reads_back_as_it_was_printed() {
    let types: [fn(&[u32]) -> Checked; 28] = [
        round_trip::<Diagnostic>,
        round_trip::<Record>,
        round_trip::<Undo>,
        round_trip::<effect::Outcome>,
        round_trip::<Document<'static>>,
        round_trip::<AgentCard<'static>>,
        round_trip::<HarnessRecord<'static>>,
        round_trip::<Outcome>,
        round_trip::<MountPolicy<'static>>,
        round_trip::<PersonaSpawnPlan<'static>>,
        round_trip::<Listed>,
        round_trip::<SkillMaterializationPlan<'static>>,
        round_trip::<SkillCacheMarker<'static>>,
        round_trip::<Value<'static>>,
        round_trip::<Profile>,
        round_trip::<Policy>,
        round_trip::<Roster>,
        round_trip::<Lock>,
        round_trip::<fleet::Input>,
        round_trip::<FleetPlan>,
        round_trip::<Hashed>,
        round_trip::<Topology>,
        round_trip::<Status>,
        round_trip::<SeatSpec>,
        round_trip::<PersonaStatus>,
        round_trip::<RunRecord>,
        round_trip::<Report>,
        round_trip::<Command>,
    ];
    for property in types {
        for_all(128, property);
    }
}

/// Builds the plan of made values and hands it, or the error's text, to a check.
fn with_plan(
    words: &[u32],
    edition: Edition,
    check: impl FnOnce(Result<&PersonaSpawnPlan<'_>, String>) -> Checked,
) -> Checked {
    let mut draw = Draw::new(words);
    let (selection, options) = (generate::selection(&mut draw), generate::options(&mut draw));
    let nothing = Object::new();
    let options = if edition.switches().strict_parse {
        let Ok(options) = PlanOptions::strict(&options, &nothing) else {
            return Ok(());
        };
        options
    } else {
        PlanOptions::lenient(&options, &nothing)
    };
    let plan = build_persona_spawn_plan(&selection, &options, edition);
    check(plan.as_ref().map_err(ToString::to_string))
}

#[test]
fn a_plan_reads_back_and_keeps_its_digest() {
    for edition in Edition::ALL.iter().copied() {
        for_all(1500, |words| {
            with_plan(words, edition, |plan| {
                let Ok(plan) = plan else { return Ok(()) };
                let text = print(plan);
                let value = read(&text).map_err(failed)?;
                let again = PersonaSpawnPlan::read(&value).map_err(failed)?;
                // Lifetimes keep the two from being compared directly.
                prop_assert_eq!(format!("{again:?}"), format!("{plan:?}"));
                prop_assert_eq!(print(&again), &*text);
                prop_assert_eq!(again.compute_digest(), plan.compute_digest());
                let bare = PersonaSpawnPlan {
                    digest: None,
                    ..again
                };
                let digest = plan.digest.as_deref().unwrap_or_default();
                prop_assert!(digest.is_empty() || digest == digest::of_json(&bare));
                Ok(())
            })
        });
    }
}

#[test]
fn a_plan_is_a_function_of_its_inputs() {
    for edition in Edition::ALL.iter().copied() {
        for_all(500, |words| {
            let text = |plan: Result<&PersonaSpawnPlan<'_>, String>| plan.map(print);
            let mut answers = Vec::new();
            for _ in 0..2 {
                with_plan(words, edition, |plan| {
                    answers.push(text(plan));
                    Ok(())
                })?;
            }
            prop_assert_eq!(answers.first(), answers.last());
            Ok(())
        });
    }
}

/// The environment that inputs are looked up in leaves no trace of its order.
#[test]
fn the_order_of_a_lookup_environment_does_not_matter() {
    for_all(1000, |words| {
        let mut draw = Draw::new(words);
        let (selection, options) = (generate::selection(&mut draw), generate::options(&mut draw));
        let turned = options.as_object().map(turned).unwrap_or_default();
        let nothing = Object::new();
        let plan = |options: &Value<'_>| {
            let options = PlanOptions::strict(options, &nothing).ok()?;
            let plan = build_persona_spawn_plan(&selection, &options, Edition::V2026);
            Some(
                plan.map(|plan| print(&plan))
                    .map_err(|error| error.to_string()),
            )
        };
        prop_assert_eq!(plan(&options), plan(&turned.into()));
        Ok(())
    });
}

/// Turns the order of `inputEnv` and of `inputValues` round.
fn turned<'a>(options: &Object<'a>) -> Object<'a> {
    let entries = options.entries().iter();
    let turn = |(name, member): &(Text<'a>, Value<'a>)| {
        let member = match member.as_object() {
            Some(object) if matches!(&**name, "inputEnv" | "inputValues") => {
                Value::Object(object.entries().iter().rev().cloned().collect())
            }
            _ => member.clone(),
        };
        (name.clone(), member)
    };
    entries.map(turn).collect()
}

#[test]
fn what_is_planned_can_be_carried_out() {
    let mut planned = 0;
    let count = std::cell::Cell::new(0_u32);
    for edition in Edition::ALL.iter().copied() {
        for_all(1500, |words| {
            with_plan(words, edition, |plan| {
                let Ok(plan) = plan else { return Ok(()) };
                count.set(count.get() + 1);
                check_plan(plan).map_err(failed)
            })
        });
        assert!(
            count.get() > planned + 300,
            "the generators make too few plans"
        );
        planned = count.get();
    }
}

#[test]
fn no_value_makes_the_core_panic() {
    for_all(3000, |words| {
        let value = generate::value(&mut Draw::new(words));
        exercise(&print(&value)).map_err(failed)
    });
}
