//! What checking anything against a schema takes at most: its size with all that it refers to written out.

use serde_json::Value;
use std::collections::BTreeSet;

/// Most values of one schema with all that it refers to.
const MAX_EXPANDED: usize = 20_000;
/// Most values of the schemas of one request, those of whatever they refer to counted by themselves, too.
const MAX_ALL: usize = 200_000;
/// Most levels of one schema, those of what it refers to included: it is gone through in one recursion.
const MAX_LEVELS: usize = 128;
/// Most bytes of the schemas of one request.
const MAX_BYTES: usize = 1024 * 1024;
/// Most different patterns of the schemas of one request.
const MAX_PATTERNS: usize = 64;

/// Most bytes of a pattern or a reference.
const MAX_WRITTEN: usize = 4096;

/// What the schemas of a request have come to so far.
#[derive(Default)]
pub(super) struct Survey {
    bytes: usize,
    values: usize,
    patterns: BTreeSet<String>,
}

impl Survey {
    /// The size of one more schema: the values of it and of all that it refers to, each with what that leads to.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(super) fn size(&mut self, schema: &Value) -> Result<usize, String> {
        self.bytes = self.bytes.saturating_add(schema.to_string().len());
        if self.bytes > MAX_BYTES {
            return Err(format!(
                "all strict schemas together have more than {MAX_BYTES} bytes"
            ));
        }
        let before = self.values;
        let mut targets = vec![schema];
        let mut next = 0;
        // Of schemas that refer to each other each is a beginning: from another one it may be longer.
        while let Some(start) = targets.get(next).copied() {
            next += 1;
            let mut walk = Walk {
                all: self,
                root: schema,
                path: vec![(start, 0)],
                descents: 0,
                values: 0,
                targets: &mut targets,
            };
            walk.schema(start, 0)?;
        }
        Ok(self.values - before)
    }
}

/// One way through a schema, in which nothing is entered twice.
struct Walk<'a, 'b> {
    all: &'b mut Survey,
    root: &'a Value,
    /// What was referred to on the way here, each with the descents into the instance before it.
    path: Vec<(&'a Value, usize)>,
    descents: usize,
    values: usize,
    /// All that is referred to.
    targets: &'b mut Vec<&'a Value>,
}

impl<'a> Walk<'a, '_> {
    fn count(&mut self, level: usize) -> Result<(), String> {
        self.values += 1;
        self.all.values += 1;
        if self.values > MAX_EXPANDED {
            return Err(format!(
                "with all that it refers to it has more than {MAX_EXPANDED} values"
            ));
        }
        if self.all.values > MAX_ALL {
            return Err(format!(
                "with all that they refer to, strict schemas have more than {MAX_ALL} values together"
            ));
        }
        match level > MAX_LEVELS {
            true => Err(format!(
                "with all that it refers to it is nested more than {MAX_LEVELS} levels deep"
            )),
            false => Ok(()),
        }
    }

    /// A schema of the same part of the instance, or a list of such.
    fn schema(&mut self, value: &'a Value, level: usize) -> Result<(), String> {
        self.count(level)?;
        let fields = match value {
            Value::Array(items) => return items.iter().try_for_each(|item| self.schema(item, level + 1)),
            Value::Object(fields) => fields,
            _ => return Ok(()),
        };
        for (name, inner) in fields {
            match (name.as_str(), inner) {
                // Nothing is held to them but through references.
                ("$defs" | "definitions", Value::Object(_)) => {}
                ("const" | "enum" | "default" | "examples", _) => self.data(inner, level + 1)?,
                ("$ref", Value::String(target)) => self.target(target, level + 1)?,
                // They take several looks at each schema that they stand in, or lead to where nobody can tell.
                ("$dynamicRef" | "$recursiveRef" | "unevaluatedProperties" | "unevaluatedItems", inner)
                    if !inner.is_null() =>
                {
                    return Err(format!("'{name}' is not supported in strict tools"));
                }
                ("$id" | "id" | "$schema", Value::String(_)) if !std::ptr::eq(value, self.root) => {
                    return Err(format!("'{name}' is taken at its top only"));
                }
                ("pattern", Value::String(pattern)) => {
                    self.count(level)?;
                    self.pattern(pattern)?;
                }
                ("properties" | "patternProperties", Value::Object(named)) => {
                    for (key, inner) in named {
                        if name == "patternProperties" {
                            self.pattern(key)?;
                        }
                        self.descend(inner, level + 2)?;
                    }
                }
                ("dependentSchemas" | "dependencies", Value::Object(named)) => {
                    named
                        .values()
                        .try_for_each(|inner| self.schema(inner, level + 2))?;
                }
                (
                    "items"
                    | "prefixItems"
                    | "additionalItems"
                    | "contains"
                    | "additionalProperties"
                    | "propertyNames",
                    _,
                ) => self.descend(inner, level + 1)?,
                _ => self.schema(inner, level + 1)?,
            }
        }
        Ok(())
    }

    /// A schema of something within the instance.
    fn descend(&mut self, value: &'a Value, level: usize) -> Result<(), String> {
        self.descents += 1;
        let walked = self.schema(value, level);
        self.descents -= 1;
        walked
    }

    /// Values that are none but themselves.
    fn data(&mut self, value: &Value, level: usize) -> Result<(), String> {
        self.count(level)?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.data(item, level + 1)),
            Value::Object(fields) => fields.values().try_for_each(|item| self.data(item, level + 1)),
            _ => Ok(()),
        }
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), String> {
        if pattern.len() > MAX_WRITTEN {
            return Err(format!("it has a pattern of more than {MAX_WRITTEN} bytes"));
        }
        if !self.all.patterns.contains(pattern) {
            self.all.patterns.insert(pattern.to_owned());
        }
        match self.all.patterns.len() > MAX_PATTERNS {
            true => Err(format!(
                "strict schemas have more than {MAX_PATTERNS} different patterns together"
            )),
            false => Ok(()),
        }
    }

    fn target(&mut self, written: &str, level: usize) -> Result<(), String> {
        self.count(level)?;
        let pointer = written.strip_prefix('#');
        let pointer = pointer.filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        if written.len() > MAX_WRITTEN {
            return Err(format!("it has a '$ref' of more than {MAX_WRITTEN} bytes"));
        }
        let pointer = pointer.ok_or("a '$ref' must lead into the schema itself, as '#/$defs/name' does")?;
        let found = decoded(pointer).and_then(|pointer| self.root.pointer(&pointer));
        let found = found.ok_or_else(|| format!("its '$ref' {written:.80?} leads nowhere"))?;
        let same = |(other, _): &&(&'a Value, usize)| std::ptr::eq(*other, found);
        if let Some((_, descents)) = self.path.iter().find(same) {
            // Further down in the instance it begins anew.
            return match *descents == self.descents {
                true => Err(format!("its '$ref' {written:.80?} leads back to where it is")),
                false => Ok(()),
            };
        }
        if !self.targets.iter().any(|other| std::ptr::eq(*other, found)) {
            self.targets.push(found);
        }
        self.path.push((found, self.descents));
        let walked = self.schema(found, level + 1);
        self.path.pop();
        walked
    }
}

/// A pointer as it is after percent-encoding is undone.
fn decoded(pointer: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after.get(2..)?;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn size(schema: &Value) -> Result<usize, String> {
        Survey::default().size(schema)
    }

    fn defs(names: &[usize], of: impl Fn(usize) -> Value) -> Value {
        let defs = names.iter().map(|at| (format!("a{at}"), of(*at)));
        json!({"type": "object", "$ref": "#/$defs/a0", "$defs": Value::Object(defs.collect())})
    }

    fn to(at: usize) -> Value {
        json!({"$ref": format!("#/$defs/a{at}")})
    }

    #[test]
    fn what_a_schema_refers_to_counts_as_often_as_it_does() {
        let refused = |schema: &Value| size(schema).unwrap_err();
        let names: Vec<usize> = (0..=20).collect();
        let bomb = |at: usize| match at {
            20 => json!({"const": 1}),
            at => json!({"anyOf": [to(at + 1), to(at + 1)]}),
        };
        assert!(refused(&defs(&names, bomb)).contains("20000 values"));
        // Also where it looks short from its far end, and leads back from there.
        let both = |at: usize| {
            let on = json!({"anyOf": [to((at + 1).min(20)), to((at + 1).min(20))]});
            json!({"properties": {"x": on, "y": to(at.saturating_sub(1))}})
        };
        for start in [0, 20] {
            let mut schema = defs(&names, both);
            schema["$ref"] = json!(format!("#/$defs/a{start}"));
            assert!(refused(&schema).contains("20000 values"));
        }
        let chain = |at: usize| match at {
            199 => json!({}),
            at => json!({"allOf": [to(at + 1)]}),
        };
        let names: Vec<usize> = (0..200).collect();
        assert!(refused(&defs(&names, chain)).contains("levels deep"));
        for at_once in [json!({"$ref": "#"}), json!({"anyOf": [{"not": {"$ref": "#"}}]})] {
            assert!(refused(&at_once).contains("leads back"));
        }
    }

    #[test]
    fn schemas_as_clients_send_them_are_small() {
        let node = json!({"type": "object", "properties": {"word": {"type": "string", "pattern": "^a"},
            "left": {"anyOf": [{"$ref": "#/$defs/a node"}, {"type": "null"}]},
            "right": {"anyOf": [{"$ref": "#/$defs/a%20node"}, {"type": "null"}]},
            "more": {"type": "array", "items": {"$ref": "#"}}}});
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {"tree": {"$ref": "#/$defs/a%20node"}, "pattern": {"enum": [{"$ref": "x"}, 2]}},
            "$defs": {"a node": node}});
        assert!((50..500).contains(&size(&schema).unwrap()));
        // Blocks of five kinds in each other.
        let names: Vec<usize> = (0..5).collect();
        let block = |at: usize| {
            json!({"type": "object", "additionalProperties": false, "required": ["kind", "children"], "properties":
                {"kind": {"const": at}, "children": {"type": "array", "items": {"anyOf": [to(0), to(1), to(2), to(3), to(4)]}}}})
        };
        assert!(size(&defs(&names, block)).unwrap() < 100_000);
    }

    #[test]
    fn references_that_cannot_be_followed_are_refused() {
        for (schema, why) in [
            (json!({"$ref": "https://example.com/a"}), "into the schema itself"),
            (json!({"$ref": "#name"}), "into the schema itself"),
            (json!({"$ref": "#/$defs/a"}), "leads nowhere"),
            (json!({"$ref": "#/%"}), "leads nowhere"),
            (json!({"$ref": "#/%zz"}), "leads nowhere"),
            (json!({"not": {"$id": "a"}}), "at its top only"),
            (json!({"$dynamicRef": "#"}), "not supported"),
            (json!({"not": {"unevaluatedProperties": false}}), "not supported"),
        ] {
            assert!(size(&schema).unwrap_err().contains(why), "{schema}");
        }
    }

    #[test]
    fn all_schemas_of_a_request_share_one_bound() {
        let mut survey = Survey::default();
        let patterns = |from: usize| {
            json!(
                (from..from + 40)
                    .map(|at| json!({"pattern": at.to_string()}))
                    .collect::<Vec<_>>()
            )
        };
        survey.size(&json!({"anyOf": patterns(0)})).unwrap();
        survey.size(&json!({"anyOf": patterns(0)})).unwrap();
        let refused = survey.size(&json!({"anyOf": patterns(40)}));
        assert!(refused.unwrap_err().contains("64 different patterns"));
        let mut survey = Survey::default();
        let long = json!({"description": "x".repeat(MAX_BYTES / 2)});
        survey.size(&long).unwrap();
        assert!(survey.size(&long).unwrap_err().contains("bytes"));
        for long in [
            json!({"pattern": "x".repeat(5_000)}),
            json!({"$ref": "#/".repeat(2_500)}),
        ] {
            assert!(size(&long).unwrap_err().contains("4096 bytes"));
        }
        let mut survey = Survey::default();
        let many = json!({"enum": vec![1; 15_000]});
        assert_eq!((0..100).filter(|_| survey.size(&many).is_ok()).count(), 13);
    }
}
