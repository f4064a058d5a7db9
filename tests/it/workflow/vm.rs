//! Scripts of workflows in processes of their own: what a process adds, how it ends, and that
//! nothing of it stays.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use exec_native::ExecErrorKind;
use exec_native::workflow::vm::{VmHost, VmLimits};
use plan_core::base::json::{self, Value};
use plan_core::base::record::JsonText;
use plan_core::workflow::vm::{Budget, CallKind, Event, Report, Settle, Start, VmState};
use rustix::process::{Pid, Signal, kill_process};
use tests::program::callsheet;
use tests::repo::Answer;

const MEMORY: u64 = 32 << 20;

fn start_of(script: &str) -> Start {
    Start {
        script: script.to_owned(),
        statement: vec![0, 0],
        name: String::from("wf.js"),
        args: JsonText::new(&Value::Null),
        cwd: String::from("/project"),
        phases: Vec::new(),
        budget: Budget {
            total: None,
            spent: 0,
        },
        memory: MEMORY,
        fuel: 100_000,
    }
}

fn host(step: Duration) -> Answer<VmHost> {
    Ok(VmHost::spawn(callsheet()?, VmLimits { step })?)
}

fn patient() -> Answer<VmHost> {
    host(Duration::from_secs(30))
}

fn answer(call: u64, value: &Value<'_>) -> Settle {
    Settle {
        call,
        value: Some(JsonText::new(value)),
        error: None,
        spent: 0,
    }
}

fn code(report: &Report) -> &str {
    report.error.as_ref().map_or("", |error| &error.code)
}

fn pid(host: &VmHost) -> Answer<Pid> {
    Ok(Pid::from_raw(i32::try_from(host.id())?).ok_or("no process")?)
}

#[test]
fn a_script_runs_in_a_process_of_its_own() -> Answer<()> {
    let mut host = patient()?;
    let report = host.start(start_of("return [await agent('a'), typeof process.env]"))?;
    assert_eq!(report.state, VmState::Waiting);
    let [Event::Call(call)] = &*report.events else {
        return Err(format!("{:?}", report.events).into());
    };
    assert_eq!((call.kind, call.path.as_str()), (CallKind::Agent, "/0"));
    let large = Value::from("ä".repeat(2 << 20));
    let report = host.settle(answer(0, &large))?;
    assert_eq!(report.state, VmState::Done);
    let value = report.value.ok_or("no value")?;
    assert_eq!(
        json::print(&value.value()),
        json::print(&Value::Array(vec![large, "undefined".to_owned().into()]))
    );
    Ok(())
}

#[test]
fn memory_that_was_used_up_fails_the_run_whatever_the_script_does() -> Answer<()> {
    if !Path::new("/proc/self/status").exists() {
        println!("skipped: this system does not tell how much memory a process has needed");
        return Ok(());
    }
    for script in [
        "const a = []; try { for (;;) a.push({ a: a.length }) } catch { return 'went on' }",
        "try { const a = []; for (;;) a.push('x'.repeat(1000) + a.length) } catch { return 1 }",
        "try { for (let s = []; ; ) s = [s, s.length] } catch {} return 'went on'",
        "try { JSON.parse('[' + '{\"a\":1},'.repeat(1e6) + '1]') } catch {} return 'went on'",
        "const f = () => Promise.resolve().then(f); await f()",
        "const m = new Map(); try { for (;;) m.set(m.size, 'v' + m.size) } catch {} m.clear(); await agent('x')",
        "return await parallel([() => { const a = []; for (;;) a.push([a.length]) }])",
        "const p = []; try { for (;;) p.push(Promise.resolve(p.length).then((x) => x)) } catch {} p.length = 0; return 1",
    ] {
        let report = patient()?.start(start_of(script))?;
        assert_eq!(
            (report.state, code(&report)),
            (VmState::Failed, "MEMORY_LIMIT"),
            "{script}"
        );
    }
    Ok(())
}

#[test]
fn what_is_within_the_limit_is_no_failure() -> Answer<()> {
    let script = "let n = 0; for (let i = 0; i < 300; i++) { const a = Array.from({ length: 10000 }, (_, j) => ({ j })); n += a.length } return n";
    let report = patient()?.start(start_of(script))?;
    assert_eq!(report.value.ok_or("no value")?.as_str(), "3000000");
    // Large messages are not the script's memory.
    let mut host = patient()?;
    let report = host.start(start_of(
        "const kept = Array.from({ length: 200_000 }, (_, i) => 'kept ' + i);
         const answer = await agent('ä'.repeat(3e6)); return answer.length + kept.length",
    ))?;
    assert_eq!(report.state, VmState::Waiting, "{:?}", report.error);
    let report = host.settle(answer(0, &Value::from("ö".repeat(3_000_000))))?;
    assert_eq!(report.value.ok_or("no value")?.as_str(), "3200000");
    Ok(())
}

#[test]
fn a_host_that_is_killed_says_so() -> Answer<()> {
    let mut host = patient()?;
    host.start(start_of("await agent('a')"))?;
    kill_process(pid(&host)?, Signal::KILL)?;
    let error = host
        .settle(answer(0, &Value::Null))
        .err()
        .ok_or("it answered")?;
    assert_eq!(error.kind(), ExecErrorKind::Failed);
    assert_eq!(
        error.to_string(),
        "the host of the script was killed by signal 9 (SIGKILL)"
    );
    Ok(())
}

#[test]
fn a_host_that_is_killed_at_work_says_so() -> Answer<()> {
    let mut host = patient()?;
    let pid = pid(&host)?;
    let mut start = start_of("for (;;) {}");
    start.fuel = u64::from(u32::MAX);
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        kill_process(pid, Signal::KILL)
    });
    let error = host.start(start).err().ok_or("it answered")?;
    assert_eq!(
        error.to_string(),
        "the host of the script was killed by signal 9 (SIGKILL)"
    );
    killer.join().map_err(|_| "the killer failed")??;
    Ok(())
}

#[test]
fn a_step_that_takes_too_long_is_ended() -> Answer<()> {
    let mut host = host(Duration::from_millis(300))?;
    let mut start = start_of("for (;;) {}");
    start.fuel = u64::from(u32::MAX);
    let report = host.start(start)?;
    assert_eq!(
        (report.state, code(&report)),
        (VmState::Failed, "STEP_TIMEOUT")
    );
    assert!(!is_alive(&host), "it still works");
    Ok(())
}

#[test]
fn a_host_that_hangs_before_it_reads_is_ended() -> Answer<()> {
    let mut host = host(Duration::from_millis(500))?;
    kill_process(pid(&host)?, Signal::STOP)?;
    // More than a pipe holds.
    let report = host.start(start_of(&format!("return 1 // {}", "x".repeat(4 << 20))))?;
    assert_eq!(code(&report), "STEP_TIMEOUT");
    Ok(())
}

#[test]
fn a_wrong_answer_ends_the_host() -> Answer<()> {
    let mut host = patient()?;
    host.start(start_of("await agent('a')"))?;
    let error = host
        .settle(answer(5, &Value::Null))
        .err()
        .ok_or("it answered")?;
    assert_eq!(
        error.to_string(),
        "the host of the script ended with code 70"
    );
    Ok(())
}

#[test]
fn fuel_is_the_same_in_every_process() -> Answer<()> {
    let script = "let n = 0; for (let i = 0; i < 1e6; i++) n += i; return n";
    let mut used = Vec::new();
    for _ in 0..3 {
        used.push(patient()?.start(start_of(script))?.fuel);
    }
    assert!(used[0] > 50, "{used:?}");
    assert_eq!(used, vec![used[0]; 3]);
    Ok(())
}

#[test]
fn a_host_ends_with_whoever_talks_to_it() -> Answer<()> {
    let mut child = Command::new(callsheet()?)
        .arg("__vm-host")
        .stdin(std::process::Stdio::piped())
        .spawn()?;
    drop(child.stdin.take());
    assert!(child.wait()?.success());
    let host = patient()?;
    let id = host.id();
    drop(host);
    assert!(!Path::new(&format!("/proc/{id}")).exists());
    Ok(())
}

fn is_alive(host: &VmHost) -> bool {
    Path::new(&format!("/proc/{}", host.id())).exists()
}
