//! Decoders of the Llama, Mistral, Qwen, Gemma and Mixture-of-Experts families on libtorch, the only crate of the project that links it.
//!
//! Only fallible `f_*` calls of `tch` are used, always without gradients, and one thread owns an engine and all
//! its tensors. Arithmetic is fp32; on the CPU projections that the checkpoint stores in bf16 or fp16 stay so in memory and are
//! widened as they are read, which is exact. `Device::Cuda` is accepted but has never been run.
//!
//! On the CPU products and attention come from `quern-kernels`: the logits of a sequence have the same bits alone and in
//! any batch, in one piece and in many, with a cached beginning and without. Elsewhere the library computes them.
//!
//! What makes a step cheap: query, key and value (and gate and up) projections are one matrix each; weights lie in the
//! order in which they are read, once for all rows of a step; keys and values stay where they are, in pages; rotary
//! embedding is one complex multiplication in place; residual additions happen inside the output matrix products.

mod attention;
mod cache;
mod decoder;
mod encoder;
mod layer;
mod linear;
mod memory;
mod mlp;
mod model;
mod moe;
mod norm;
mod pages;
mod rope;
mod weights;

pub use decoder::{CACHE_BYTES, LlamaEngine, LoadOptions};
pub use encoder::Encoder;
pub use tch::Device;
pub use weights::LoadError;

/// How many threads one operation of our kernels may use. The library gets one: it cuts its loops by the number of
/// rows, and rounds differently where it cuts.
pub fn set_threads(threads: usize) {
    quern_kernels::set_threads(threads);
    tch::set_num_threads(1);
}

fn backend(error: tch::TchError) -> quern_engine::EngineError {
    quern_engine::EngineError::Backend(error.to_string())
}
