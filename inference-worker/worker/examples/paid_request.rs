//! One paid request by hand, without a router: signs a voucher, streams the answer, tops the voucher up whenever the
//! worker pauses, and waits until the receipt is proven into a batch on chain.
//!
//! `cargo run -p quern-worker --example paid_request -- WORKER_URL WORKER_KEY NODE CHAIN_ID HOST SESSION NONCE KEY_FILE
//! CAP_BEFORE MAX_TOKENS PROMPT`, where WORKER_KEY is the worker's transport key in hexadecimal and CAP_BEFORE what the
//! host may have captured of the session already.

use http::{Request, header};
use http_body_util::{BodyExt, Full};
use quern_chain_client::{Chain, SigningKey};
use quern_inference_api::paid::{
    Authority, Progress, ReceiptStatus, SignedVoucher, VOUCHER_HEADER, VOUCHERS_PATH, receipt_path, to_header,
};
use quern_protocol::{Amount, Voucher, salt_commitment};
use quern_transport::{Client, TransportKey};
use std::path::Path;
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

/// What the first signature pays for; each top-up pays for as much again.
const SLICE: u128 = 100;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [
        url,
        worker_key,
        node,
        chain_id,
        host,
        session,
        nonce,
        key_file,
        before,
        max_tokens,
        prompt,
    ] = &args[..]
    else {
        return Err("eleven arguments are needed: see the head of this file".into());
    };
    let expected: quern_protocol::Bytes<32> = worker_key.parse()?;
    let (session, nonce, before): (u64, u64, u128) = (session.parse()?, nonce.parse()?, before.parse()?);
    let key = SigningKey::load_or_create(Path::new(key_file))?;
    let chain = Chain::new(chain_id, std::slice::from_ref(node))?;
    let salt = [7; 16];
    let ceiling = 2000;
    let mut cap = before + SLICE;
    let height = chain.status().await?.height;
    let sign = |cap: u128| {
        let voucher = Voucher {
            session,
            host: host.clone(),
            nonce,
            height,
            ceiling: Amount(ceiling),
            cap: Amount(cap),
            salt_commitment: salt_commitment(chain_id, session, nonce, &salt),
        };
        let signature = quern_protocol::Bytes(key.sign(&voucher.digest(chain_id).0));
        SignedVoucher { voucher, signature }
    };
    let first = sign(cap);
    let authority = Authority {
        chain_id: chain_id.clone(),
        voucher: first.voucher,
        signature: first.signature,
        salt: quern_protocol::Bytes(salt),
    };
    let body = serde_json::json!({"model": "quern-small", "prompt": prompt, "stream": true,
                                  "max_tokens": max_tokens.parse::<u32>()?});
    let request = Request::post(format!("{url}/v1/completions"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(VOUCHER_HEADER, to_header(&authority).ok_or("no header")?)
        .body(Full::from(body.to_string()))?;
    let client = Client::new(TransportKey::from_secret([42; 32].into()));
    let response = client.request(expected.0, request).await?;
    println!("status {}", response.status());
    let (mut stream, mut seen, mut read) = (response.into_body(), String::new(), 0);
    while let Some(frame) = stream.frame().await {
        seen.push_str(&String::from_utf8_lossy(frame?.data_ref().ok_or("no data")?));
        while let Some(end) = seen[read..].find("\n\n") {
            let event = seen[read..read + end].to_owned();
            read += end + 2;
            println!("{event}");
            let progress = event.strip_prefix("event: quern.progress\ndata: ");
            let progress = progress.map(serde_json::from_str::<Progress>).transpose()?;
            if progress.is_some_and(|progress| progress.paused) {
                cap += SLICE;
                let voucher = serde_json::to_vec(&sign(cap))?;
                let answer = client
                    .post(&format!("{url}{VOUCHERS_PATH}"), expected.0, voucher.into())
                    .await?;
                println!("topped up to {cap}: {}", answer.status());
            }
        }
    }
    println!("{}", &seen[read..]);
    for _ in 0..100 {
        let path = format!("{url}{}", receipt_path(session, nonce));
        let answer = client
            .get(&path, expected.0)
            .await?
            .into_body()
            .collect()
            .await?
            .to_bytes();
        let Ok(status) = serde_json::from_slice::<ReceiptStatus>(&answer) else {
            return Err(format!("no receipt: {}", String::from_utf8_lossy(&answer)).into());
        };
        if let Some(committed) = status.committed {
            println!("{}", serde_json::to_string_pretty(&committed)?);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Err("the receipt was not committed".into())
}
