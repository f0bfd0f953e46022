//! Unmodified cosmrs and tendermint-rpc against a running node. `tests/e2e/run.sh` starts the node and runs
//! these; without its network they are ignored.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use cosmrs::{
    AccountId, Any, Coin,
    bank::MsgSend,
    bip32::{DerivationPath, Mnemonic, XPrv},
    crypto::secp256k1::SigningKey,
    proto::{
        cosmos::{
            auth::v1beta1::{BaseAccount, QueryAccountRequest, QueryAccountResponse},
            bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
            tx::v1beta1::{SimulateRequest, SimulateResponse},
        },
        traits::Message,
    },
    tx::{BodyBuilder, Fee, Msg, SignDoc, SignerInfo},
};
use tendermint_rpc::{Client, HttpClient, query::Query};

const DENOM: &str = "nqrn";

/// What `run.sh` says of its network.
struct Net {
    client: HttpClient,
    chain_id: String,
    key: SigningKey,
    address: AccountId,
}

impl Net {
    fn load() -> Self {
        let path = std::env::var("QUERN_E2E_NET").expect("QUERN_E2E_NET is set by tests/e2e/run.sh");
        let net: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let account = net["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["name"] == "rust")
            .unwrap();
        let words = Mnemonic::new(account["mnemonic"].as_str().unwrap(), Default::default()).unwrap();
        let path: DerivationPath = "m/44'/118'/0'/0/0".parse().unwrap();
        let key = SigningKey::from(XPrv::derive_from_path(words.to_seed(""), &path).unwrap());
        let address = key.public_key().account_id("quern").unwrap();
        assert_eq!(
            address.as_ref(),
            account["address"].as_str().unwrap(),
            "cosmrs derives the same address"
        );
        let client = HttpClient::new(net["rpc"].as_str().unwrap()).unwrap();
        Self {
            client,
            chain_id: net["chain_id"].as_str().unwrap().into(),
            key,
            address,
        }
    }

    async fn query<Q: Message, R: Message + Default>(&self, path: &str, request: &Q) -> R {
        let answer = self
            .client
            .abci_query(Some(path.into()), request.encode_to_vec(), None, false)
            .await
            .unwrap();
        assert!(answer.code.is_ok(), "{path}: {}", answer.log);
        assert!(answer.height.value() > 0, "an answer names its height");
        R::decode(answer.value.as_slice()).unwrap()
    }

    async fn account(&self) -> BaseAccount {
        let request = QueryAccountRequest {
            address: self.address.to_string(),
        };
        let answer: QueryAccountResponse = self.query("/cosmos.auth.v1beta1.Query/Account", &request).await;
        BaseAccount::decode(answer.account.unwrap().value.as_slice()).unwrap()
    }

    async fn balance(&self, address: &AccountId) -> u128 {
        let request = QueryBalanceRequest {
            address: address.to_string(),
            denom: DENOM.into(),
        };
        let answer: QueryBalanceResponse = self.query("/cosmos.bank.v1beta1.Query/Balance", &request).await;
        answer.balance.unwrap().amount.parse().unwrap()
    }

    fn send(&self, to: &AccountId, amount: u128) -> Any {
        MsgSend {
            from_address: self.address.clone(),
            to_address: to.clone(),
            amount: vec![coin(amount)],
        }
        .to_any()
        .unwrap()
    }

    fn sign(&self, account: &BaseAccount, sequence: u64, message: Any, fee: u128) -> Vec<u8> {
        let body = BodyBuilder::new().msg(message).memo("cosmrs").finish();
        let auth = SignerInfo::single_direct(Some(self.key.public_key()), sequence)
            .auth_info(Fee::from_amount_and_gas(coin(fee), 200_000u64));
        let chain_id = self.chain_id.parse().unwrap();
        let doc = SignDoc::new(&body, &auth, &chain_id, account.account_number).unwrap();
        doc.sign(&self.key).unwrap().to_bytes().unwrap()
    }
}

fn coin(amount: u128) -> Coin {
    Coin {
        denom: DENOM.parse().unwrap(),
        amount,
    }
}

fn stranger() -> AccountId {
    SigningKey::random().public_key().account_id("quern").unwrap()
}

#[tokio::test]
#[ignore = "needs the network of tests/e2e/run.sh"]
async fn coins_are_simulated_sent_and_found_again() {
    let net = Net::load();
    let bob = stranger();
    let account = net.account().await;
    let before = net.balance(&net.address).await;

    let tx = net.sign(&account, account.sequence, net.send(&bob, 42), 5_000);
    let request = SimulateRequest {
        tx_bytes: tx.clone(),
        ..Default::default()
    };
    let simulated: SimulateResponse = net.query("/cosmos.tx.v1beta1.Service/Simulate", &request).await;
    assert!((20_000..200_000).contains(&simulated.gas_info.unwrap().gas_used));

    let sent = net.client.broadcast_tx_commit(tx).await.unwrap();
    assert!(
        sent.check_tx.code.is_ok() && sent.tx_result.code.is_ok(),
        "{sent:?}"
    );
    assert_eq!(net.balance(&bob).await, 42);
    assert_eq!(net.balance(&net.address).await, before - 42 - 5_000);
    assert_eq!(net.account().await.sequence, account.sequence + 1);

    let found = loop {
        match net.client.tx(sent.hash, true).await {
            Ok(found) => break found,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
        }
    };
    assert_eq!(found.height, sent.height);
    let query = Query::eq("transfer.recipient", bob.to_string());
    let page = net
        .client
        .tx_search(query, false, 1, 10, tendermint_rpc::Order::Ascending)
        .await
        .unwrap();
    assert_eq!(page.total_count, 1);
}

#[tokio::test]
#[ignore = "needs the network of tests/e2e/run.sh"]
async fn refusals_carry_the_codes_of_the_cosmos_sdk() {
    let net = Net::load();
    let bob = stranger();
    let account = net.account().await;
    let cases = [
        (
            net.sign(&account, account.sequence + 1, net.send(&bob, 1), 5_000),
            32,
        ),
        (net.sign(&account, account.sequence, net.send(&bob, 1), 1), 13),
        (vec![0xff; 100], 2),
    ];
    for (tx, code) in cases {
        let answer = net.client.broadcast_tx_sync(tx).await.unwrap();
        assert_eq!(
            (answer.codespace.as_str(), answer.code.value()),
            ("sdk", code),
            "{}",
            answer.log
        );
    }
    let broke = net.sign(&account, account.sequence, net.send(&bob, u128::MAX), 5_000);
    let answer = net.client.broadcast_tx_commit(broke).await.unwrap();
    assert!(answer.check_tx.code.is_ok());
    assert_eq!(answer.tx_result.code.value(), 5, "{}", answer.tx_result.log);
    assert_eq!(net.balance(&bob).await, 0);
}
