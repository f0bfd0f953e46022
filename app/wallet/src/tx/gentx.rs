//! Transactions of genesis: a host registers and bonds before the chain's first block.

use std::path::{Path, PathBuf};

use prost::{Message, Name};
use quern_interface::{
    bonding,
    registry::{self, HostDetails, LaunchPackage, Offer},
};
use quern_proto::{
    Any,
    cosmos::tx::v1beta1::{AuthInfo, Tx, TxBody, TxRaw},
    cosmwasm::wasm::v1::MsgExecuteContract,
    type_url,
};
use quern_protocol::{Amount, Bytes, PublicKey};
use quern_types::{AccAddress, Coins};
use serde::Serialize;

use super::{
    bonding::rate_or_fraction,
    factory::{fee, wire_coins},
    flags::Mode,
    host::OfferArg,
    sign_doc::{Facts, sign_bytes},
    signer::Signer,
};
use crate::{Failure, Keyring, PasswordFlags, Result, failure::usage, json, key_bytes, qrn, system::account};

/// Gas of the transaction: two calls, each far below.
const GAS: u64 = 20_000_000;

/// Arguments of `quernd genesis gentx`.
#[derive(Clone, Debug, clap::Args)]
pub struct GentxArgs {
    /// Name of the host's key in the keyring
    pub key: String,
    /// The host's own bond, for example 100qrn
    #[arg(long, value_name = "AMOUNT", value_parser = qrn::amount)]
    pub amount: Amount,
    /// Worker's address for routers: https://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub endpoint: String,
    /// Ed25519 key that the worker proves in TLS: hexadecimal, base64, JSON, or @FILE
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<32>)]
    pub transport_key: Bytes<32>,
    /// Secp256k1 key that signs receipts and the worker's transactions
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<33>)]
    pub warm_key: PublicKey,
    /// What the host keeps of its rewards before its funders share the rest, such as 5% or 0.05 [default: all]
    #[arg(long, value_name = "RATE", value_parser = rate_or_fraction)]
    pub commission_rate: Option<u32>,
    /// Name for people [default: the node's moniker]
    #[arg(long)]
    pub moniker: Option<String>,
    /// Who is paid [default: the host itself]
    #[arg(long, value_name = "ADDRESS", value_parser = account)]
    pub payout: Option<AccAddress>,
    /// A model to offer: MODEL=CAPACITY or MODEL=CAPACITY:PROFILE; may be repeated
    #[arg(long = "model", alias = "offer", value_name = "MODEL=CAPACITY[:PROFILE]")]
    pub models: Vec<OfferArg>,
    /// Folder of the keyring [default: HOME/keyring]
    #[arg(long, value_name = "DIR")]
    pub keyring_dir: Option<PathBuf>,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: PasswordFlags,
}

/// What the home and its genesis document say.
#[derive(Clone, Debug)]
pub struct GentxGround {
    /// Chain that the signature is for.
    pub chain_id: String,
    /// Name of the node.
    pub moniker: String,
    /// Key of the home's validator.
    pub consensus_key: [u8; 32],
    /// End of the home's hash onion.
    pub anchor: Option<[u8; 32]>,
    /// Contract that hosts register with.
    pub registry: AccAddress,
    /// Contract that keeps bonds.
    pub bonding: AccAddress,
    /// What registering costs.
    pub entry_fee: Amount,
    /// Models at launch.
    pub models: Vec<LaunchPackage>,
}

impl GentxArgs {
    /// The signed transaction in JSON, and who signed it.
    ///
    /// # Errors
    /// With the exit code of [`Failure::exit_code`].
    pub fn sign(&self, home: &Path, ground: &GentxGround) -> Result<(AccAddress, String)> {
        if self.amount.is_zero() {
            return Err(Failure::Usage(
                "a bond of nothing is none; give --amount, such as 100qrn".into(),
            ));
        }
        let ring = match &self.keyring_dir {
            Some(folder) => Keyring::in_folder(folder),
            None => Keyring::of_home(home),
        };
        let signer = Signer::in_keyring(ring, &self.key)?;
        let host = signer.address.to_string();
        let details = registry::ExecuteMsg::RegisterHost(self.details(ground)?);
        let bond = bonding::ExecuteMsg::Bond { host: host.clone() };
        let mut messages = vec![
            execute(&host, &ground.registry, &details, ground.entry_fee)?,
            execute(&host, &ground.bonding, &bond, self.amount)?,
        ];
        if let Some(rate_bps) = self.commission_rate {
            let rate = bonding::ExecuteMsg::SetCommission { rate_bps };
            messages.push(execute(&host, &ground.bonding, &rate, Amount::ZERO)?);
        }
        let body = TxBody {
            messages,
            memo: self.moniker.as_ref().unwrap_or(&ground.moniker).clone(),
            ..TxBody::default()
        };
        let auth_info = AuthInfo {
            signer_infos: vec![signer.info(Mode::Direct, 0)],
            fee: Some(fee(&Coins::empty(), GAS)),
            ..AuthInfo::default()
        };
        let key = signer.unlock_with(&self.password)?;
        let facts = Facts {
            chain_id: &ground.chain_id,
            account_number: 0,
            sequence: 0,
            key: None,
        };
        let signature = key.sign(&sign_bytes(Mode::Direct, facts, &body, &auth_info)?);
        let tx = Tx {
            body: Some(body),
            auth_info: Some(auth_info),
            signatures: vec![signature],
        };
        Ok((signer.address, json::print(&tx)?))
    }

    fn details(&self, ground: &GentxGround) -> Result<HostDetails> {
        let offers = self.models.iter().map(|offer| resolve(offer, &ground.models));
        Ok(HostDetails {
            moniker: self.moniker.as_ref().unwrap_or(&ground.moniker).clone(),
            endpoint: self.endpoint.clone(),
            transport_key: self.transport_key,
            consensus_key: Bytes::new(ground.consensus_key),
            beacon_anchor: ground.anchor.map(Bytes::new),
            warm_key: self.warm_key,
            payout: self.payout.as_ref().map(ToString::to_string),
            offers: offers.collect::<Result<_>>()?,
        })
    }
}

/// Fills in the profile that a flag leaves open: the model's only one.
fn resolve(offer: &OfferArg, models: &[LaunchPackage]) -> Result<Offer> {
    let known = models
        .iter()
        .find(|model| model.id == offer.model)
        .ok_or_else(|| Failure::Usage(format!("{}: genesis launches no such model", offer.model)))?;
    let profile = match (&offer.profile, known.profiles.as_slice()) {
        (Some(profile), _) => profile,
        (None, [only]) => only,
        (None, several) => {
            return Err(Failure::Usage(format!(
                "{model} knows several hardware profiles; write {model}=CAPACITY:PROFILE with one of {}",
                several.join(", "),
                model = offer.model
            )));
        }
    };
    Ok(Offer {
        model: offer.model.clone(),
        capacity: offer.capacity,
        profile: profile.clone(),
    })
}

fn execute(from: &str, contract: &AccAddress, msg: &impl Serialize, funds: Amount) -> Result<Any> {
    let message = MsgExecuteContract {
        sender: from.to_owned(),
        contract: contract.to_string(),
        msg: serde_json::to_vec(msg).map_err(usage)?,
        funds: wire_coins(&qrn::funds(funds)?),
    };
    Ok(Any {
        type_url: type_url::<MsgExecuteContract>(),
        value: message.encode_to_vec(),
    })
}

/// A transaction of genesis, taken apart.
#[derive(Clone, Debug)]
pub struct Gentx {
    /// The signed bytes.
    pub bytes: Vec<u8>,
    /// Who becomes a host.
    pub host: String,
    /// Name for people.
    pub moniker: String,
    /// Key of its validator.
    pub consensus_key: [u8; 32],
    /// Its own bond.
    pub amount: u128,
}

/// Reads a transaction of genesis from its JSON and checks that it registers, bonds and may set a commission, nothing else.
/// Whether its signature is good, the chain says.
///
/// # Errors
/// [`Failure::Usage`] with what is wrong.
pub fn read_gentx(text: &str, registry: &AccAddress, bonding: &AccAddress) -> Result<Gentx> {
    let tx: Tx = json::parse(text)?;
    let (Some(body), Some(auth_info)) = (tx.body, tx.auth_info) else {
        return Err(Failure::Usage("body or auth_info is missing".into()));
    };
    let (register, bond, rate) = match body.messages.as_slice() {
        [register, bond] => (register, bond, None),
        [register, bond, rate] => (register, bond, Some(call(rate, bonding)?)),
        _ => {
            return Err(Failure::Usage(
                "expected two messages, register_host and bond, and perhaps set_commission".into(),
            ));
        }
    };
    let (register, bond) = (call(register, registry)?, call(bond, bonding)?);
    let (Ok(registry::ExecuteMsg::RegisterHost(details)), Ok(bonding::ExecuteMsg::Bond { host })) = (
        serde_json::from_slice(&register.msg),
        serde_json::from_slice(&bond.msg),
    ) else {
        return Err(Failure::Usage("expected register_host and then bond".into()));
    };
    if let Some(rate) = &rate {
        let set = serde_json::from_slice(&rate.msg);
        let sets = matches!(set, Ok(bonding::ExecuteMsg::SetCommission { .. }));
        if !sets || rate.sender != host || !rate.funds.is_empty() {
            return Err(Failure::Usage(
                "expected the host's own set_commission last".into(),
            ));
        }
    }
    if register.sender != bond.sender || bond.sender != host {
        return Err(Failure::Usage("a host registers and bonds for itself".into()));
    }
    let amount = match bond.funds.as_slice() {
        [coin] => coin.amount.parse().map_err(usage)?,
        _ => return Err(Failure::Usage("expected one coin as the bond".into())),
    };
    let raw = TxRaw {
        body_bytes: body.encode_to_vec(),
        auth_info_bytes: auth_info.encode_to_vec(),
        signatures: tx.signatures,
    };
    Ok(Gentx {
        bytes: raw.encode_to_vec(),
        host,
        moniker: details.moniker,
        consensus_key: details.consensus_key.0,
        amount,
    })
}

fn call(message: &Any, contract: &AccAddress) -> Result<MsgExecuteContract> {
    if message.type_url != type_url::<MsgExecuteContract>() {
        return Err(Failure::Usage(format!(
            "{} is not {}",
            message.type_url,
            MsgExecuteContract::NAME
        )));
    }
    let call = MsgExecuteContract::decode(message.value.as_slice()).map_err(usage)?;
    if call.contract != contract.to_string() {
        return Err(Failure::Usage(format!(
            "the message is for {}, expected {contract}: was it made for another genesis?",
            call.contract
        )));
    }
    Ok(call)
}
