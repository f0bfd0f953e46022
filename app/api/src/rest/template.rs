//! Path templates of `google.api.http`: `/a/{name}/b`, `/a/{name=**}`.

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

/// One part between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Word(String),
    One(String),
    Rest(String),
}

impl Template {
    /// Reads a template; `None` for a form that no method here has.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts = text.strip_prefix('/')?.split('/').map(|part| {
            let Some(variable) = part.strip_prefix('{') else {
                let plain = !part.is_empty() && !part.contains(['{', '}', '*', ':']);
                return plain.then(|| Part::Word(part.to_owned()));
            };
            let variable = variable.strip_suffix('}')?;
            match variable.split_once('=') {
                None | Some((_, "*")) => Some(Part::One(variable.trim_end_matches("=*").to_owned())),
                Some((name, "**")) => Some(Part::Rest(name.to_owned())),
                Some(_) => None,
            }
        });
        Some(Self {
            parts: parts.collect::<Option<_>>()?,
        })
    }

    /// What it matches, whatever its variables are called. The order is that of matching: words before
    /// variables.
    pub(crate) fn shape(&self) -> Vec<(u8, &str)> {
        let mut shape = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            shape.push(match part {
                Part::Word(word) => (0, word.as_str()),
                Part::One(_) => (1, ""),
                Part::Rest(_) => (2, ""),
            });
        }
        shape
    }

    /// Names of its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Word(_) => None,
            Part::One(name) | Part::Rest(name) => Some(name.as_str()),
        })
    }

    /// The path as OpenAPI writes it.
    pub(crate) fn open_api(&self) -> String {
        let part = |part: &Part| match part {
            Part::Word(word) => format!("/{word}"),
            Part::One(name) | Part::Rest(name) => format!("/{{{name}}}"),
        };
        self.parts.iter().map(part).collect()
    }

    /// Its variables' values in a path, or `None` if the path is another's.
    pub(crate) fn matches(&self, path: &[&str]) -> Option<Vec<(&str, String)>> {
        let mut values = Vec::new();
        let mut at = 0;
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Word(word) => {
                    if path.get(at) != Some(&word.as_str()) {
                        return None;
                    }
                    at += 1;
                }
                Part::One(name) => {
                    values.push((name.as_str(), (*path.get(at)?).to_owned()));
                    at += 1;
                }
                Part::Rest(name) => {
                    let after = self.parts.len() - index - 1;
                    let end = path.len().checked_sub(after).filter(|end| *end >= at)?;
                    values.push((name.as_str(), path.get(at..end)?.join("/")));
                    at = end;
                }
            }
        }
        (at == path.len()).then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    fn values(template: &str, path: &str) -> Option<Vec<String>> {
        let parts: Vec<_> = path.split('/').collect();
        let template = Template::parse(template).unwrap();
        Some(
            template
                .matches(&parts)?
                .into_iter()
                .map(|(_, value)| value)
                .collect(),
        )
    }

    #[test]
    fn variables_take_one_part_or_the_rest() {
        assert_eq!(values("/a/{b}/c", "a/x/c"), Some(vec!["x".to_owned()]));
        assert_eq!(values("/a/{b}/c", "a/x"), None);
        assert_eq!(values("/a/{b}", "a/x/y"), None);
        assert_eq!(values("/a/{b=**}", "a/x/y"), Some(vec!["x/y".to_owned()]));
        assert_eq!(values("/a/{b=**}/c", "a/x/y/c"), Some(vec!["x/y".to_owned()]));
        assert_eq!(values("/a/{b=*}", "a/x:y"), Some(vec!["x:y".to_owned()]));
    }

    #[test]
    fn other_forms_are_not_read() {
        for text in ["a", "/a//b", "/a/{b", "/a/{b=c/*}", "/a:verb", "/a/*"] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }
}
