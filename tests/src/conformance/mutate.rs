//! The mutations that recordings of parsers name.

use std::borrow::Cow;

use plan_core::base::json::{Value, print};

/// Sets or deletes the value at the path of a case.
pub fn mutate<'a>(arguments: &mut [Value<'a>], case: &Value<'a>) {
    let Some(input) = arguments.first_mut() else {
        return;
    };
    let path = case.get("path").and_then(Value::as_array);
    let path = path.unwrap_or_default();
    let Some((last, parents)) = path.split_last() else {
        if let Some(value) = case.get("set") {
            *input = value.clone();
        }
        return;
    };
    let tokens = parents
        .iter()
        .map(|token| format!("/{}", text(token).replace('~', "~0").replace('/', "~1")));
    match (
        input.pointer_mut(&tokens.collect::<String>()),
        case.get("set"),
    ) {
        (Some(Value::Object(object)), Some(value)) => {
            object.insert(text(last).into_owned(), value.clone());
        }
        (Some(Value::Object(object)), None) => {
            object.remove(&text(last));
        }
        (Some(Value::Array(items)), Some(value)) => {
            let place = text(last).parse().unwrap_or(usize::MAX);
            if let Some(item) = items.get_mut(place) {
                *item = value.clone();
            } else if place == items.len() {
                items.push(value.clone());
            }
        }
        (Some(Value::Array(items)), None) => {
            let place = text(last).parse().unwrap_or(usize::MAX);
            if place < items.len() {
                items.remove(place);
            }
        }
        _ => {}
    }
}

fn text<'v>(token: &'v Value<'_>) -> Cow<'v, str> {
    match token.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(print(token)),
    }
}
