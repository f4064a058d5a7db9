//! What a script is given on the command line.

use clap::Args;
use plan_core::base::json::{self, Value};
use plan_core::workflow::vm::JsonText;

use crate::error::{ExecError, ExecErrorKind};
use crate::workflow::library::given;
use crate::workflow::script::Script;

/// What a script is given.
#[derive(Debug, Args)]
pub(super) struct GivenArgs {
    /// What the script is given, as JSON.
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    /// A single argument, which goes over --args; may be repeated, also for the items of a list.
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    named: Vec<String>,
}

impl GivenArgs {
    /// Tells whether nothing was said.
    pub(super) const fn is_empty(&self) -> bool {
        self.args.is_none() && self.named.is_empty()
    }

    /// Checks what a script is given, and completes it.
    pub(super) fn settle(&self, script: &Script) -> Result<JsonText, ExecError> {
        self.settle_over(script, &JsonText::default())
    }

    /// As [`GivenArgs::settle`], over what it was given before.
    pub(super) fn settle_over(
        &self,
        script: &Script,
        before: &JsonText,
    ) -> Result<JsonText, ExecError> {
        let whole = match &self.args {
            None => before.value().to_owned_value(),
            Some(text) => json::read(text)
                .map(|value| value.to_owned_value())
                .map_err(|error| {
                    let message = format!("--args is no JSON: {error}");
                    let error = ExecError::new(ExecErrorKind::Usage, message);
                    error.hint("for a text: --args '\"the text\"'")
                })?,
        };
        given(script, &whole, &self.named()?)
    }

    fn named(&self) -> Result<Vec<(String, String)>, ExecError> {
        let one = |text: &String| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => {
                let message = format!("--arg {text}: must be NAME=VALUE");
                Err(ExecError::new(ExecErrorKind::Usage, message))
            }
        };
        self.named.iter().map(one).collect()
    }
}

/// What a value looks like where people read it: a text as it is.
pub(super) fn shown(value: &Value<'_>) -> String {
    match value.as_str() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => json::print(value),
    }
}
