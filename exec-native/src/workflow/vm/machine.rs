//! A script in an engine of its own, run step by step. The same script with the same answers
//! in the same order does the same things: there is no clock, no chance and no thread here.

use std::fmt;
use std::rc::Rc;

use plan_core::base::json;
use plan_core::workflow::vm::{
    Event, JsonText, Report, Settle, Start, VmError, VmState, Warning, code,
};
use rquickjs::context::intrinsic;
use rquickjs::{Context, Ctx, Persistent, Runtime, Value};

use super::guest::{Guest, Kept, prepare};
use super::shared::{Outcome, Shared};
use crate::error::{ExecError, ExecErrorKind};

/// How deep the functions of a script may call one another, in bytes of our stack.
const STACK_BYTES: usize = 1 << 20;
/// The engine itself and its built-ins need some of it.
const LEAST_MEMORY: u64 = 4 << 20;

/// Tells by how much the process has grown at most since the script began, where that is
/// known.
pub type Gauge = Box<dyn FnMut() -> Option<u64>>;

/// What scripts are given of the language. There are no weak references: when memory is
/// cleared away is nobody's business.
type Language = (
    intrinsic::Eval,
    intrinsic::Date,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// A script that runs.
pub struct Machine {
    // The order matters: values go before the context that they live in, and the context
    // before the engine, which ends the process when something is left.
    guest: Guest,
    context: Context,
    runtime: Runtime,
    shared: Rc<Shared>,
    ended: bool,
    steps: u64,
}

impl fmt::Debug for Machine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Machine")
            .field("ended", &self.ended)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // These are values too, and the engine's callbacks share them.
        self.shared.rejections.borrow_mut().clear();
    }
}

impl Machine {
    /// Starts a script and runs it until it waits.
    ///
    /// # Errors
    /// The engine cannot be made, or the memory is too little for it. What is wrong with the
    /// script is in the report.
    pub fn start(start: &Start, gauge: Gauge) -> Result<(Self, Report), ExecError> {
        if start.memory < LEAST_MEMORY {
            let message = format!("a script needs at least {LEAST_MEMORY} bytes of memory");
            return Err(ExecError::new(ExecErrorKind::Usage, message));
        }
        let shared = Rc::new(Shared::new(start.fuel, start.memory, gauge));
        let (guest, context, runtime) = engine(start, &shared).map_err(|error| {
            let message = format!("the script engine cannot be made: {error}");
            ExecError::new(ExecErrorKind::Internal, message)
        })?;
        let mut machine = Self {
            guest,
            context,
            runtime,
            shared,
            ended: false,
            steps: 0,
        };
        let script = json::print(start);
        machine.enter(|guest| &guest.begin, (script,));
        let report = machine.run();
        Ok((machine, report))
    }

    /// Settles a call and runs the script until it waits again.
    ///
    /// # Errors
    /// There is no such call, it is settled already, or the script has ended.
    pub fn settle(&mut self, settle: &Settle) -> Result<Report, ExecError> {
        let id = settle.call;
        let refuse = |why: &str| {
            let message = format!("call {id} of the script cannot be settled: {why}");
            ExecError::new(ExecErrorKind::Internal, message)
        };
        if self.ended {
            return Err(refuse("the script has ended"));
        }
        let text = match (&settle.error, &settle.value) {
            (Some(error), _) => json::print(error),
            (None, Some(value)) => value.as_str().to_owned(),
            (None, None) => String::from("null"),
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "JavaScript's numbers are doubles"
        )]
        let (number, spent) = (id as f64, settle.spent as f64);
        let arguments = (number, settle.error.is_none(), text, spent);
        match self.enter(|guest| &guest.settle, arguments) {
            Some(false) => return Err(refuse("there is no such call, or it is settled")),
            _ => self
                .shared
                .open
                .set(self.shared.open.get().saturating_sub(1)),
        }
        Ok(self.run())
    }

    /// Calls a function of the prelude; `None` when it did not come back in an orderly way.
    fn enter<A>(&self, which: impl Fn(&Guest) -> &Kept, arguments: A) -> Option<bool>
    where
        A: for<'js> rquickjs::function::IntoArgs<'js>,
    {
        self.context.with(|ctx| {
            let called = which(&self.guest).clone().restore(&ctx);
            let answer = called.and_then(|function| function.call::<_, Value<'_>>(arguments));
            match answer {
                Ok(value) => value.as_bool(),
                Err(_) => {
                    self.broken(&ctx);
                    None
                }
            }
        })
    }

    /// Notes why the engine gave up: fuel, memory, or our own mistake.
    fn broken(&self, ctx: &Ctx<'_>) {
        let error = ctx.catch();
        // Where a script stood is worth knowing; that it is stopped is known already.
        let describe = self.guest.describe.clone().restore(ctx);
        let fallback = if self.shared.is_exhausted() {
            code::FUEL_EXHAUSTED
        } else {
            // Nothing else breaks the prelude than memory that is refused.
            self.shared.starve();
            code::MEMORY_LIMIT
        };
        let text = describe.and_then(|function| function.call::<_, String>((error, fallback)));
        if text.is_err() {
            ctx.catch();
        }
        self.shared.fail(&text.unwrap_or_default(), fallback);
    }

    /// Runs until there is nothing to do.
    fn run(&mut self) -> Report {
        while !self.shared.is_stopped() {
            match self.runtime.execute_pending_job() {
                Ok(true) => self.shared.job(),
                Ok(false) => {
                    if self.enter(|guest| &guest.turn, ()) != Some(true) {
                        break;
                    }
                }
                Err(exception) => exception.0.with(|ctx| self.broken(&ctx)),
            }
        }
        self.report()
    }

    fn report(&mut self) -> Report {
        let before = self.steps;
        self.steps += 1;
        let open = self.shared.open.get();
        let is_over = self.shared.outcome.borrow().is_some() || open == 0;
        if is_over || before % 16 == 0 || self.shared.is_stopped() {
            self.shared.look_at_memory();
        }
        let outcome = self.shared.outcome.borrow_mut().take();
        let (state, value, error) = if self.shared.is_stopped() {
            (VmState::Failed, None, Some(self.limit(outcome)))
        } else {
            match outcome {
                Some(Outcome::Done(value)) => (VmState::Done, Some(value), None),
                Some(Outcome::Failed(error)) => (VmState::Failed, None, Some(error)),
                None if open > 0 => (VmState::Waiting, None, None),
                None => (VmState::Deadlock, None, Some(deadlock())),
            }
        };
        self.ended = state != VmState::Waiting;
        let mut events = self.shared.events.take();
        if self.ended {
            let unheard = self.shared.rejections.take().into_iter();
            events.extend(unheard.map(|(_, reason)| {
                let message = format!("a rejected promise was never awaited: {reason}");
                Event::Warning(Warning { message })
            }));
        }
        Report {
            events,
            state,
            value,
            error,
            fuel: self.shared.used(),
        }
    }

    /// Says which limit a script ran into, and where if that is known.
    fn limit(&self, outcome: Option<Outcome>) -> VmError {
        let (code, message) = if self.shared.is_starved() {
            let most = self.shared.memory();
            (
                code::MEMORY_LIMIT,
                format!("the script needed more than its {most} bytes of memory"),
            )
        } else {
            (
                code::FUEL_EXHAUSTED,
                String::from("the script worked for too long without a call"),
            )
        };
        let place = match outcome {
            Some(Outcome::Failed(error)) => Some(error),
            _ => None,
        };
        VmError {
            code: code.to_owned(),
            message,
            line: place.as_ref().and_then(|error| error.line),
            column: place.as_ref().and_then(|error| error.column),
            stack: place.and_then(|error| error.stack),
        }
    }
}

fn deadlock() -> VmError {
    VmError {
        code: code::DEADLOCK.to_owned(),
        message: String::from("the script waits for a promise that nothing can settle"),
        line: None,
        column: None,
        stack: None,
    }
}

/// Makes an engine with everything that a script finds.
fn engine(
    start: &Start,
    shared: &Rc<Shared>,
) -> Result<(Guest, Context, Runtime), rquickjs::Error> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(usize::try_from(start.memory).unwrap_or(usize::MAX));
    runtime.set_max_stack_size(STACK_BYTES);
    let noted = Rc::clone(shared);
    runtime.set_interrupt_handler(Some(Box::new(move || noted.tick())));
    let context = Context::custom::<Language>(&runtime)?;
    let guest = context.with(|ctx| prepare(&ctx, start, shared))?;
    let noted = Rc::clone(shared);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(
        move |ctx, promise, reason, is_handled| {
            let promise = Persistent::save(&ctx, promise);
            let mut unheard = noted.rejections.borrow_mut();
            if is_handled {
                unheard.retain(|(other, _)| *other != promise);
            } else {
                unheard.push((promise, reason_of(&reason)));
            }
        },
    )));
    Ok((guest, context, runtime))
}

/// The message of what a promise was rejected with.
fn reason_of(reason: &Value<'_>) -> String {
    let message = reason
        .as_object()
        .and_then(|object| object.get("message").ok());
    let text = message.or_else(|| reason.as_string().and_then(|text| text.to_string().ok()));
    text.unwrap_or_else(|| String::from(reason.type_name()))
}

/// A gauge for hosts that share their process with others.
pub fn no_gauge() -> Gauge {
    Box::new(|| None)
}

/// Makes the answer that gives a call a value.
pub fn value(call: u64, value: JsonText, spent: u64) -> Settle {
    Settle {
        call,
        value: Some(value),
        error: None,
        spent,
    }
}
