//! Parameters of sampling, by what they do to an output.

use super::ask::{Answer, Asker};
use crate::capabilities::Capabilities;
use crate::error::UpstreamError;
use serde_json::{Value, json};

pub(super) async fn sampling(
    asker: &mut Asker<'_>,
    capabilities: &mut Capabilities,
    greedy: &str,
) -> Result<(), UpstreamError> {
    let mut drawn = Vec::new();
    for seed in [1, 1, 2, 3] {
        drawn.push(text(asker, json!({"temperature": 1, "seed": seed})).await?);
    }
    if let [Some(one), Some(again), Some(two), Some(three)] = drawn.as_slice() {
        capabilities.seed = one == again && (one != two || one != three);
    }
    // Hot enough that an engine without the filter would hardly write the greedy text.
    for (name, value) in [("top_k", 1), ("min_p", 1)] {
        let mut more = json!({"temperature": 1.8, "seed": 4});
        more[name] = value.into();
        let seen = !greedy.is_empty() && text(asker, more).await?.as_deref() == Some(greedy);
        match name {
            "top_k" => capabilities.top_k = seen,
            _ => capabilities.min_p = seen,
        }
    }
    if let Some(stop) = piece(greedy) {
        let cut = text(asker, json!({"stop": [stop]})).await?;
        capabilities.stop = cut.is_some_and(|cut| cut.trim_end() == before(greedy, stop).trim_end());
    }
    let two = asker.ask(json!({"n": 2, "temperature": 1})).await?;
    let count = |answer: &Answer| answer.raw.choices.as_ref().map_or(0, Vec::len);
    capabilities.choices = two.as_ref().map_or(0, count) == 2;
    Ok(())
}

async fn text(asker: &mut Asker<'_>, more: Value) -> Result<Option<String>, UpstreamError> {
    Ok(asker.ask(more).await?.map(|answer| answer.text))
}

/// Three letters from the middle of a text, or where these stand at its beginning already, the next that do not: greedy
/// texts repeat themselves.
fn piece(text: &str) -> Option<&str> {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let mut order = starts.clone();
    order.rotate_left(starts.len() / 2);
    let pieces = order.into_iter().filter_map(|at| {
        let rest = text.get(at..)?;
        let end = rest.char_indices().nth(3).map_or(rest.len(), |(end, _)| end);
        rest.get(..end)
    });
    pieces
        .filter(|piece| !piece.trim().is_empty())
        .find(|piece| !before(text, piece).trim().is_empty())
}

fn before<'a>(text: &'a str, piece: &str) -> &'a str {
    text.split(piece).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_its_beginning_has_a_piece_that_ends_it_elsewhere() {
        for (text, wanted) in [
            (" a man of a man, a man of a man,", Some(" ma")),
            (" red green blue", Some("een")),
            (" red red red red", Some("ed ")),
            ("ääääöääää", Some("öää")),
            (" a a a a", None),
            ("\n\n\n\n", None),
            ("", None),
        ] {
            assert_eq!(piece(text), wanted, "{text:?}");
        }
    }
}
