//! Text in and out of the packaged tokenizer and of chat templates.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use proptest::prelude::*;
use quern_engine::chat::{ChatError, ChatTemplate, Message};
use quern_engine::detokenize::Detokenizer;
use quern_engine::tokenizer::Tokenizer;
use serde_json::json;
use std::path::{Path, PathBuf};

fn packaged() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small")
}

/// The pieces that come out as tokens go in, the last one at the end of the output.
fn pieces(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    let mut detokenizer = Detokenizer::default();
    let mut pieces: Vec<String> = ids
        .iter()
        .map(|id| detokenizer.push(tokenizer, *id).unwrap())
        .collect();
    pieces.push(detokenizer.finish(tokenizer).unwrap());
    pieces
}

#[test]
fn characters_of_several_tokens_arrive_whole() {
    let tokenizer = Tokenizer::load(&packaged()).unwrap();
    let text = "héllo, 世界 🙂🙂 ünd \u{1F468}\u{200D}\u{1F469} end";
    let ids = tokenizer.encode(text, false).unwrap();
    let pieces = pieces(&tokenizer, &ids);
    assert_eq!(pieces.concat(), text);
    assert!(
        pieces.iter().all(|piece| !piece.contains('\u{FFFD}')),
        "{pieces:?}"
    );
}

#[test]
fn an_output_cut_inside_a_character_ends_with_the_replacement_character() {
    let tokenizer = Tokenizer::load(&packaged()).unwrap();
    let ids = tokenizer.encode("a🙂", false).unwrap();
    let text = pieces(&tokenizer, &ids[..ids.len() - 1]).concat();
    assert!(text.starts_with('a') && text.ends_with('\u{FFFD}'), "{text:?}");
}

#[test]
fn a_template_renders_as_transformers_does_and_may_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let template = "{{ bos_token }}{% for m in messages %}\n    {% if m.role == 'tool' %}\n\
        {{ raise_exception('no tools here') }}\n    {% endif %}\n[{{ m['role'].upper() }}] {{ m.content.strip() }}\n\
        {% endfor %}\n{% if add_generation_prompt %}[ASSISTANT]{% endif %}";
    let config = json!({"bos_token": {"content": "<s>", "special": true}, "chat_template": template});
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let chat = ChatTemplate::load(folder.path()).unwrap();
    let message = |role: &str| Message {
        role: role.into(),
        content: " hi ".into(),
    };
    let prompt = chat.render(&[message("system"), message("user")]).unwrap();
    assert_eq!(prompt, "<s>[SYSTEM] hi\n[USER] hi\n[ASSISTANT]");
    let Err(ChatError::Refused(reason)) = chat.render(&[message("tool")]) else {
        panic!("must refuse")
    };
    assert!(reason.contains("no tools here"), "{reason}");
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
    std::fs::write(folder.path().join("chat_template.jinja"), loops).unwrap();
    let chat = ChatTemplate::load(folder.path()).unwrap();
    assert!(matches!(chat.render(&[]), Err(ChatError::Refused(_))));
}

#[test]
fn a_model_without_a_template_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let chat = ChatTemplate::load(folder.path()).unwrap();
    assert!(matches!(chat.render(&[]), Err(ChatError::NoTemplate)));
}

proptest! {
    #[test]
    fn streamed_text_is_the_text_of_all_tokens(ids in proptest::collection::vec(3u32..2000, 0..60)) {
        let tokenizer = Tokenizer::load(&packaged()).unwrap();
        prop_assert_eq!(pieces(&tokenizer, &ids).concat(), tokenizer.decode(&ids).unwrap());
    }
}
