//! Which worker served a conversation last: it may have the prompt's beginning cached.

use quern_inference_api::{Input, Request};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// Conversations that are remembered.
const MOST: usize = 16_384;
/// Bytes of a text, and tokens, that tell a conversation from others where nothing else does.
const BEGINNING: usize = 256;

/// Names a conversation of a holder.
pub(crate) type Key = [u8; 32];

/// A request's conversation: what the client calls it, else how it begins. Nobody shares one with another holder, who
/// finds nothing cached there anyway.
pub(crate) fn key(part: &str, request: &Request) -> Key {
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    field(part.as_bytes());
    field(request.model.as_bytes());
    match (&request.conversation, &request.input) {
        (Some(name), _) => {
            field(b"name");
            field(name.as_bytes());
        }
        (None, Input::Chat(messages)) => {
            field(b"chat");
            for message in messages {
                field(message.role.as_bytes());
                field(message.content.as_bytes());
                // Later turns begin with the same ones.
                if message.role == "user" {
                    break;
                }
            }
        }
        (None, Input::Text(text)) => {
            field(b"text");
            field(text.as_bytes().get(..BEGINNING).unwrap_or(text.as_bytes()));
        }
        (None, Input::Tokens(tokens)) => {
            field(b"tokens");
            for token in tokens.iter().take(BEGINNING) {
                field(&token.to_be_bytes());
            }
        }
    }
    hash.finalize().into()
}

/// The last worker of each conversation, as long as it is among the latest.
#[derive(Debug, Default)]
pub(crate) struct Affinity(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Worker, and when it was noted.
    at: HashMap<Key, (usize, u64)>,
    by_age: BTreeMap<u64, Key>,
    next: u64,
}

impl Affinity {
    pub(crate) fn last(&self, key: &Key) -> Option<usize> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.at.get(key).map(|(worker, _)| *worker)
    }

    pub(crate) fn note(&self, key: Key, worker: usize) {
        let known = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = known.next;
        known.next += 1;
        if let Some((_, before)) = known.at.insert(key, (worker, now)) {
            known.by_age.remove(&before);
        }
        known.by_age.insert(now, key);
        if known.at.len() > MOST
            && let Some((_, oldest)) = known.by_age.pop_first()
        {
            known.at.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_inference_api::Endpoint;
    use serde_json::{Value, json};

    fn chat(more: Value, messages: &[(&str, &str)]) -> Request {
        let message = |(role, content): &(&str, &str)| json!({"role": role, "content": content});
        let messages: Vec<Value> = messages.iter().map(message).collect();
        let mut body = json!({"model": "m", "messages": messages});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Request::parse(Endpoint::Chat, body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_turns_of_a_conversation_have_one_key_and_others_have_others() {
        let first = [("system", "s"), ("user", "a")];
        let second = [&first[..], &[("assistant", "b"), ("user", "c")]].concat();
        let of = |holder: &str, more: Value, messages: &[_]| key(holder, &chat(more, messages));
        assert_eq!(of("ann", json!({}), &first), of("ann", json!({}), &second));
        let named = |name: &str| of("ann", json!({"session_id": name}), &first);
        assert_eq!(
            named("x"),
            of("ann", json!({"prompt_cache_key": "x"}), &second[2..])
        );
        let all = [
            of("ann", json!({}), &first),
            of("bob", json!({}), &first),
            of("ann", json!({}), &[("system", "s"), ("user", "b")]),
            of("ann", json!({}), &[("system", "sa"), ("user", "")]),
            named("x"),
            named("y"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{index}");
        }
    }

    #[test]
    fn the_latest_conversations_are_remembered_and_no_others() {
        let (affinity, key) = (Affinity::default(), |n: usize| -> Key {
            Sha256::digest(n.to_be_bytes()).into()
        });
        for n in 0..3 * MOST {
            affinity.note(key(n), n);
            affinity.note(key(0), n);
        }
        assert_eq!(affinity.last(&key(0)), Some(3 * MOST - 1));
        assert_eq!(affinity.last(&key(2 * MOST + 1)), Some(2 * MOST + 1));
        assert_eq!(affinity.last(&key(2 * MOST)), None);
        let known = affinity.0.lock().unwrap();
        assert_eq!((known.at.len(), known.by_age.len()), (MOST, MOST));
    }
}
