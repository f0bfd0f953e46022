//! A steady stream of signed transfers that survives the node's crashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cosmrs::bank::MsgSend;
use cosmrs::crypto::secp256k1::SigningKey;
use cosmrs::tx::{Body, Fee, Msg, SignDoc, SignerInfo};
use cosmrs::{AccountId, Coin};
use prost::Message;
use quern_types::AccAddress;
use tendermint_rpc::{Client, HttpClient};

/// A funded account that sends to itself and others.
pub struct Sender {
    key: SigningKey,
    /// Its address.
    pub address: AccAddress,
}

impl Sender {
    /// The account of a fixed test key.
    pub fn new(seed: u8) -> Self {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        let address = key.public_key().account_id("quern").unwrap();
        Self {
            key,
            address: AccAddress::from_bech32(address.as_ref()).unwrap(),
        }
    }

    /// A signed transfer of `amount` nqrn.
    pub fn transfer(
        &self,
        chain: &str,
        number: u64,
        sequence: u64,
        to: &AccAddress,
        amount: u128,
    ) -> Vec<u8> {
        let account = |address: &AccAddress| address.to_string().parse::<AccountId>().unwrap();
        let coin = |amount| Coin {
            denom: "nqrn".parse().unwrap(),
            amount,
        };
        let send = MsgSend {
            from_address: account(&self.address),
            to_address: account(to),
            amount: vec![coin(amount)],
        };
        let body = Body::new(vec![send.to_any().unwrap()], "", 0_u32);
        let signer = SignerInfo::single_direct(Some(self.key.public_key()), sequence);
        let auth = signer.auth_info(Fee::from_amount_and_gas(coin(1000), 200_000_u64));
        let doc = SignDoc::new(&body, &auth, &chain.parse().unwrap(), number).unwrap();
        doc.sign(&self.key).unwrap().to_bytes().unwrap()
    }
}

/// Account number and sequence as the chain has them.
pub async fn account(client: &HttpClient, address: &AccAddress) -> Option<(u64, u64)> {
    use cosmrs::proto::cosmos::auth::v1beta1::{BaseAccount, QueryAccountRequest, QueryAccountResponse};
    let request = QueryAccountRequest {
        address: address.to_string(),
    }
    .encode_to_vec();
    let path = "/cosmos.auth.v1beta1.Query/Account".to_owned();
    let answer = client.abci_query(Some(path), request, None, false).await.ok()?;
    let any = QueryAccountResponse::decode(answer.value.as_slice())
        .ok()?
        .account?;
    let account = BaseAccount::decode(any.value.as_slice()).ok()?;
    Some((account.account_number, account.sequence))
}

/// Sends transfers until it is dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts sending from every sender to the next one.
    pub fn start(rpc: &str, chain: &str, senders: Vec<Sender>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicU64::new(0));
        let client = HttpClient::new(rpc).unwrap();
        let chain = chain.to_owned();
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&accepted));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(&client, &chain, &senders, &stopped, &count));
        });
        Self {
            stop,
            accepted,
            thread: Some(thread),
        }
    }

    /// Transactions that the mempool took so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn run(client: &HttpClient, chain: &str, senders: &[Sender], stop: &AtomicBool, accepted: &AtomicU64) {
    let mut turn = 0_u128;
    while !stop.load(Ordering::SeqCst) {
        for (index, sender) in senders.iter().enumerate() {
            let Some((number, sequence)) = account(client, &sender.address).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let to = &senders[(index + 1) % senders.len()].address;
            for ahead in 0..4 {
                turn += 1;
                let tx = sender.transfer(chain, number, sequence + ahead, to, turn);
                match client.broadcast_tx_sync(tx).await {
                    Ok(sent) if sent.code.is_ok() => accepted.fetch_add(1, Ordering::SeqCst),
                    _ => break,
                };
            }
        }
    }
}
