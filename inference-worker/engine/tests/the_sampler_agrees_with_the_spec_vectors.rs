//! `tests/vectors/sampler.json` comes from an independent implementation of `docs/spec/sampler.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use quern_engine::sampler::{
    Draw, GapRule, History, Noise, Position, SamplingParams, TokenMask, gap, philox4x32_10, sample,
};
use quern_engine::seed::{ClientSeed, Seed, VoucherSeed};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Vectors {
    philox4x32_10: Vec<PhiloxVector>,
    voucher_seeds: Vec<VoucherVector>,
    client_seeds: Vec<ClientVector>,
    noise: Vec<NoiseVector>,
    draws: Vec<DrawVector>,
}

#[derive(Deserialize)]
struct PhiloxVector {
    counter: [u32; 4],
    key: [u32; 2],
    out: [u32; 4],
}

#[derive(Deserialize)]
struct VoucherVector {
    chain_id: String,
    session: u64,
    nonce: u64,
    request_hash: String,
    salt: String,
    beacon: String,
    seed: String,
}

#[derive(Deserialize)]
struct ClientVector {
    chain_id: String,
    session: u64,
    request_hash: String,
    client_seed: i64,
    seed: String,
}

#[derive(Deserialize)]
struct NoiseVector {
    seed: String,
    t: u32,
    c: u32,
    v: u32,
    gumbel: f64,
}

#[derive(Deserialize)]
struct DrawVector {
    params: Params,
    seed: String,
    t: u32,
    c: u32,
    prompt: Vec<u32>,
    output: Vec<u32>,
    tokens: u32,
    logits: Vec<f32>,
    grammar: Option<Vec<u32>>,
    support: Vec<u32>,
    token: u32,
}

#[derive(Deserialize)]
#[serde(default)]
struct Params {
    bias: BTreeMap<u32, f64>,
    repetition_penalty: f64,
    frequency_penalty: f64,
    presence_penalty: f64,
    temperature: f64,
    top_k: u32,
    top_p: f64,
    min_p: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            bias: BTreeMap::new(),
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
        }
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/sampler.json")).unwrap()
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn philox_gives_random123s_known_answers() {
    for vector in vectors().philox4x32_10 {
        assert_eq!(philox4x32_10(vector.counter, vector.key), vector.out);
    }
}

#[test]
fn seeds_hash_every_field_with_its_length() {
    for v in vectors().voucher_seeds {
        let seed = VoucherSeed {
            chain_id: &v.chain_id,
            session: v.session,
            nonce: v.nonce,
            request_hash: &bytes(&v.request_hash),
            salt: &bytes(&v.salt),
            beacon: &bytes(&v.beacon),
        };
        assert_eq!(seed.derive(), Seed(bytes(&v.seed)));
    }
    for v in vectors().client_seeds {
        let hash = bytes(&v.request_hash);
        let seed = ClientSeed {
            chain_id: &v.chain_id,
            session: v.session,
            request_hash: &hash,
            seed: v.client_seed,
        };
        assert_eq!(seed.derive(), Seed(bytes(&v.seed)));
    }
}

#[test]
fn noise_is_gumbel_at_seed_position_choice_and_token() {
    for v in vectors().noise {
        let ours = Noise::new(&Seed(bytes(&v.seed))).gumbel(v.t, v.c, v.v);
        assert!(
            (ours - v.gumbel).abs() <= 1e-14 * v.gumbel.abs(),
            "{ours} against {}",
            v.gumbel
        );
    }
}

#[test]
fn every_draw_picks_the_vectors_token_from_the_vectors_support() {
    for (index, v) in vectors().draws.into_iter().enumerate() {
        let params = SamplingParams {
            bias: v.params.bias,
            repetition_penalty: v.params.repetition_penalty,
            frequency_penalty: v.params.frequency_penalty,
            presence_penalty: v.params.presence_penalty,
            temperature: v.params.temperature,
            top_k: v.params.top_k,
            top_p: v.params.top_p,
            min_p: v.params.min_p,
        };
        params.validate().unwrap();
        let noise = Noise::new(&Seed(bytes(&v.seed)));
        let tokens = TokenMask::first(v.tokens);
        let grammar: Option<TokenMask> = v.grammar.map(|ids| ids.into_iter().collect());
        let draw = Draw {
            params: &params,
            noise: &noise,
            at: Position { t: v.t, c: v.c },
            history: History {
                prompt: &v.prompt,
                output: &v.output,
            },
            tokens: &tokens,
            grammar: grammar.as_ref(),
        };
        assert_eq!(sample(&v.logits, &draw), Ok(v.token), "draw {index}");
        // With no slack, the verifier's score tells exactly which tokens lie in the support.
        for y in 0..v.logits.len() as u32 {
            let rule = GapRule {
                clip: 1e9,
                slack: 0.0,
            };
            let supported = gap(&v.logits, y, &draw, &rule).unwrap().supported;
            assert_eq!(supported, v.support.contains(&y), "draw {index}, token {y}");
        }
    }
}

#[test]
fn the_spec_quotes_the_vectors() {
    let spec = include_str!("../../../docs/spec/sampler.md");
    let vectors = vectors();
    assert!(spec.contains(&vectors.voucher_seeds[0].seed) && spec.contains(&vectors.client_seeds[1].seed));
    for v in vectors.noise {
        assert!(
            spec.contains(&format!("v {:<7} G {}", v.v, v.gumbel)),
            "noise of token {}",
            v.v
        );
    }
}
