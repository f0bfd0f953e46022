//! What the queries of the chain's own contracts share: pages, and one answer in two formats.

use quern_interface::DEFAULT_PAGE;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Failure, Result,
    output::Format,
    system::{Asker, System, read},
};

/// Which part of a list to show.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ListFlags {
    /// Most entries, up to 100 [default: 30]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// The last entry of the page before
    #[arg(long, value_name = "ENTRY")]
    start_after: Option<String>,
}

impl ListFlags {
    pub(super) fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Where the page begins, in a list by name or address.
    pub(super) fn after(&self) -> Option<String> {
        self.start_after.clone()
    }

    /// Where the page begins, in a list by number.
    pub(super) fn after_number(&self) -> Result<Option<u64>> {
        let parse = |text: &String| {
            text.parse()
                .map_err(|_| Failure::Usage(format!("--start-after {text:?}: this list goes by numbers")))
        };
        self.start_after.as_ref().map(parse).transpose()
    }

    /// A full page's hint at the next one.
    pub(super) fn more(&self, shown: usize, last: Option<impl ToString>) -> String {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE);
        match last {
            Some(last) if usize::try_from(limit).is_ok_and(|limit| shown >= limit) => {
                format!("\nmore may follow: --start-after {}", last.to_string())
            }
            _ => String::new(),
        }
    }
}

/// Asks a contract; JSON is its answer untouched, text is what `view` makes of it.
pub(super) async fn show<A: DeserializeOwned>(
    asker: &Asker<'_>,
    format: Format,
    of: System,
    question: &impl Serialize,
    view: impl FnOnce(A) -> String,
) -> Result<String> {
    let answer = asker.raw(of, question).await?;
    match format {
        Format::Json => Ok(answer),
        Format::Text => Ok(view(read(of, &answer)?)),
    }
}

/// A value of few words as the contract writes it: `running`, or `score 1000000`.
pub(super) fn word(value: &impl Serialize) -> String {
    use serde_json::Value;
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word.replace('_', " "),
        Ok(Value::Object(parts)) => {
            let parts = parts.iter().map(|(name, part)| match part {
                Value::String(part) => format!("{name} {part}"),
                part => format!("{name} {part}"),
            });
            parts.collect::<Vec<_>>().join(", ")
        }
        Ok(other) => other.to_string(),
        Err(_) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_words_are_shown_without_their_syntax() {
        use quern_interface::audits::{Phase, Verdict};
        use quern_interface::rewards;
        assert_eq!(word(&Phase::Collect), "collect");
        assert_eq!(word(&Verdict::Missing), "missing");
        assert_eq!(word(&rewards::Phase::Burns), "burns");
        assert_eq!(word(&std::collections::BTreeMap::from([("score", 7)])), "score 7");
    }

    #[test]
    fn a_full_page_says_how_to_go_on() {
        let flags = ListFlags {
            limit: Some(2),
            start_after: Some("x".into()),
        };
        assert_eq!(flags.more(2, Some("b")), "\nmore may follow: --start-after b");
        assert_eq!(flags.more(1, Some("b")), "");
        assert!(flags.after_number().is_err());
        assert_eq!(ListFlags::default().more(0, None::<u64>), "");
    }
}
