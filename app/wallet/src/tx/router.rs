//! A router's record and bond: `quernd tx register-router` and its kin.

use quern_interface::{
    registry::{ExecuteMsg, RouterDetails},
    settlement,
};
use quern_protocol::{Amount, Bytes};
use quern_types::AccAddress;

use super::call::{Call, Chain, positive};
use crate::{Failure, Result, key_bytes, qrn, system::System};

/// Commands of routers.
#[derive(Clone, Debug, clap::Subcommand)]
#[allow(clippy::enum_variant_names, reason = "the names are the commands")]
pub enum Command {
    /// Become a router
    RegisterRouter {
        /// Name for people
        #[arg(long)]
        moniker: String,
        /// Address that users call
        #[arg(long, value_name = "URL")]
        endpoint: String,
        /// Ed25519 key that the router proves to workers: hexadecimal, base64, JSON, or @FILE
        #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<32>)]
        transport_key: Bytes<32>,
        /// Its fee in basis points of what hosts capture
        #[arg(long, value_name = "BPS")]
        fee_bps: u32,
    },
    /// Change a router's record; what is not given stays
    UpdateRouter {
        /// Name for people
        #[arg(long)]
        moniker: Option<String>,
        /// Address that users call
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        /// Ed25519 key that the router proves to workers: hexadecimal, base64, JSON, or @FILE
        #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<32>)]
        transport_key: Option<Bytes<32>>,
        /// Its fee in basis points of what hosts capture
        #[arg(long, value_name = "BPS")]
        fee_bps: Option<u32>,
    },
    /// Stop being a router
    RetireRouter,
    /// Add to the router's bond, which limits the escrow whose keys it may hold
    FundRouter {
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Take back bond that no escrow in flight needs
    DefundRouter {
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
}

impl Command {
    pub(super) async fn call(&self, from: &AccAddress, chain: &Chain<'_>) -> Result<Call> {
        match self {
            Self::RegisterRouter {
                moniker,
                endpoint,
                transport_key,
                fee_bps,
            } => {
                let details = RouterDetails {
                    moniker: moniker.clone(),
                    endpoint: endpoint.clone(),
                    transport_key: *transport_key,
                    fee_bps: *fee_bps,
                };
                Call::new(System::Registry, &ExecuteMsg::RegisterRouter(details))
            }
            Self::UpdateRouter {
                moniker,
                endpoint,
                transport_key,
                fee_bps,
            } => {
                let details = match (moniker, endpoint, transport_key, fee_bps) {
                    (None, None, None, None) => {
                        return Err(Failure::Usage(
                            "nothing to change; give --moniker, --endpoint, --transport-key or --fee-bps"
                                .into(),
                        ));
                    }
                    // the contract takes a whole record
                    (Some(moniker), Some(endpoint), Some(key), Some(fee_bps)) => RouterDetails {
                        moniker: moniker.clone(),
                        endpoint: endpoint.clone(),
                        transport_key: *key,
                        fee_bps: *fee_bps,
                    },
                    _ => {
                        let old = chain.router(from, "all four flags").await?.details;
                        RouterDetails {
                            moniker: moniker.clone().unwrap_or(old.moniker),
                            endpoint: endpoint.clone().unwrap_or(old.endpoint),
                            transport_key: transport_key.unwrap_or(old.transport_key),
                            fee_bps: fee_bps.unwrap_or(old.fee_bps),
                        }
                    }
                };
                Call::new(System::Registry, &ExecuteMsg::UpdateRouter(details))
            }
            Self::RetireRouter => Call::new(System::Registry, &ExecuteMsg::RetireRouter {}),
            Self::FundRouter { amount } => {
                let call = Call::new(System::Settlement, &settlement::ExecuteMsg::FundRouter {})?;
                Ok(call.with(positive(*amount)?))
            }
            Self::DefundRouter { amount } => {
                let amount = positive(*amount)?;
                Call::new(
                    System::Settlement,
                    &settlement::ExecuteMsg::DefundRouter { amount },
                )
            }
        }
    }
}
