//! A host's record: `quernd tx register-host` and its kin.

use std::path::PathBuf;

use quern_interface::registry::{ExecuteMsg, HostDetails, HostUpdate, LaunchPackage, Offer, QueryMsg};
use quern_protocol::{Amount, Bytes, PublicKey};
use quern_types::AccAddress;

use super::call::{Call, Chain};
use crate::{
    Failure, Result, key_bytes,
    keys::read_all,
    qrn,
    system::{System, account},
};

/// Commands of hosts.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Become a host; burns the entry fee
    RegisterHost(Box<RegisterHost>),
    /// Change name, endpoint, transport key or who is paid
    UpdateHost(UpdateHost),
    /// Replace the key that signs receipts, from the next block on
    RotateWarmKey {
        /// Secp256k1 key: hexadecimal, base64, JSON, or @FILE
        #[arg(value_parser = key_bytes::bytes::<33>)]
        key: PublicKey,
    },
    /// Give a new end of the beacon's hash onion
    SetBeaconAnchor {
        /// 32 bytes: hexadecimal, base64, or @FILE
        #[arg(value_parser = key_bytes::bytes::<32>)]
        anchor: Bytes<32>,
    },
    /// Replace the models that the host offers; none stops serving
    SetOffers {
        /// Each MODEL=CAPACITY or MODEL=CAPACITY:PROFILE; capacity in tokens a second
        #[arg(value_name = "MODEL=CAPACITY[:PROFILE]")]
        offers: Vec<OfferArg>,
    },
    /// Announce maintenance: no draws, no penalty
    DeclareMaintenance {
        /// First block
        #[arg(value_name = "FROM")]
        first: u64,
        /// Block after the last
        #[arg(value_name = "TO")]
        end: u64,
    },
    /// Stop being a host; the bond can be unbonded then
    RetireHost,
    /// Come back into a model's group after a conviction; burns the entry fee
    Requalify {
        /// Model
        model: String,
        /// The entry fee, else asked from the registry
        #[arg(long, value_name = "AMOUNT", value_parser = qrn::amount)]
        entry_fee: Option<Amount>,
    },
}

/// Arguments of `register-host`.
#[derive(Clone, Debug, clap::Args)]
pub struct RegisterHost {
    /// Name for people
    #[arg(long)]
    moniker: String,
    /// Worker's address for routers: https://HOST:PORT
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// The worker's keys, as `quern-worker keys` prints them; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["transport_key", "warm_key"])]
    worker_keys: Option<PathBuf>,
    /// Ed25519 key that the worker proves in TLS: hexadecimal, base64, JSON, or @FILE
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<32>, required_unless_present = "worker_keys")]
    transport_key: Option<Bytes<32>>,
    /// Ed25519 key of the host's validator; @HOME/config/priv_validator_key.json has it
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<32>)]
    consensus_key: Bytes<32>,
    /// Secp256k1 key that signs receipts and the worker's transactions
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<33>, required_unless_present = "worker_keys")]
    warm_key: Option<PublicKey>,
    /// End of the beacon's hash onion, from `quernd beacon anchor`; without it the validator reveals nothing
    #[arg(long, value_name = "BYTES", value_parser = key_bytes::bytes::<32>)]
    beacon_anchor: Option<Bytes<32>>,
    /// Who is paid [default: the host itself]
    #[arg(long, value_name = "ADDRESS", value_parser = account)]
    payout: Option<AccAddress>,
    /// A model to offer: MODEL=CAPACITY or MODEL=CAPACITY:PROFILE; may be repeated
    #[arg(long = "offer", value_name = "MODEL=CAPACITY[:PROFILE]")]
    offers: Vec<OfferArg>,
    /// The entry fee, else asked from the registry
    #[arg(long, value_name = "AMOUNT", value_parser = qrn::amount)]
    entry_fee: Option<Amount>,
}

/// What `quern-worker keys` prints, as far as it matters.
#[derive(serde::Deserialize)]
struct WorkerKeys {
    warm_key: PublicKey,
    transport_key: Bytes<32>,
}

/// Arguments of `update-host`.
#[derive(Clone, Debug, clap::Args)]
pub struct UpdateHost {
    /// Name for people
    #[arg(long)]
    moniker: Option<String>,
    /// Worker's address for routers: https://HOST:PORT
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Ed25519 key that the worker proves in TLS: hexadecimal, base64, JSON, or @FILE
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<32>)]
    transport_key: Option<Bytes<32>>,
    /// Who is paid
    #[arg(long, value_name = "ADDRESS", value_parser = account)]
    payout: Option<AccAddress>,
}

/// A model on offer, as a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferArg {
    pub(super) model: String,
    pub(super) capacity: u64,
    pub(super) profile: Option<String>,
}

impl std::str::FromStr for OfferArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?}: write MODEL=CAPACITY or MODEL=CAPACITY:PROFILE");
        let (model, rest) = text.split_once('=').ok_or_else(refuse)?;
        let (capacity, profile) = match rest.split_once(':') {
            Some((capacity, profile)) => (capacity, Some(profile)),
            None => (rest, None),
        };
        let digits = !capacity.is_empty() && capacity.bytes().all(|b| b.is_ascii_digit());
        if model.is_empty() || profile == Some("") || !digits {
            return Err(refuse());
        }
        Ok(Self {
            model: model.to_owned(),
            capacity: capacity.parse().map_err(|_| refuse())?,
            profile: profile.map(str::to_owned),
        })
    }
}

impl Command {
    pub(super) async fn call(&self, chain: &Chain<'_>) -> Result<Call> {
        let mut fee = Amount::ZERO;
        let msg = match self {
            Self::RegisterHost(args) => {
                fee = chain.entry_fee(args.entry_fee).await?;
                ExecuteMsg::RegisterHost(args.details(chain).await?)
            }
            Self::UpdateHost(args) => ExecuteMsg::UpdateHost(args.update()?),
            Self::RotateWarmKey { key } => ExecuteMsg::RotateWarmKey { warm_key: *key },
            Self::SetBeaconAnchor { anchor } => ExecuteMsg::SetBeaconAnchor { anchor: *anchor },
            Self::SetOffers { offers } => ExecuteMsg::SetOffers {
                offers: resolve(offers, chain).await?,
            },
            Self::DeclareMaintenance { first, end } if first >= end => {
                return Err(Failure::Usage(format!("no block lies from {first} up to {end}")));
            }
            Self::DeclareMaintenance { first, end } => ExecuteMsg::DeclareMaintenance {
                from: *first,
                to: *end,
            },
            Self::RetireHost => ExecuteMsg::RetireHost {},
            Self::Requalify { model, entry_fee } => {
                fee = chain.entry_fee(*entry_fee).await?;
                ExecuteMsg::Requalify { model: model.clone() }
            }
        };
        Ok(Call::new(System::Registry, &msg)?.with(fee))
    }
}

impl RegisterHost {
    async fn details(&self, chain: &Chain<'_>) -> Result<HostDetails> {
        let (transport_key, warm_key) = self.worker_keys()?;
        Ok(HostDetails {
            moniker: self.moniker.clone(),
            endpoint: self.endpoint.clone(),
            transport_key,
            consensus_key: self.consensus_key,
            beacon_anchor: self.beacon_anchor,
            warm_key,
            payout: self.payout.as_ref().map(ToString::to_string),
            offers: resolve(&self.offers, chain).await?,
        })
    }

    fn worker_keys(&self) -> Result<(Bytes<32>, PublicKey)> {
        let (file, keys) = match (&self.worker_keys, self.transport_key, self.warm_key) {
            (None, Some(transport), Some(warm)) => return Ok((transport, warm)),
            (None, ..) => return Err(Failure::Usage("give --worker-keys, or both keys".into())),
            (Some(file), ..) => (file, serde_json::from_slice::<WorkerKeys>(&read_all(file)?)),
        };
        let keys = keys.map_err(|e| Failure::Usage(format!("{}: {e}", file.display())))?;
        Ok((keys.transport_key, keys.warm_key))
    }
}

impl UpdateHost {
    fn update(&self) -> Result<HostUpdate> {
        let update = HostUpdate {
            moniker: self.moniker.clone(),
            endpoint: self.endpoint.clone(),
            transport_key: self.transport_key,
            payout: self.payout.as_ref().map(ToString::to_string),
        };
        match update == HostUpdate::default() {
            true => Err(Failure::Usage(
                "nothing to change; give --moniker, --endpoint, --transport-key or --payout".into(),
            )),
            false => Ok(update),
        }
    }
}

/// Fills in the profiles that the flags leave open: the model's only one.
async fn resolve(offers: &[OfferArg], chain: &Chain<'_>) -> Result<Vec<Offer>> {
    let mut resolved = Vec::new();
    for offer in offers {
        let profile = match &offer.profile {
            Some(profile) => profile.clone(),
            None => only_profile(&offer.model, chain).await?,
        };
        resolved.push(Offer {
            model: offer.model.clone(),
            capacity: offer.capacity,
            profile,
        });
    }
    Ok(resolved)
}

async fn only_profile(model: &str, chain: &Chain<'_>) -> Result<String> {
    let question = QueryMsg::Model {
        model: model.to_owned(),
    };
    let flag = format!("a profile: {model}=CAPACITY:PROFILE");
    let package: LaunchPackage = chain.ask(System::Registry, &question, &flag).await?;
    match package.profiles.as_slice() {
        [profile] => Ok(profile.clone()),
        several => Err(Failure::Usage(format!(
            "{model} knows several hardware profiles; write {model}=CAPACITY:PROFILE with one of {}",
            several.join(", ")
        ))),
    }
}
