//! Peak memory of a load, on Linux.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::json;
use std::path::Path;

const HIDDEN: usize = 1024;
const INNER: usize = 2816;
const VOCAB: usize = 4096;
const LAYERS: usize = 6;

/// Bytes of a line of `/proc/self/status`.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Writes a model and returns how many weights it has.
fn write(folder: &Path, dtype: Dtype, number: &[u8], shards: usize) -> usize {
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_owned(), vec![VOCAB, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, size: &[usize]| {
            shapes.push((format!("model.layers.{layer}.{name}.weight"), size.to_vec()));
        };
        add("input_layernorm", &[HIDDEN]);
        add("post_attention_layernorm", &[HIDDEN]);
        for name in ["q_proj", "k_proj", "v_proj", "o_proj"] {
            add(&format!("self_attn.{name}"), &[HIDDEN, HIDDEN]);
        }
        add("mlp.gate_proj", &[INNER, HIDDEN]);
        add("mlp.up_proj", &[INNER, HIDDEN]);
        add("mlp.down_proj", &[HIDDEN, INNER]);
    }
    let bytes = number.repeat(VOCAB * HIDDEN);
    let elements = |size: &[usize]| size.iter().product::<usize>();
    let data = |size: &[usize]| &bytes[..number.len() * elements(size)];
    let view = |size: &Vec<usize>| TensorView::new(dtype, size.clone(), data(size)).unwrap();
    let views: Vec<_> = shapes.iter().map(|(name, size)| (name, view(size))).collect();
    if shards == 1 {
        serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
    } else {
        let mut map = serde_json::Map::new();
        for (index, part) in views.chunks(views.len().div_ceil(shards)).enumerate() {
            let file = format!("model-{:05}-of-{shards:05}.safetensors", index + 1);
            map.extend(part.iter().map(|(name, _)| ((*name).clone(), json!(file))));
            let part = part.iter().map(|(name, view)| (*name, view));
            serialize_to_file(part, None, &folder.join(file)).unwrap();
        }
        let index = json!({"metadata": {}, "weight_map": map});
        std::fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    }
    let config = json!({
        "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": 16, "vocab_size": VOCAB, "max_position_embeddings": 64, "tie_word_embeddings": true,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    shapes.iter().map(|(_, size)| elements(size)).sum()
}

#[test]
fn peak_memory_of_a_load_is_the_weights_as_they_are_stored_and_one_layers_scratch() {
    set_threads(1);
    let options = LoadOptions {
        slots: 1,
        ..LoadOptions::default()
    };
    // The library's own pages come with the first model.
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    drop(LlamaEngine::load(&small, &options).unwrap());
    for (dtype, number, shards) in [
        (Dtype::F32, 0.01_f32.to_le_bytes().to_vec(), 1),
        (Dtype::BF16, 0x3c00_u16.to_le_bytes().to_vec(), 1),
        // 0.01, which is no bfloat16.
        (Dtype::F16, 0x211f_u16.to_le_bytes().to_vec(), 1),
        (Dtype::F16, 0x211f_u16.to_le_bytes().to_vec(), 3),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let count = write(folder.path(), dtype, &number, shards);
        // From here on the peak is counted anew.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = status("VmRSS");
        let engine = LlamaEngine::load(folder.path(), &options).unwrap();
        let peak = status("VmHWM") - before;
        let weights = count * number.len();
        println!(
            "weights {} MB in {dtype:?} and {shards} files, peak {} MB, afterwards {} MB",
            weights >> 20,
            peak >> 20,
            (status("VmRSS") - before) >> 20
        );
        // A layer is prepared in fp32, beside what it is made of.
        let layer = 4 * count / LAYERS;
        assert!(
            peak < weights + 2 * layer,
            "{peak} bytes at the peak for weights of {weights} in {dtype:?}"
        );
        drop(engine);
    }
}
