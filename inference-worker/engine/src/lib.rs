//! What every engine of the inference worker shares, in pure Rust.
//!
//! - [`sampler`]: the seeded sampler of `docs/spec/sampler.md` and the verifier's gap score over the same code;
//! - [`seed`]: how the 32-byte seed of a request is derived;
//! - [`engine`]: the trait that hides a decoder (libtorch, later others);
//! - [`draft`]: tokens that may come next, which a step can try;
//! - [`config`]: `config.json` of each model family, unknown maths refused by name;
//! - [`grammar`]: what an output must match, as a mask of tokens at each step;
//! - [`masks`]: what it may go on with at each step, thoughts before the answer included;
//! - [`thinking`]: what of an output is thought before the answer;
//! - [`tokenizer`], [`detokenize`], [`stop`], [`output`], [`chat`], [`prompt`]: text in and text out.

mod bounded;
pub mod chat;
pub mod config;
pub mod detokenize;
pub mod draft;
pub mod engine;
pub mod grammar;
pub mod manifest;
pub mod masks;
pub mod output;
pub mod prompt;
pub mod sampler;
pub mod seed;
pub mod stop;
pub mod thinking;
pub mod tokenizer;
mod vocabulary;

pub use engine::{Engine, EngineError, Logits, Opening, Part, Room, Slot};
