//! Every key of this contract.

use cosmwasm_std::Addr;
use cw_storage_plus::{Item, Map};
use quern_interface::registry::{HostStatus, LaunchPackage, Params, RouterDetails};
use quern_protocol::{Amount, Bytes, Price, PublicKey};
use serde::{Deserialize, Serialize};

use crate::math::Node;

/// Who may call what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Governance.
    pub authority: Addr,
    /// The bonding contract.
    pub bonding: Addr,
    /// Contracts that may convict.
    pub judges: Vec<Addr>,
}

/// A host's record, apart from what consensus reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    /// Name.
    pub moniker: String,
    /// Worker's URL.
    pub endpoint: String,
    /// Worker's TLS key.
    pub transport_key: Bytes<32>,
    /// Who is paid.
    pub payout: Addr,
    /// Active bond, as bonding last said.
    pub bond: Amount,
    /// Models offered, in the order in which bond covers them.
    pub offers: Vec<String>,
}

/// What consensus reads of a host; small, because an epoch's end reads many.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Consensus key.
    pub consensus_key: Bytes<32>,
    /// Beacon anchor.
    pub beacon_anchor: Option<Bytes<32>>,
    /// Status.
    pub status: HostStatus,
}

/// A host's offer of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Declared capacity.
    pub capacity: u64,
    /// Hardware profile.
    pub profile: String,
    /// Place in the group's tree.
    pub slot: u32,
    /// What the tree holds there.
    pub effective: u64,
}

/// What a host's convictions for a model left. It outlives offers and registrations.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Conviction {
    /// Number of convictions.
    pub generation: u32,
    /// Height from which the host may re-qualify; none once it did.
    pub until: Option<u64>,
}

/// Shape of a group's tree.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// Slots ever given.
    pub slots: u32,
    /// Of them, free again: the height of the stack [`FREE`].
    pub free: u32,
    /// Levels of nodes.
    pub depth: u8,
}

/// A router's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Router {
    /// Details.
    pub details: RouterDetails,
    /// Whether it stopped.
    pub retired: bool,
}

/// Configuration.
pub const CONFIG: Item<Config> = Item::new("config");
/// Parameters.
pub const PARAMS: Item<Params> = Item::new("params");
/// Hosts by operator.
pub const HOSTS: Map<&Addr, Host> = Map::new("hosts");
/// Consensus identities by operator.
pub const IDENTITIES: Map<&Addr, Identity> = Map::new("identities");
/// Operator by consensus address, for ever: late evidence must find it.
pub const CONSENSUS: Map<&[u8], Addr> = Map::new("consensus");
/// Warm keys by operator and first height.
pub const WARM_KEYS: Map<(&Addr, u64), PublicKey> = Map::new("warm_keys");
/// Operator by address of a warm key, current or past.
pub const WARM_OWNERS: Map<&Addr, Addr> = Map::new("warm_owners");
/// Maintenance windows by operator: first block, block after the last.
pub const MAINTENANCE: Map<&Addr, Vec<(u64, u64)>> = Map::new("maintenance");
/// Models by id; `price` is the one at launch, [`PRICES`] holds what counts.
pub const MODELS: Map<&str, LaunchPackage> = Map::new("models");
/// Prices by model and first height.
pub const PRICES: Map<(&str, u64), Price> = Map::new("prices");
/// Offers by model and operator.
pub const MEMBERS: Map<(&str, &Addr), Member> = Map::new("members");
/// Convictions by model and operator.
pub const CONVICTIONS: Map<(&str, &Addr), Conviction> = Map::new("convictions");
/// Shape of each model's tree.
pub const GROUPS: Map<&str, Group> = Map::new("groups");
/// Nodes of the trees by model, level from the leaves, index.
pub const NODES: Map<(&str, u8, u32), Node> = Map::new("nodes");
/// Operator by model and slot.
pub const SLOTS: Map<(&str, u32), Addr> = Map::new("slots");
/// Stack of free slots by model.
pub const FREE: Map<(&str, u32), u32> = Map::new("free");
/// Routers.
pub const ROUTERS: Map<&Addr, Router> = Map::new("routers");
