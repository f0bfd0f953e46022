//! Messages of the probe.
use cosmwasm_std::{
    Addr, Binary, Coin, DecCoin, Delegation, DelegationTotalRewardsResponse, Event, FullDelegation, SubMsg,
    ValidatorMetadata,
};
use serde::{Deserialize, Serialize};

/// Instantiates the probe; the response carries the attributes and the submessages.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Attributes of the response.
    #[serde(default)]
    pub attrs: Vec<(String, String)>,
    /// Submessages of the response.
    #[serde(default)]
    pub msgs: Vec<SubMsg>,
    /// Values to store first, as [`ExecuteMsg::Set`] does.
    #[serde(default)]
    pub set: Vec<(String, String)>,
}

/// Migrates the probe: stores `note` under the key `migrated`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct MigrateMsg {
    /// What to store.
    #[serde(default)]
    pub note: String,
}

/// What the chain itself may ask.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SudoMsg {
    /// Stores a value.
    Set {
        /// Key as [`ExecuteMsg::Set`] has it.
        key: String,
        /// Value.
        value: String,
    },
    /// Returns an error.
    Fail {},
    /// The chain's own call after each block, played by the script `end_block`: a value that
    /// [`ExecuteMsg::Set`] stored. The message is kept as JSON under `seen/end_block`; then the scripts
    /// `fail`, `panic` and `loop` do so, and any other text is the data of the answer.
    EndBlock {},
    /// The same at the end of an epoch, by the script `end_epoch`.
    EndEpoch {
        /// Number of the epoch.
        epoch: String,
        /// The set in force.
        #[serde(default)]
        validators: Vec<Validator>,
    },
    /// The same for evidence against a validator, by the script `misbehavior`.
    Misbehavior {
        /// Upper-case hexadecimal.
        consensus_address: String,
        /// Height of the offence.
        height: String,
        /// Its time.
        time_nanos: String,
        /// The validator's power.
        power: String,
    },
}

/// A validator in force at the end of an epoch.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Base64.
    pub pubkey: String,
    /// Power.
    pub power: String,
    /// Blocks signed.
    pub signed: String,
    /// Blocks missed.
    pub missed: String,
}

/// What a test may ask.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecuteMsg {
    /// Answers with the given attributes, events and data.
    Echo {
        /// Attributes of the `wasm` event.
        #[serde(default)]
        attrs: Vec<(String, String)>,
        /// Further events.
        #[serde(default)]
        events: Vec<Event>,
        /// Data of the response.
        #[serde(default)]
        data: Option<Binary>,
    },
    /// Sends coins of the contract.
    BankSend {
        /// Receiver.
        to: String,
        /// Coins.
        amount: Vec<Coin>,
    },
    /// Answers with these submessages, in order.
    Sub {
        /// With reply mode, gas limit, id and payload as the host reads them.
        msgs: Vec<SubMsg>,
    },
    /// Stores `value` under the raw key `data/` followed by `key`.
    Set {
        /// Key.
        key: String,
        /// Value, stored as its bytes.
        value: String,
    },
    /// Returns an error.
    Fail {},
    /// Aborts.
    Panic {},
    /// Computes for ever.
    Loop {},
    /// Executes itself, one level less deep, until `depth` is 0.
    Recurse {
        /// Levels left.
        depth: u32,
    },
    /// Asks itself [`QueryMsg::Recurse`]; the data of the response is the answer.
    QueryRecurse {
        /// Levels left.
        depth: u32,
    },
    /// Asks the chain, as [`QueryMsg::Chain`]; the data of the response is the answer.
    Ask {
        /// JSON of a query, or anything else.
        request: Binary,
    },
    /// Answers with `len` zero bytes of data.
    BigData {
        /// Bytes.
        len: u32,
    },
    /// Stores one value of `len` bytes under the raw key `data/big`.
    BigWrite {
        /// Bytes.
        len: u32,
    },
    /// Answers with bytes that are no response.
    BadReply {},
    /// Calls itself and fails in the reply.
    FailInReply {},
    /// Calls itself, and again in the reply, without end.
    RecurseInReply {},
    /// What a cw20 token tells the contract that it is sent to.
    Receive {
        /// Who sent it.
        sender: String,
        /// How much, in decimal.
        amount: String,
        /// The sender's own words.
        msg: Binary,
    },
}

/// What a test may read.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueryMsg {
    /// A value that [`ExecuteMsg::Set`] stored: `Option<String>`.
    Get {
        /// Key.
        key: String,
    },
    /// The environment that the host passes: `Env`.
    Env {},
    /// Asks itself, one level less deep, until `depth` is 0: the depth reached.
    Recurse {
        /// Levels left.
        depth: u32,
    },
    /// The last reply: `Option<LastReply>`.
    LastReply {},
    /// Asks the chain: `SystemResult<ContractResult<Binary>>`, as the host answers.
    Chain {
        /// JSON of a query, or anything else.
        request: Binary,
    },
    /// What the chain says of a delegation, read by cosmwasm-std: [`Stakes`].
    Stakes {
        /// Delegator.
        delegator: String,
        /// Operator address.
        validator: String,
    },
    /// Computes for ever.
    Loop {},
}

/// Answers to all questions about a delegation, its delegator and its validator.
#[derive(Serialize, Clone, Debug)]
pub struct Stakes {
    /// The coin that is staked.
    pub bonded_denom: String,
    /// Validators that vote.
    pub all_validators: Vec<ValidatorMetadata>,
    /// The validator, if there is one.
    pub validator: Option<cosmwasm_std::Validator>,
    /// The delegator's delegations.
    pub all_delegations: Vec<Delegation>,
    /// The delegation, if there is one.
    pub delegation: Option<FullDelegation>,
    /// Where the delegator's rewards go.
    pub withdraw_address: Addr,
    /// The delegation's rewards, if there is one.
    pub rewards: Option<Vec<DecCoin>>,
    /// The delegator's rewards.
    pub total_rewards: DelegationTotalRewardsResponse,
    /// Validators that the delegator delegates to.
    pub delegator_validators: Vec<String>,
}

/// The reply that the host delivered last.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct LastReply {
    /// Id of the submessage.
    pub id: u64,
    /// Payload of the submessage.
    pub payload: Binary,
    /// Gas that the submessage used, as told by the host.
    pub gas_used: u64,
    /// Whether it succeeded.
    pub success: bool,
    /// The host's error text, if it failed.
    pub error: Option<String>,
    /// The submessage's data (the deprecated field).
    pub data: Option<Binary>,
    /// Type URL and value of each message response.
    pub msg_responses: Vec<(String, Binary)>,
    /// The submessage's events.
    pub events: Vec<Event>,
}
