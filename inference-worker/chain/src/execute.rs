//! Signed contract calls and what became of them.

use crate::error::ChainError;
use crate::key::SigningKey;
use crate::query::decode;
use crate::rpc::Chain;
use crate::tx;
use cosmrs::proto::cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse};
use cosmrs::proto::prost::Message;
use cosmrs::tendermint::Hash;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tendermint_rpc::Client;

const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";
/// Code of the SDK's "incorrect account sequence".
const WRONG_SEQUENCE: u32 = 32;
/// Attempts with a fresh sequence, when another transaction of the key came between.
const ATTEMPTS: u32 = 3;
/// Blocks in which a transaction may be included.
const TIMEOUT_BLOCKS: u64 = 15;
const POLL: Duration = Duration::from_millis(200);
/// Longest wait without any news of the chain.
const PATIENCE: Duration = Duration::from_secs(60);

/// One contract call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Contract.
    pub contract: String,
    /// Message, JSON.
    pub message: Vec<u8>,
    /// Coins that go with it.
    pub funds: Vec<(u128, String)>,
}

impl Call {
    /// A call without coins.
    ///
    /// # Errors
    /// When the message is not JSON.
    pub fn new(contract: &str, message: &impl Serialize) -> Result<Self, ChainError> {
        let message = serde_json::to_vec(message).map_err(|e| ChainError::Build(e.to_string()))?;
        Ok(Self {
            contract: contract.to_owned(),
            message,
            funds: Vec::new(),
        })
    }

    /// The call with coins.
    #[must_use]
    pub fn with_funds(mut self, amount: u128, denom: &str) -> Self {
        self.funds.push((amount, denom.to_owned()));
        self
    }
}

/// What the key pays for gas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Denomination.
    pub denom: String,
    /// Price of a thousand units of gas.
    pub per_thousand_gas: u128,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In a block, and it worked.
    Included {
        /// Block.
        height: u64,
        /// Hash, upper-case hexadecimal.
        hash: String,
        /// Attributes of its events: event type, key, value.
        events: Vec<(String, String, String)>,
    },
    /// In a block, and it failed; fees are gone, nothing else happened.
    Failed {
        /// Block.
        height: u64,
        /// Hash.
        hash: String,
        /// Who refused.
        codespace: String,
        /// Why, as a number.
        code: u32,
        /// Why, in words.
        log: String,
    },
    /// Refused before any block, by simulation or by the mempool; nothing happened.
    Refused {
        /// Who refused.
        codespace: String,
        /// Why, as a number.
        code: u32,
        /// Why, in words.
        log: String,
    },
    /// The chain passed the transaction's time-out height without it; it can no longer be included.
    Expired {
        /// Hash.
        hash: String,
    },
    /// It was sent, and no node says what became of it. Ask the chain's state before sending the like again.
    Unknown {
        /// Hash.
        hash: String,
        /// What is in the way.
        reason: String,
    },
}

impl Outcome {
    /// The value of an attribute of the transaction's events.
    pub fn attribute(&self, event: &str, key: &str) -> Option<&str> {
        let Self::Included { events, .. } = self else {
            return None;
        };
        let found = events.iter().find(|(kind, name, _)| kind == event && name == key);
        found.map(|(_, _, value)| value.as_str())
    }
}

impl Chain {
    /// Signs calls as one transaction, sends it, and waits until it is certain what became of it. Calls of all clones
    /// of this chain go one after the other.
    ///
    /// # Errors
    /// When it could not be sent at all; then it was not.
    pub async fn execute(
        &self,
        key: &SigningKey,
        fees: &Fees,
        calls: &[Call],
    ) -> Result<Outcome, ChainError> {
        self.execute_until(key, fees, calls, u64::MAX).await
    }

    /// The same for a transaction that is of use up to `last_height` only: no later block will include it.
    ///
    /// # Errors
    /// As [`Chain::execute`], and when the chain has passed it.
    pub async fn execute_until(
        &self,
        key: &SigningKey,
        fees: &Fees,
        calls: &[Call],
        last_height: u64,
    ) -> Result<Outcome, ChainError> {
        let _turn = self.sending.lock().await;
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(POLL * 2_u32.pow(attempt)).await;
            }
            match self.attempt(key, fees, calls, last_height).await? {
                refused @ Outcome::Refused {
                    code: WRONG_SEQUENCE, ..
                } => last = Some(refused),
                outcome => return Ok(outcome),
            }
        }
        last.ok_or_else(|| ChainError::Build("no attempt was made".into()))
    }

    async fn attempt(
        &self,
        key: &SigningKey,
        fees: &Fees,
        calls: &[Call],
        last_height: u64,
    ) -> Result<Outcome, ChainError> {
        let address = key.address()?;
        let account = self.account(&address).await?.ok_or_else(|| {
            ChainError::Build(format!(
                "account {address} is not on the chain yet; send it some coins first"
            ))
        })?;
        let height = self.height().await?;
        if height >= last_height {
            return Err(ChainError::Build(format!("height {last_height} has passed")));
        }
        let timeout = height.saturating_add(TIMEOUT_BLOCKS).min(last_height);
        let body = tx::body(key, calls, timeout)?;
        // A token fee, so that the gas of taking a fee is counted.
        let token = u128::from(fees.per_thousand_gas > 0);
        let probe = tx::unsigned(key, account, &body, tx::fee(token, &fees.denom, 0)?)?;
        let gas = match self.simulate(probe).await {
            Ok(gas) => gas,
            Err(ChainError::Query {
                codespace, code, log, ..
            }) => {
                return Ok(Outcome::Refused { codespace, code, log });
            }
            Err(error) => return Err(error),
        };
        let gas = gas.saturating_mul(3).div_ceil(2).saturating_add(20_000);
        let price = u128::from(gas)
            .saturating_mul(fees.per_thousand_gas)
            .div_ceil(1000);
        let fee = tx::fee(price, &fees.denom, gas)?;
        let bytes = tx::signed(key, self.id(), account, &body, fee)?;
        let hash = Hash::Sha256(Sha256::digest(&bytes).into());
        self.send(bytes, hash, timeout).await
    }

    async fn simulate(&self, tx_bytes: Vec<u8>) -> Result<u64, ChainError> {
        let request = SimulateRequest {
            tx_bytes,
            ..SimulateRequest::default()
        };
        let answer = self.grpc(SIMULATE, request.encode_to_vec()).await?;
        let info = decode::<SimulateResponse>(SIMULATE, &answer.value)?.gas_info;
        Ok(info.unwrap_or_default().gas_used)
    }

    /// Broadcasts and waits. The same bytes may be offered to several nodes: a transaction counts once.
    async fn send(&self, bytes: Vec<u8>, hash: Hash, timeout: u64) -> Result<Outcome, ChainError> {
        let call = |client: tendermint_rpc::HttpClient| {
            let bytes = bytes.clone();
            async move { client.broadcast_tx_sync(bytes).await }
        };
        match self.ask("broadcast_tx_sync", call).await {
            Ok(check) if check.code.is_err() => {
                return Ok(Outcome::Refused {
                    codespace: check.codespace,
                    code: check.code.value(),
                    log: check.log,
                });
            }
            Ok(_) => {}
            Err(ChainError::Query { log, .. }) if log.contains("already exists in cache") => {}
            Err(ChainError::Query {
                codespace, code, log, ..
            }) => {
                return Ok(Outcome::Refused { codespace, code, log });
            }
            // An answer may be lost on its way while the transaction is not.
            Err(error) => tracing::warn!(%hash, %error, "no node confirmed that it took a transaction"),
        }
        self.follow(hash, timeout).await
    }

    /// Waits until a transaction is in a block or can no longer be.
    async fn follow(&self, hash: Hash, timeout: u64) -> Result<Outcome, ChainError> {
        let started = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(POLL).await;
            // The height first: a block that comes between the two questions is looked into next time.
            let height = self.height().await;
            let found = self
                .ask("tx", |client| async move { client.tx(hash, false).await })
                .await;
            let reason = match (found, height) {
                (Ok(found), _) => return Ok(included(found)),
                (Err(ChainError::Query { log, .. }), Ok(height)) if log.contains("not found") => {
                    // One block more, as a node's index may follow its height.
                    if height > timeout.saturating_add(1) {
                        let hash = hash.to_string();
                        return Ok(Outcome::Expired { hash });
                    }
                    continue;
                }
                (Err(error), _) => error.to_string(),
            };
            if started.elapsed() > PATIENCE {
                let hash = hash.to_string();
                return Ok(Outcome::Unknown { hash, reason });
            }
        }
    }
}

fn included(found: tendermint_rpc::endpoint::tx::Response) -> Outcome {
    let (height, hash, result) = (found.height.value(), found.hash.to_string(), found.tx_result);
    if result.code.is_err() {
        return Outcome::Failed {
            height,
            hash,
            codespace: result.codespace,
            code: result.code.value(),
            log: result.log,
        };
    }
    let attributes = result.events.iter().flat_map(|event| {
        let text = |result: Result<&str, _>| result.ok().map(str::to_owned);
        event.attributes.iter().filter_map(move |attribute| {
            let (key, value) = (text(attribute.key_str())?, text(attribute.value_str())?);
            Some((event.kind.clone(), key, value))
        })
    });
    Outcome::Included {
        height,
        hash,
        events: attributes.collect(),
    }
}
