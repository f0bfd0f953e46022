//! Fields of a JSON object, each taken once; what remains at the end is unknown.

use serde_json::{Map, Value};

/// Far above any published model, and small enough that products of two cannot overflow.
const LARGEST: u64 = 1 << 28;

pub(super) struct Fields(pub(super) Map<String, Value>);

impl Fields {
    /// A field's value; `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Accepts the field if it is absent or `wanted`.
    pub(super) fn only(&mut self, name: &str, wanted: &str) -> Result<(), String> {
        match self.take(name) {
            Some(value) if value != wanted => {
                Err(format!("{name} {value} is not supported, only {wanted:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Accepts the field if it is absent or `false`.
    pub(super) fn not(&mut self, name: &str) -> Result<(), String> {
        match self.flag(name)? {
            Some(true) => Err(format!("{name} is not supported")),
            _ => Ok(()),
        }
    }

    /// Accepts the field if it is absent.
    pub(super) fn unset(&mut self, name: &str) -> Result<(), String> {
        self.take(name)
            .map_or(Ok(()), |_| Err(format!("{name} is not supported")))
    }

    pub(super) fn optional_size(&mut self, name: &str) -> Result<Option<usize>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let size = value.as_u64().filter(|n| (1..=LARGEST).contains(n));
        size.map(|n| Some(n as usize))
            .ok_or_else(|| format!("{name} {value} is not a positive size"))
    }

    pub(super) fn size(&mut self, name: &str) -> Result<usize, String> {
        self.optional_size(name)?
            .ok_or_else(|| format!("{name} is missing"))
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        value
            .as_f64()
            .map(Some)
            .ok_or_else(|| format!("{name} {value} is not a number"))
    }

    pub(super) fn positive(&mut self, name: &str) -> Result<Option<f64>, String> {
        match self.number(name)? {
            Some(value) if !(value > 0.0 && value.is_finite()) => {
                Err(format!("{name} must be a positive number"))
            }
            value => Ok(value),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        value
            .as_bool()
            .map(Some)
            .ok_or_else(|| format!("{name} {value} is not true or false"))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(format!("{name} {value} is not a text")),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(inner)) => Ok(Some(Self(inner))),
            Some(_) => Err(format!("{name} is not an object")),
        }
    }

    /// The first field that nobody took and that is not without effect.
    pub(super) fn rest(&self, without_effect: &[&str]) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, value)| !value.is_null() && !without_effect.contains(&name.as_str()))
            .map(|(name, _)| name.as_str())
    }
}
