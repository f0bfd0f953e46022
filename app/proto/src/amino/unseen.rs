//! What a document leaves out of the messages that it is made of.

use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::{
    encode::{MAX_DEPTH, decode},
    plan::{self, Plan, Rule, Shape},
};

/// Fields of a message that its document shows as `{}` though something is in them. A message without a document has none.
pub(super) fn of(type_url: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let full_name = type_url.strip_prefix('/').unwrap_or(type_url);
    let path = full_name.rsplit('.').next().unwrap_or(full_name);
    if let Ok((plan, message)) = decode(full_name, bytes) {
        walk(plan, &message, path, 0, &mut found);
    }
    found.dedup();
    found
}

fn walk(plan: &Plan, message: &DynamicMessage, path: &str, depth: usize, found: &mut Vec<String>) {
    let depth = depth.saturating_add(1);
    if depth > MAX_DEPTH {
        return;
    }
    if plan.shape == Shape::Any {
        let part = |name: &str| message.get_field_by_name(name).map(|value| value.into_owned());
        if let (Some(Value::String(url)), Some(Value::Bytes(bytes))) = (part("type_url"), part("value"))
            && let Ok((plan, inner)) = decode(url.strip_prefix('/').unwrap_or(&url), &bytes)
        {
            walk(plan, &inner, path, depth, found);
        }
        return;
    }
    for field in plan.fields.iter().filter(|field| message.has_field(&field.field)) {
        let path = format!("{path}.{}", field.field.name());
        let value = message.get_field(&field.field);
        let inner: Vec<&DynamicMessage> = match value.as_ref() {
            Value::Message(inner) => vec![inner],
            Value::List(items) => items.iter().filter_map(Value::as_message).collect(),
            _ => continue,
        };
        for inner in inner {
            if field.rule == Rule::Unseen {
                found.extend((inner.encoded_len() > 0).then(|| path.clone()));
            } else if let Some(plan) = plan::of(inner.descriptor().full_name()) {
                walk(plan, inner, &path, depth, found);
            }
        }
    }
}
