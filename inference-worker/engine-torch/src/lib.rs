//! Decoders of the Llama, Mistral, Qwen, Gemma and Mixture-of-Experts families on libtorch, the only crate of the project that links it.
//!
//! Only fallible `f_*` calls of `tch` are used, always without gradients, and one thread owns an engine and all
//! its tensors. Weights and arithmetic are fp32. `Device::Cuda` is accepted but has never been tested.
//!
//! What makes a step cheap: query, key and value (and gate and up) projections are one matrix each; rotary
//! embedding is one complex multiplication in place; keys and values go into a preallocated cache in one write;
//! rows of a batch
//! go through the kernel that streams weights best; grouped queries attend as one short sequence per key head, so keys are never repeated; residual additions
//! happen inside the output matrix products.

mod attention;
mod cache;
mod decoder;
mod encoder;
mod layer;
mod linear;
mod mlp;
mod model;
mod moe;
mod norm;
mod rope;
mod weights;

pub use decoder::{LlamaEngine, LoadOptions};
pub use encoder::Encoder;
pub use tch::Device;
pub use weights::LoadError;

/// How many threads one operation may use.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}

fn backend(error: tch::TchError) -> quern_engine::EngineError {
    quern_engine::EngineError::Backend(error.to_string())
}
