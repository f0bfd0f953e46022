//! `registry`: who serves what, where, with which keys.

use quern_protocol::{Amount, Bytes, Coefficients, Hash, Price, PublicKey};
use serde::{Deserialize, Serialize};

/// Parameters; governance changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Denomination of every amount.
    pub denom: String,
    /// Burned when a host registers or re-qualifies.
    pub entry_fee: Amount,
    /// Bond that one unit of capacity needs: effective capacity = min(declared, bond / this).
    pub bond_per_capacity: Amount,
    /// Most models that one host offers.
    pub max_offers: u32,
    /// Blocks from a conviction until the host may re-qualify for the model.
    pub requalify_blocks: u64,
    /// Most blocks of maintenance that a host may declare in `maintenance_window` blocks.
    pub maintenance_credit: u64,
    /// The window of that credit, in blocks.
    pub maintenance_window: u64,
}

/// Where a model is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Known; no sessions.
    Proposed,
    /// Sessions by those who ask for it by name; hosts qualify.
    Canary,
    /// Open to all.
    Live,
    /// No new sessions; open ones go on.
    Retiring,
    /// Gone.
    Retired,
}

/// What launches a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchPackage {
    /// Name that clients ask for, such as `quern-small`.
    pub id: String,
    /// Hash of configuration, tokenizer and weights.
    pub hash: Hash,
    /// Most tokens of prompt and output together.
    pub context: u32,
    /// Compute precision of the model's group, such as `fp32`.
    pub precision: String,
    /// Version of the seeded sampler.
    pub sampler: u32,
    /// Version of how a request becomes a prompt's tokens: templates, tools, special tokens.
    #[serde(default = "first")]
    pub rendering: u32,
    /// Version of how schemas and grammars become the sampler's masks.
    #[serde(default = "first")]
    pub grammar: u32,
    /// Price at launch, per token.
    pub price: Price,
    /// What each kind of token costs of it.
    pub coefficients: Coefficients,
    /// Hardware profiles that were calibrated against each other.
    pub profiles: Vec<String>,
    /// State.
    pub state: ModelState,
}

/// Packages from before these versions say nothing of them.
const fn first() -> u32 {
    1
}

/// A model that a host offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Model id.
    pub model: String,
    /// Declared capacity in tokens a second.
    pub capacity: u64,
    /// Hardware profile, one of the model's.
    pub profile: String,
}

/// First message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Who changes parameters and models: governance.
    pub authority: String,
    /// The bonding contract.
    pub bonding: String,
    /// Contracts that may convict: settlement, later the audits.
    pub judges: Vec<String>,
    /// Parameters.
    pub params: Params,
    /// Models at launch.
    pub models: Vec<LaunchPackage>,
}

/// Messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExecuteMsg {
    /// The sender becomes a host; its address is the host's id. Funds: exactly the entry fee, which burns.
    RegisterHost(HostDetails),
    /// Changes what is given.
    UpdateHost(HostUpdate),
    /// Replaces the warm key from the next block on; receipts of earlier blocks stay valid under the old.
    RotateWarmKey {
        /// New key.
        warm_key: PublicKey,
    },
    /// Gives a new beacon anchor.
    SetBeaconAnchor {
        /// Outermost layer of the onion.
        anchor: Bytes<32>,
    },
    /// Replaces the host's offers.
    SetOffers {
        /// All of them.
        offers: Vec<Offer>,
    },
    /// Declares maintenance: no draws, no penalty.
    DeclareMaintenance {
        /// First block.
        from: u64,
        /// Block after the last.
        to: u64,
    },
    /// The host stops: offers end, bond may be unbonded. Registering again costs the fee again.
    RetireHost {},
    /// Comes back into a model's group after a conviction. Funds: the entry fee.
    Requalify {
        /// Model.
        model: String,
    },
    /// The sender becomes a router.
    RegisterRouter(RouterDetails),
    /// Changes a router's record.
    UpdateRouter(RouterDetails),
    /// The router stops.
    RetireRouter {},
    /// From `bonding`: a host's bond changed.
    SetBond {
        /// Host.
        host: String,
        /// Active bond as far as it counts.
        bond: Amount,
    },
    /// From `bonding`: a validator's key signed two blocks; the host leaves for good.
    Tombstone {
        /// Host.
        host: String,
    },
    /// From a judge: raises the generation of (host, model) and takes the host out of the group.
    Convict {
        /// Host.
        host: String,
        /// Model.
        model: String,
    },
    /// From governance: a new model, or a change of one (its hash cannot change).
    PutModel(LaunchPackage),
    /// From governance: another state.
    SetModelState {
        /// Model.
        model: String,
        /// State.
        state: ModelState,
    },
    /// From governance.
    UpdateParams(Params),
}

/// What a host registers with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostDetails {
    /// Name for people, 1 to 70 characters.
    pub moniker: String,
    /// Base URL of the worker: `https://host:port`.
    pub endpoint: String,
    /// Ed25519 key that the worker proves in TLS.
    pub transport_key: Bytes<32>,
    /// Ed25519 consensus key.
    pub consensus_key: Bytes<32>,
    /// Outermost layer of the beacon onion; without it the validator reveals nothing.
    pub beacon_anchor: Option<Bytes<32>>,
    /// Secp256k1 key that signs receipts and the worker's transactions.
    pub warm_key: PublicKey,
    /// Who is paid; the host itself if none.
    pub payout: Option<String>,
    /// Models.
    pub offers: Vec<Offer>,
}

/// Changes of a host's record; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostUpdate {
    /// Name.
    pub moniker: Option<String>,
    /// Endpoint.
    pub endpoint: Option<String>,
    /// Transport key.
    pub transport_key: Option<Bytes<32>>,
    /// Who is paid.
    pub payout: Option<String>,
}

/// What a router registers with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterDetails {
    /// Name for people.
    pub moniker: String,
    /// Base URL that users call.
    pub endpoint: String,
    /// Ed25519 key that the router proves to workers.
    pub transport_key: Bytes<32>,
    /// Its fee in basis points of captured amounts.
    pub fee_bps: u32,
}

/// Where a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostStatus {
    /// Serving.
    Active,
    /// Stopped by its operator.
    Retired,
    /// Out for good after signing two blocks.
    Tombstoned,
}

/// A warm key and when it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmKey {
    /// Key.
    pub key: PublicKey,
    /// Its address, which signs the worker's transactions.
    pub address: String,
    /// First height at which it counts.
    pub from: u64,
}

/// A host's membership in a model's group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Offer.
    pub offer: Offer,
    /// Capacity that draws count: the declared one as far as bond covers it; 0 while out of the group.
    pub effective: u64,
    /// Raised by each conviction.
    pub generation: u32,
    /// Height from which the host may re-qualify, while convicted.
    pub convicted_until: Option<u64>,
}

/// A host's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostInfo {
    /// Operator's address.
    pub host: String,
    /// Name.
    pub moniker: String,
    /// Worker's URL.
    pub endpoint: String,
    /// Worker's TLS key.
    pub transport_key: Bytes<32>,
    /// Consensus key.
    pub consensus_key: Bytes<32>,
    /// Beacon anchor.
    pub beacon_anchor: Option<Bytes<32>>,
    /// Current warm key.
    pub warm_key: WarmKey,
    /// Who is paid.
    pub payout: String,
    /// Active bond as far as it counts (`HostBond::counted`).
    pub bond: Amount,
    /// Groups.
    pub memberships: Vec<Membership>,
    /// Status.
    pub status: HostStatus,
    /// Declared maintenance, first block and block after the last.
    pub maintenance: Vec<(u64, u64)>,
}

/// A router's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterInfo {
    /// Address.
    pub router: String,
    /// Details.
    pub details: RouterDetails,
    /// Whether it stopped.
    pub retired: bool,
}

/// Questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum QueryMsg {
    /// [`Params`].
    Params {},
    /// [`HostInfo`], an error for an unknown one.
    Host {
        /// Operator's address.
        host: String,
    },
    /// `Vec<HostInfo>` by address.
    Hosts {
        /// After this address.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`HostInfo`] of whoever has, or had, this warm key address.
    HostByWarmKey {
        /// Address of the warm key.
        address: String,
    },
    /// [`HostInfo`] of whoever has this consensus address.
    HostByConsensusAddress {
        /// 40 upper-case hexadecimal digits.
        consensus_address: String,
    },
    /// `Vec<Option<String>>`: whose these consensus addresses are, in their order; none of nobody's. One read for each.
    ConsensusOwners {
        /// Each of 40 upper-case hexadecimal digits; at most 200.
        consensus_addresses: Vec<String>,
    },
    /// [`WarmKey`] that counted at a height.
    WarmKeyAt {
        /// Host.
        host: String,
        /// Height.
        height: u64,
    },
    /// [`LaunchPackage`] with its current state.
    Model {
        /// Id.
        model: String,
    },
    /// `Vec<LaunchPackage>` by id.
    Models {
        /// After this id.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Vec<GroupMember>` of a model by address.
    Group {
        /// Model.
        model: String,
        /// After this host.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Vec<GroupMember>`: up to `count` hosts of a model's group, drawn by effective capacity without
    /// replacement ([`quern_protocol::Draw`] over the group's sum tree, at most 8 draws a place).
    Draw {
        /// Model.
        model: String,
        /// Seed.
        seed: Hash,
        /// Most hosts.
        count: u32,
    },
    /// `Vec<GroupMember>` of the named hosts now, in their order; a host outside the group has capacity 0.
    Members {
        /// Model.
        model: String,
        /// Hosts, at most 16.
        hosts: Vec<String>,
    },
    /// `Vec<ConsensusIdentity>` of the named hosts, in their order, without those that may not validate.
    ConsensusIdentities {
        /// Hosts, at most 200.
        hosts: Vec<String>,
    },
    /// `Vec<Standing>` of the named hosts, in their order, without unknown ones: what the source of validators
    /// needs at an epoch's end.
    Standings {
        /// Hosts, at most 100, each with at most 16 models.
        hosts: Vec<StandingOf>,
    },
    /// [`Amount`]: effective capacity of a model's whole group, in tokens a second.
    Capacity {
        /// Model.
        model: String,
    },
    /// [`Price`] per token of a model at a height.
    PriceAt {
        /// Model.
        model: String,
        /// Height.
        height: u64,
    },
    /// [`RouterInfo`].
    Router {
        /// Address.
        router: String,
    },
    /// `Vec<RouterInfo>` by address.
    Routers {
        /// After this address.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
}

/// One host in a model's group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupMember {
    /// Host.
    pub host: String,
    /// Effective capacity.
    pub capacity: u64,
    /// Generation.
    pub generation: u32,
}

/// What consensus needs of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusIdentity {
    /// Host.
    pub host: String,
    /// Consensus key.
    pub consensus_key: Bytes<32>,
    /// Beacon anchor.
    pub beacon_anchor: Option<Bytes<32>>,
}

/// Whose standing is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingOf {
    /// Host.
    pub host: String,
    /// Models.
    pub models: Vec<String>,
}

/// How a host stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Host.
    pub host: String,
    /// Status.
    pub status: HostStatus,
    /// Consensus key.
    pub consensus_key: Bytes<32>,
    /// Beacon anchor.
    pub beacon_anchor: Option<Bytes<32>>,
    /// Declared maintenance, first block and block after the last.
    pub maintenance: Vec<(u64, u64)>,
    /// Generation for each model that was asked for, and whether the host is convicted and did not re-qualify.
    pub generations: Vec<(u32, bool)>,
}
