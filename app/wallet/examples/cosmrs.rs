//! Pays somebody with `cosmrs` and `tendermint-rpc`: RPC, WORDS and TO come from the environment.

use std::time::Duration;

use cosmrs::bip32::{DerivationPath, Mnemonic, XPrv};
use cosmrs::crypto::secp256k1::SigningKey;
use cosmrs::proto::cosmos::auth::v1beta1::{BaseAccount, QueryAccountRequest, QueryAccountResponse};
use cosmrs::proto::cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse};
use cosmrs::proto::traits::Message;
use cosmrs::tx::{BodyBuilder, Fee, Msg, SignDoc, SignerInfo};
use cosmrs::{Coin, bank::MsgSend};
use tendermint_rpc::{Client, HttpClient};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Asks a gRPC method by ABCI, as any Cosmos chain answers it.
async fn ask<Q: Message, A: Message + Default>(client: &HttpClient, path: &str, question: &Q) -> Result<A> {
    let question = question.encode_to_vec();
    let answer = client
        .abci_query(Some(path.to_owned()), question, None, false)
        .await?;
    if answer.code.is_err() {
        return Err(format!("{path}: {}", answer.log).into());
    }
    Ok(A::decode(answer.value.as_slice())?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let client = HttpClient::new(std::env::var("RPC")?.as_str())?;
    let words = Mnemonic::new(std::env::var("WORDS")?, Default::default())?;
    let path: DerivationPath = "m/44'/118'/0'/0/0".parse()?;
    let key = SigningKey::from(XPrv::derive_from_path(words.to_seed(""), &path)?);
    let own = key.public_key().account_id("quern")?;

    let question = QueryAccountRequest {
        address: own.to_string(),
    };
    let found: QueryAccountResponse = ask(&client, "/cosmos.auth.v1beta1.Query/Account", &question).await?;
    let account = BaseAccount::decode(found.account.ok_or("no such account")?.value.as_slice())?;
    let chain_id = client.status().await?.node_info.network;

    let nqrn = |amount| -> Result<Coin> {
        Ok(Coin {
            denom: "nqrn".parse()?,
            amount,
        })
    };
    let send = MsgSend {
        from_address: own,
        to_address: std::env::var("TO")?.parse()?,
        amount: vec![nqrn(5_000_000)?],
    };
    let body = BodyBuilder::new()
        .msg(send.to_any()?)
        .memo("from cosmrs")
        .finish();
    let sign = |fee: u128, gas: u64| -> Result<Vec<u8>> {
        let signer = SignerInfo::single_direct(Some(key.public_key()), account.sequence);
        let auth = signer.auth_info(Fee::from_amount_and_gas(nqrn(fee)?, gas));
        let doc = SignDoc::new(&body, &auth, &chain_id.as_str().parse()?, account.account_number)?;
        Ok(doc.sign(&key)?.to_bytes()?)
    };

    // What it takes, and a third more, at 0.01 nqrn.
    let question = SimulateRequest {
        tx_bytes: sign(0, 0)?,
        ..Default::default()
    };
    let simulated: SimulateResponse = ask(&client, "/cosmos.tx.v1beta1.Service/Simulate", &question).await?;
    let gas = simulated.gas_info.ok_or("no gas was counted")?.gas_used * 4 / 3;
    let sent = client
        .broadcast_tx_sync(sign(u128::from(gas / 100 + 1), gas)?)
        .await?;
    if sent.code.is_err() {
        return Err(sent.log.into());
    }
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let Ok(found) = client.tx(sent.hash, false).await else {
            continue;
        };
        if found.tx_result.code.is_err() {
            return Err(found.tx_result.log.into());
        }
        println!("{} in block {}", sent.hash, found.height);
        return Ok(());
    }
}
