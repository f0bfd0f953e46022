//! Receipts of answers by the real model, and of answers that are not what they are said to be.

use super::{CHAIN, HEIGHT, HOST, MODEL, OTHER, OTHER_SESSION, SESSION};
use crate::generate::Sequence;
use crate::http::{Service, prepare};
use crate::paid::receipts::{Facts, Times, hash_and_seed, make};
use crate::paid::record::Record;
use crate::paid::tests::{GROWS, sign, warm_key};
use crate::scheduler::End;
use quern_engine::Engine;
use quern_engine::seed::Seed;
use quern_inference_api::paid::temperature_millionths;
use quern_inference_api::{Endpoint, Request};
use quern_protocol::{
    Amount, FinishReason, Hash, Price, Usage, Voucher, output_hash, salt_commitment, seed_commitment,
};

/// How a host strays from what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    None,
    /// Three tokens are others than the sampler drew; hashes and counts fit.
    Tokens,
    /// The noise is of a seed that the host chose.
    Seed,
    /// The receipt names another model than the session.
    ModelHash,
    /// The receipt counts more prompt tokens than there are.
    Usage,
    /// The receipt says that the output ended by itself.
    Finish,
    /// The receipt says that the request was greedy.
    Temperature,
    /// The payload is not the one that the receipt hashes.
    OtherPayload,
    /// It does not: the request's grammar grew too complex, and ended the answer.
    Grown,
}

pub(super) fn beacon() -> Hash {
    Hash::new([8; 32])
}

fn salt(nonce: u64) -> [u8; 16] {
    [nonce as u8; 16]
}

/// Serves a request as a host does, but for the lie, and writes down what the host would keep.
pub(super) fn serve(service: &Service, engine: &mut impl Engine, nonce: u64, lie: Lie) -> Record {
    let model = &service.model_id;
    let body = format!(
        r#"{{"model":"{model}","messages":[{{"role":"user","content":"Tell me of the river, number {nonce}"}}],"max_tokens":32,"temperature":0.9,"stream":false}}"#
    );
    let body = match lie {
        Lie::Grown => body.replace("32,", &format!("300,\"guided_regex\":\"{GROWS}\",")),
        _ => body,
    };
    serve_body(service, engine, (nonce, body), lie)
}

/// The same for a request of its own.
pub(super) fn serve_body(
    service: &Service,
    engine: &mut impl Engine,
    (nonce, body): (u64, String),
    lie: Lie,
) -> Record {
    let model = &service.model_id;
    let session = if model == OTHER { OTHER_SESSION } else { SESSION };
    let request = Request::parse(Endpoint::Chat, body.as_bytes()).unwrap();
    let mut job = prepare(service, &request).unwrap();
    let path = Endpoint::Chat.path();
    let id = (session, nonce);
    let (request_hash, seed) =
        hash_and_seed(CHAIN, id, &salt(nonce), (path, body.as_bytes()), None, &beacon());
    let drawn_with = if lie == Lie::Seed {
        Hash::new([1; 32])
    } else {
        seed
    };
    job.seed = Seed(drawn_with.0);
    let prompt = job.prompt.clone();
    let (mut tokens, finish) = generate(service, engine, job);
    if lie == Lie::Tokens {
        for token in tokens.iter_mut().skip(2).take(3) {
            *token = 300 + (*token + 17) % 500;
        }
    }
    let voucher = sign(Voucher {
        session,
        host: HOST.into(),
        nonce,
        height: HEIGHT,
        ceiling: Amount(1_000),
        cap: Amount(1_000 * u128::from(nonce)),
        salt_commitment: salt_commitment(CHAIN, session, nonce, &salt(nonce)),
    });
    let end = End {
        finish,
        reason: None,
        early: None,
        fault: None,
        prompt: prompt.len() as u32,
        cached: 0,
        tokens,
        reasoning: 0,
    };
    let facts = Facts {
        chain_id: CHAIN.into(),
        salt: salt(nonce),
        path: path.into(),
        body,
        request_hash,
        model_hash: model_hash(model),
        client_seed: None,
        seed: drawn_with,
        temperature: temperature_millionths(request.temperature),
        price: Price::FLOOR,
        prompt,
    };
    let capture = Amount(100);
    let (_, mut record) = make(facts, voucher, &end, capture, Times::default(), &warm_key());
    let Record::Receipt { signed, payload } = &mut record else {
        panic!("another record")
    };
    let receipt = &mut signed.receipt;
    match lie {
        Lie::None | Lie::Grown | Lie::Tokens => {
            assert_eq!(receipt.finish == FinishReason::Error, lie == Lie::Grown);
            let hash = output_hash(CHAIN, &salt(nonce), &payload.output);
            assert_eq!(receipt.output_hash, hash);
        }
        Lie::Seed => assert_eq!(receipt.seed_commitment, seed_commitment(CHAIN, &drawn_with.0)),
        Lie::ModelHash => receipt.model_hash = Hash::new([66; 32]),
        Lie::Usage => {
            receipt.usage = Usage {
                prompt: receipt.usage.prompt + 40,
                ..receipt.usage
            };
        }
        Lie::Finish => {
            assert_eq!(receipt.finish, FinishReason::Length, "this output should be cut");
            receipt.finish = FinishReason::Stop;
        }
        Lie::Temperature => receipt.temperature = 0,
        Lie::OtherPayload => payload.body = payload.body.replace("river", "sea"),
    }
    record
}

pub(super) fn model_hash(model: &str) -> Hash {
    match model {
        MODEL => crate::paid::tests::MODEL_HASH,
        _ => Hash::new([77; 32]),
    }
}

fn generate(
    service: &Service,
    engine: &mut impl Engine,
    job: crate::generate::Job,
) -> (Vec<u32>, FinishReason) {
    let slot = engine.open().unwrap();
    let mut logits = engine.prefill(slot, &job.prompt).unwrap();
    let mut sequence = Sequence::new(job);
    let finish = loop {
        let step = match sequence.advance(&logits.values, &service.text.tokenizer) {
            Err(error) if error.is_the_requests() => break FinishReason::Error,
            step => step.unwrap(),
        };
        if let Some(finish) = step.finish {
            break finish;
        }
        logits = engine.decode(&[(slot, step.token)]).unwrap();
    };
    engine.close(slot);
    (sequence.output().to_vec(), finish)
}
