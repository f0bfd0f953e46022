//! The consensus engine's side of ABCI, in process.

use bytes::Bytes;
use prost::Message;
use quern_genesis::{ConsensusKey, Validator};
use quern_proto::cosmos::{
    auth::v1beta1::{BaseAccount, QueryAccountRequest, QueryAccountResponse},
    bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
    base::abci::v1beta1::GasInfo,
    tx::v1beta1::{SimulateRequest, SimulateResponse},
};
use sha2::{Digest, Sha256};
use tendermint_abci::Application;
use tendermint_proto::{
    google::protobuf::Timestamp,
    v0_38::abci::{
        CheckTxType, RequestCheckTx, RequestFinalizeBlock, RequestInfo, RequestInitChain,
        RequestPrepareProposal, RequestProcessProposal, RequestQuery, ResponseCheckTx, ResponseFinalizeBlock,
        ResponseInitChain, ResponseQuery, response_process_proposal::ProposalStatus,
    },
};

use crate::{GENESIS_TIME, Genesis, TxBuilder, User};

/// Why the application refused a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// For example `sdk`.
    pub codespace: String,
    /// Non-zero code.
    pub code: u32,
    /// Text that clients match on.
    pub log: String,
}

/// An application and the height that it is at.
pub struct Chain<A> {
    /// The application, as the node serves it.
    pub app: A,
    /// Height of the last block; 0 before the first.
    pub height: i64,
    /// Application hash of the last block.
    pub app_hash: Vec<u8>,
    /// Consensus address of who proposes the next blocks; the only validator unless a test says otherwise.
    pub proposer: [u8; 20],
}

impl<A: Application> Chain<A> {
    /// Gives a new application its genesis.
    pub fn start(app: A, genesis: Genesis) -> Self {
        let (chain, _) = Self::start_with_answer(app, genesis);
        chain
    }

    /// As [`Chain::start`], with the application's answer.
    pub fn start_with_answer(app: A, genesis: Genesis) -> (Self, ResponseInitChain) {
        let request = init_request(&genesis);
        let height = request.initial_height - 1;
        let answer = app.init_chain(request);
        let app_hash = answer.app_hash.to_vec();
        (
            Self {
                app,
                height,
                app_hash,
                proposer: validator().address(),
            },
            answer,
        )
    }

    /// Takes an application that has blocks already, as CometBFT does at a restart.
    pub fn resume(app: A) -> Self {
        let info = app.info(RequestInfo::default());
        Self {
            height: info.last_block_height,
            app_hash: info.last_block_app_hash.to_vec(),
            proposer: validator().address(),
            app,
        }
    }

    /// Executes and commits the next block.
    pub fn block(&mut self, txs: impl IntoIterator<Item = Vec<u8>>) -> ResponseFinalizeBlock {
        let answer = self.finalize(txs);
        self.commit(&answer);
        answer
    }

    /// As [`Chain::block`], with a request that is changed in any way, such as by evidence.
    pub fn block_with(&mut self, change: impl FnOnce(&mut RequestFinalizeBlock)) -> ResponseFinalizeBlock {
        let answer = self.finalize_with([], change);
        self.commit(&answer);
        answer
    }

    /// Executes the next block without committing it, as before a crash.
    pub fn finalize(&self, txs: impl IntoIterator<Item = Vec<u8>>) -> ResponseFinalizeBlock {
        self.finalize_with(txs, |_| {})
    }

    fn finalize_with(
        &self,
        txs: impl IntoIterator<Item = Vec<u8>>,
        change: impl FnOnce(&mut RequestFinalizeBlock),
    ) -> ResponseFinalizeBlock {
        let txs: Vec<Bytes> = txs.into_iter().map(Bytes::from).collect();
        let count = txs.len();
        let height = self.height + 1;
        let mut request = RequestFinalizeBlock {
            txs,
            height,
            time: Some(time_of(height)),
            hash: Sha256::digest(height.to_be_bytes()).to_vec().into(),
            proposer_address: self.proposer.to_vec().into(),
            ..Default::default()
        };
        change(&mut request);
        let answer = self.app.finalize_block(request);
        assert_eq!(answer.tx_results.len(), count, "one result per transaction");
        answer
    }

    /// Commits what [`Chain::finalize`] executed.
    pub fn commit(&mut self, answer: &ResponseFinalizeBlock) {
        self.app.commit();
        self.height += 1;
        self.app_hash = answer.app_hash.to_vec();
        let info = self.app.info(RequestInfo::default());
        assert_eq!(
            info.last_block_height, self.height,
            "Info reports the committed height"
        );
        assert_eq!(
            info.last_block_app_hash.to_vec(),
            self.app_hash,
            "Info reports the committed hash"
        );
    }

    /// `n` blocks without transactions.
    pub fn empty_blocks(&mut self, n: usize) {
        for _ in 0..n {
            self.block([]);
        }
    }

    /// A new transaction at the mempool.
    pub fn check(&self, tx: &[u8]) -> ResponseCheckTx {
        self.check_as(tx, CheckTxType::New)
    }

    /// A transaction at the mempool after a block.
    pub fn recheck(&self, tx: &[u8]) -> ResponseCheckTx {
        self.check_as(tx, CheckTxType::Recheck)
    }

    fn check_as(&self, tx: &[u8], kind: CheckTxType) -> ResponseCheckTx {
        self.app.check_tx(RequestCheckTx {
            tx: tx.to_vec().into(),
            r#type: kind.into(),
        })
    }

    /// What the application would propose out of these transactions.
    pub fn prepare(&self, txs: impl IntoIterator<Item = Vec<u8>>, max_tx_bytes: i64) -> Vec<Vec<u8>> {
        let height = self.height + 1;
        let request = RequestPrepareProposal {
            max_tx_bytes,
            txs: txs.into_iter().map(Bytes::from).collect(),
            height,
            time: Some(time_of(height)),
            proposer_address: self.proposer.to_vec().into(),
            ..Default::default()
        };
        self.app
            .prepare_proposal(request)
            .txs
            .iter()
            .map(|tx| tx.to_vec())
            .collect()
    }

    /// Whether the application accepts a proposal of these transactions.
    pub fn accepts(&self, txs: impl IntoIterator<Item = Vec<u8>>) -> bool {
        let height = self.height + 1;
        let request = RequestProcessProposal {
            txs: txs.into_iter().map(Bytes::from).collect(),
            height,
            time: Some(time_of(height)),
            proposer_address: self.proposer.to_vec().into(),
            ..Default::default()
        };
        self.app.process_proposal(request).status == i32::from(ProposalStatus::Accept)
    }

    /// A raw ABCI query; height 0 is the latest.
    pub fn query_raw(&self, path: &str, data: Vec<u8>, height: i64, prove: bool) -> ResponseQuery {
        self.app.query(RequestQuery {
            path: path.into(),
            data: data.into(),
            height,
            prove,
        })
    }

    /// A gRPC method by its path.
    ///
    /// # Errors
    /// What the application refused it with.
    pub fn query<Q: Message, R: Message + Default>(&self, path: &str, request: &Q) -> Result<R, QueryError> {
        let answer = self.query_raw(path, request.encode_to_vec(), 0, false);
        match answer.code {
            0 => Ok(R::decode(answer.value).expect("the answer has its declared type")),
            code => Err(QueryError {
                codespace: answer.codespace,
                code,
                log: answer.log,
            }),
        }
    }

    /// An account; `None` if the chain has never seen it.
    pub fn account(&self, user: &User) -> Option<BaseAccount> {
        let request = QueryAccountRequest {
            address: user.address().to_string(),
        };
        match self.query::<_, QueryAccountResponse>("/cosmos.auth.v1beta1.Query/Account", &request) {
            Ok(found) => {
                let any = found.account.expect("an account");
                Some(BaseAccount::decode(any.value.as_slice()).expect("a base account"))
            }
            Err(e) if e.code == 22 => None,
            Err(e) => panic!("{e:?}"),
        }
    }

    /// Base units that a user owns.
    pub fn balance(&self, user: &User, denom: &str) -> u128 {
        let request = QueryBalanceRequest {
            address: user.address().to_string(),
            denom: denom.into(),
        };
        let found: QueryBalanceResponse = self
            .query("/cosmos.bank.v1beta1.Query/Balance", &request)
            .expect("a balance");
        found.balance.expect("a coin").amount.parse().expect("a number")
    }

    /// A transaction of a user with the number and sequence that the chain has for it.
    pub fn tx(&self, user: &User) -> TxBuilder {
        let account = self.account(user).unwrap_or_default();
        TxBuilder::new(account.account_number, account.sequence)
    }

    /// Gas of a transaction, as clients ask for it before they sign.
    ///
    /// # Errors
    /// What the application refused it with.
    pub fn simulate(&self, tx: &[u8]) -> Result<GasInfo, QueryError> {
        let request = SimulateRequest {
            tx_bytes: tx.to_vec(),
            ..Default::default()
        };
        let answer: SimulateResponse = self.query("/cosmos.tx.v1beta1.Service/Simulate", &request)?;
        Ok(answer.gas_info.unwrap_or_default())
    }
}

/// The only validator.
fn validator() -> ConsensusKey {
    ConsensusKey::Ed25519 { value: [7; 32] }
}

fn time_of(height: i64) -> Timestamp {
    Timestamp {
        seconds: GENESIS_TIME + height,
        nanos: 0,
    }
}

/// The request that CometBFT makes of a genesis document; where that has no validators and no contract
/// proposes them, with the only one.
fn init_request(genesis: &Genesis) -> RequestInitChain {
    let mut document = genesis.document().clone();
    let contracts = document.app_state.system.contract_addresses();
    if document.validators.is_empty() && !contracts.iter().any(|c| c.0 == "bonding") {
        document.validators = vec![Validator::new(validator(), 10, "only")];
    }
    quern_genesis::abci::init_chain(&document).expect("a genesis")
}
