//! Which model works on a call: the one that is nearest to the call decides.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::ledger::{Cost, Usage};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value};
use crate::base::record::{invalid, refuse_unknown};

/// How hard a model thinks, from not at all to as hard as it can.
pub const THINKING: &[&str] = &["off", "minimal", "low", "medium", "high", "xhigh", "max"];

/// The tier of calls that name none, when there are tiers at all.
const USUAL_TIER: &str = "medium";

/// What a user says of models: names for classes of them, and what they cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Models {
    tiers: Vec<(String, String)>,
    prices: Vec<(String, Price)>,
}

/// What a million tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Price {
    input: f64,
    output: f64,
    cache_read: f64,
    cache_write: f64,
}

impl Models {
    /// Reads `{"tiers": {NAME: MODEL}, "prices": {MODEL: {"input", "output", "cacheRead",
    /// "cacheWrite"}}}`; prices are for a million tokens.
    ///
    /// # Errors
    /// A diagnostic that names the field.
    pub fn read(value: &Value<'_>) -> Result<Self, Diagnostic> {
        let at = Path::root("models");
        let whole = object(Some(value), &at)?;
        refuse_unknown(whole, &["tiers", "prices"], &at)?;
        let mut models = Self::default();
        let tiers_at = at.field("tiers");
        if let Some(tiers) = whole.get("tiers") {
            for (name, model) in object(Some(tiers), &tiers_at)?.iter() {
                let field = tiers_at.field(name);
                let model = model.as_str().filter(|model| !model.trim().is_empty());
                let model = model.ok_or_else(|| invalid(&field, "must name a model"))?;
                models.set_tier(name, model);
            }
        }
        let prices_at = at.field("prices");
        if let Some(prices) = whole.get("prices") {
            for (model, price) in object(Some(prices), &prices_at)?.iter() {
                let price = Price::read(price, &prices_at.field(model))?;
                models.prices.push((model.to_string(), price));
            }
        }
        Ok(models)
    }

    /// Names a model for a tier; an earlier name is forgotten.
    pub fn set_tier(&mut self, name: &str, model: &str) {
        self.tiers.retain(|(known, _)| known != name);
        self.tiers.push((name.to_string(), model.to_string()));
    }

    /// Lays what is nearer to the project over this.
    #[must_use]
    pub fn overlaid(mut self, nearer: Self) -> Self {
        for (name, model) in &nearer.tiers {
            self.set_tier(name, model);
        }
        for (model, price) in nearer.prices {
            self.prices.retain(|(known, _)| *known != model);
            self.prices.push((model, price));
        }
        self
    }

    fn tier(&self, name: &str) -> Option<&str> {
        let found = self.tiers.iter().find(|(known, _)| known == name);
        found.map(|(_, model)| &**model)
    }

    /// Puts a price on what a call took, when nobody has said what it cost.
    pub fn price(&self, model: &str, usage: &mut Usage) {
        let found = self.prices.iter().find(|(known, _)| known == model);
        let Some((_, price)) = found.filter(|_| usage.cost == Cost::default()) else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let of = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        let sum = of(usage.input, price.input)
            + of(usage.output, price.output)
            + of(usage.cache_read, price.cache_read)
            + of(usage.cache_write, price.cache_write);
        usage.cost = Cost::of(sum).unwrap_or_default();
    }
}

fn object<'v, 'a>(
    value: Option<&'v Value<'a>>,
    at: &Path<'_>,
) -> Result<&'v Object<'a>, Diagnostic> {
    let found = value.and_then(Value::as_object);
    found.ok_or_else(|| invalid(at, "must be an object"))
}

impl Price {
    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let given = object(Some(value), at)?;
        refuse_unknown(given, &["input", "output", "cacheRead", "cacheWrite"], at)?;
        let amount = |name: &str| match given.get(name) {
            None => Ok(None),
            Some(value) => {
                let amount = value.as_number();
                let amount = amount.filter(|amount| amount.is_finite() && *amount >= 0.0);
                let problem = || invalid(&at.field(name), "must be an amount of money");
                amount.ok_or_else(problem).map(Some)
            }
        };
        let input = amount("input")?.unwrap_or(0.0);
        Ok(Self {
            input,
            output: amount("output")?.unwrap_or(0.0),
            cache_read: amount("cacheRead")?.unwrap_or(input),
            cache_write: amount("cacheWrite")?.unwrap_or(input),
        })
    }
}

/// Everything that may say which model works on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request<'r> {
    /// The call's option `model`.
    pub model: Option<&'r str>,
    /// The call's option `tier`.
    pub tier: Option<&'r str>,
    /// The call's option `thinking`.
    pub thinking: Option<&'r str>,
    /// Whether the call names its persona, whose model then goes before what follows.
    pub named: bool,
    /// The model of the call's phase.
    pub phase: Option<&'r str>,
    /// The model of the whole script.
    pub script: Option<&'r str>,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// The model; the persona's own when absent.
    pub model: Option<String>,
    /// How hard it thinks; as the persona says when absent.
    pub thinking: Option<String>,
}

/// Decides which model works on a call: the call's own, that of the persona that it names,
/// that of its tier, of its phase, of its script, of the tier `medium`, the usual persona's.
/// A model may say how hard it thinks, as in `opus:high`.
///
/// # Errors
/// There is no such tier.
pub fn route(request: &Request<'_>, models: &Models) -> Result<Route, Diagnostic> {
    let tier = |name: &str| {
        models.tier(name).ok_or_else(|| {
            let known: Vec<&str> = models.tiers.iter().map(|(name, _)| &**name).collect();
            let problem = format!("there is no model for the tier `{name}`");
            let error = Diagnostic::error(Code::WORKFLOW_SCRIPT_INVALID, problem);
            error.help(if known.is_empty() {
                format!("name one: --tier {name}=MODEL")
            } else {
                format!("known are {}", known.join(", "))
            })
        })
    };
    let model = match request {
        Request {
            model: Some(model), ..
        } => Some(*model),
        Request { named: true, .. } => None,
        Request {
            tier: Some(name), ..
        } => Some(tier(name)?),
        _ => request
            .phase
            .or(request.script)
            .or_else(|| models.tier(USUAL_TIER)),
    };
    let (model, thinking) = match model.map(split) {
        None => (None, None),
        Some((model, thinking)) => (Some(model.to_string()), thinking),
    };
    Ok(Route {
        model,
        thinking: thinking.or(request.thinking).map(String::from),
    })
}

/// Splits what a model's name says of thinking off it.
fn split(model: &str) -> (&str, Option<&str>) {
    match model.rsplit_once(':') {
        Some((name, thinking)) if THINKING.contains(&thinking) => (name, Some(thinking)),
        _ => (model, None),
    }
}

/// Returns the level of a persona's `harnessSettings.reasoning` for how hard a call wants to
/// think; personas have three.
pub fn reasoning(thinking: &str) -> &'static str {
    match thinking {
        "medium" => "medium",
        "high" | "xhigh" | "max" => "high",
        _ => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    fn models() -> Models {
        let text = r#"{"tiers": {"small": "haiku", "medium": "sonnet:low"},
            "prices": {"gpt": {"input": 2, "output": 10, "cacheRead": 0.5}}}"#;
        Models::read(&read(text).expect("JSON")).expect("models")
    }

    fn chosen(request: Request<'_>) -> String {
        match route(&request, &models()) {
            Ok(route) => format!(
                "{} {}",
                route.model.unwrap_or_default(),
                route.thinking.unwrap_or_default()
            ),
            Err(problem) => problem.message.clone(),
        }
    }

    #[test]
    fn what_is_nearest_to_the_call_decides() {
        let all = Request {
            model: Some("opus"),
            tier: Some("small"),
            thinking: Some("max"),
            named: true,
            phase: Some("phase"),
            script: Some("script"),
        };
        assert_eq!(chosen(all), "opus max");
        // The persona that the call names goes before the call's tier.
        assert_eq!(chosen(Request { model: None, ..all }), " max");
        let unnamed = Request {
            model: None,
            named: false,
            ..all
        };
        assert_eq!(chosen(unnamed), "haiku max");
        let untagged = Request {
            tier: None,
            ..unnamed
        };
        assert_eq!(chosen(untagged), "phase max");
        assert_eq!(
            chosen(Request {
                phase: None,
                ..untagged
            }),
            "script max"
        );
        let plain = Request {
            phase: None,
            script: None,
            ..untagged
        };
        // What the model says of thinking goes before what the call says.
        assert_eq!(chosen(plain), "sonnet low");
        let thinks = Request {
            model: Some("a:b:xhigh"),
            ..all
        };
        assert_eq!(chosen(thinks), "a:b xhigh");
        let unknown = Request {
            tier: Some("huge"),
            ..unnamed
        };
        assert_eq!(chosen(unknown), "there is no model for the tier `huge`");
        let none = route(&Request::default(), &Models::default()).expect("a route");
        assert_eq!(none, Route::default());
    }

    #[test]
    fn a_price_counts_where_nobody_says_the_cost() {
        let mut usage = Usage {
            input: 1_000_000,
            output: 100_000,
            cache_read: 200_000,
            cache_write: 100_000,
            ..Usage::default()
        };
        models().price("gpt", &mut usage);
        assert_eq!(usage.cost, Cost(3_300_000));
        usage.cost = Cost(5);
        models().price("gpt", &mut usage);
        assert_eq!(usage.cost, Cost(5));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |text| {
            let value = read(text).expect("JSON");
            let problem = Models::read(&value).expect_err("a problem");
            format!("{problem}")
        };
        let tiers = problem(r#"{"tiers": {"small": 3}}"#);
        assert!(
            tiers.contains("models.tiers.small must name a model"),
            "{tiers}"
        );
        let price = problem(r#"{"prices": {"m": {"input": -1}}}"#);
        assert!(price.contains("models.prices.m.input"), "{price}");
        let nearer = read(r#"{"tiers": {"small": "mini"}}"#).expect("JSON");
        let both = models().overlaid(Models::read(&nearer).expect("models"));
        assert_eq!(both.tier("small"), Some("mini"));
        assert_eq!(both.tier("medium"), Some("sonnet:low"));
    }
}
