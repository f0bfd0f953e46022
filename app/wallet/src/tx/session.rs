//! Sessions: `quernd tx open-session` and its kin.

use std::path::{Path, PathBuf};

use quern_interface::settlement::{ExecuteMsg, Fault, SignedBy};
use quern_protocol::{Amount, Price, Proof, PublicKey, Release, SessionLeaf, Signature, Voucher};
use quern_types::AccAddress;
use serde::{Deserialize, de::DeserializeOwned};

use super::call::{Call, Chain, positive};
use crate::{
    Failure, Result, key_bytes,
    keys::read_all,
    qrn,
    system::{System, account},
};

/// Commands of sessions.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Put coins into a session, from which a model's hosts are paid; burns the open fee
    OpenSession(Box<OpenSession>),
    /// End a session early: no further vouchers; claims are taken until the appeal ends
    CloseSession {
        /// Session's id
        session: u64,
    },
    /// Claim a host's captures of a session
    Settle {
        /// Claim as JSON, `-` for standard input: {"host", "voucher", "signature", "leaf", "batch", "proof"}
        file: PathBuf,
    },
    /// Pay a session out after its claims have ended: hosts, router, burn, and the rest to the payer
    Close {
        /// Session's id
        session: u64,
    },
    /// Ask to move the limit of a host that does not sign releases
    Rebalance {
        /// Session's id
        session: u64,
        /// Host that is silent
        #[arg(value_name = "FROM", value_parser = account)]
        source: AccAddress,
        /// Host that receives
        #[arg(value_name = "TO", value_parser = account)]
        target: AccAddress,
        /// At most this much
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Move what the host of a rebalance did not prove in time
    ExecuteRebalance {
        /// Session's id
        session: u64,
        /// Host that gives
        #[arg(value_name = "FROM", value_parser = account)]
        source: AccAddress,
    },
    /// Move limits by a host's signed release
    PresentRelease {
        /// Release as JSON, `-` for standard input: {"release", "signature"}
        file: PathBuf,
    },
    /// Have sent what could not be returned when your sessions ended
    ClaimRefund {
        /// Address that can receive it
        #[arg(value_parser = account)]
        to: AccAddress,
    },
    /// Prove a deterministic fault of a host
    ProveFault {
        /// Proof as JSON, `-` for standard input: {"host", "fault"}
        file: PathBuf,
    },
}

/// Arguments of `open-session`.
#[derive(Clone, Debug, clap::Args)]
pub struct OpenSession {
    /// Model
    model: String,
    /// Escrow, for example 5qrn; what hosts do not earn comes back
    #[arg(value_parser = qrn::amount)]
    escrow: Amount,
    /// Highest price to accept, in nqrn per token; `quernd query price MODEL` prints today's
    #[arg(long, value_name = "PRICE")]
    max_price: Price,
    /// Secp256k1 key that signs vouchers: hexadecimal, base64, JSON, or @FILE
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<33>)]
    session_key: PublicKey,
    /// Router that may act and earns a fee [default: the payer is its own router]
    #[arg(long, value_name = "ADDRESS", value_parser = account)]
    router: Option<AccAddress>,
    /// The router's fee in basis points of what hosts capture [default: as the registry says]
    #[arg(long, value_name = "BPS", requires = "router")]
    router_fee_bps: Option<u32>,
    /// Whose key the session key is [default: the router's, if there is one]
    #[arg(long, value_enum)]
    signed_by: Option<Signer>,
    /// The router's consent as JSON, `-` for standard input, which its bond's use needs: {"nonce", "expires",
    /// "signature"}, as `quern-router consent` prints it for just these terms
    #[arg(long, value_name = "FILE", requires = "router")]
    consent: Option<PathBuf>,
    /// Who else may close and rebalance for the payer
    #[arg(long, value_name = "ADDRESS", value_parser = account)]
    agent: Option<AccAddress>,
    /// Blocks until the session closes by itself [default: the most that the chain admits]
    #[arg(long, value_name = "N")]
    blocks: Option<u64>,
    /// Highest open fee to accept, of which what is not needed comes back [default: the fee of now, asked from the chain]
    #[arg(long, value_name = "AMOUNT", value_parser = qrn::amount)]
    open_fee: Option<Amount>,
}

/// Whose key signs vouchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Signer {
    /// The router holds the key; its bond covers the escrow
    Router,
    /// The payer or its agent signs each request
    Payer,
}

/// File of `settle`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    host: String,
    voucher: Voucher,
    signature: Signature,
    leaf: SessionLeaf,
    batch: u64,
    proof: Proof,
}

/// File of `present-release`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedRelease {
    release: Release,
    signature: Signature,
}

/// File of `prove-fault`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvenFault {
    host: String,
    fault: Box<Fault>,
}

impl Command {
    pub(super) async fn call(&self, chain: &Chain<'_>) -> Result<Call> {
        let msg = match self {
            Self::OpenSession(args) => return args.call(chain).await,
            Self::CloseSession { session } => ExecuteMsg::CloseSession { session: *session },
            Self::Settle { file } => {
                let claim: Claim = read(file, "claim")?;
                ExecuteMsg::Settle {
                    host: claim.host,
                    voucher: claim.voucher,
                    signature: claim.signature,
                    leaf: claim.leaf,
                    batch: claim.batch,
                    proof: claim.proof,
                }
            }
            Self::Close { session } => ExecuteMsg::Close { session: *session },
            Self::Rebalance {
                session,
                source,
                target,
                amount,
            } => ExecuteMsg::Rebalance {
                session: *session,
                from: source.to_string(),
                to: target.to_string(),
                amount: positive(*amount)?,
            },
            Self::ExecuteRebalance { session, source } => ExecuteMsg::ExecuteRebalance {
                session: *session,
                from: source.to_string(),
            },
            Self::PresentRelease { file } => {
                let SignedRelease { release, signature } = read(file, "signed release")?;
                ExecuteMsg::PresentRelease { release, signature }
            }
            Self::ClaimRefund { to } => ExecuteMsg::ClaimRefund { to: to.to_string() },
            Self::ProveFault { file } => {
                let ProvenFault { host, fault } = read(file, "proof of a fault")?;
                ExecuteMsg::ProveFault { host, fault }
            }
        };
        Call::new(System::Settlement, &msg)
    }

    /// Whether the outcome is a new session.
    pub(super) const fn opens(&self) -> bool {
        matches!(self, Self::OpenSession(_))
    }
}

impl OpenSession {
    async fn call(&self, chain: &Chain<'_>) -> Result<Call> {
        positive(self.escrow)?;
        if self.signed_by == Some(Signer::Router) && self.router.is_none() {
            return Err(Failure::Usage("--signed-by router needs --router".into()));
        }
        let open_fee = match self.open_fee {
            Some(fee) => fee,
            None => chain.open_fee().await?,
        };
        let blocks = match self.blocks {
            Some(blocks) => blocks,
            None => chain.session_params().await?.max_session_blocks,
        };
        let router_fee_bps = match (&self.router, self.router_fee_bps) {
            (_, Some(bps)) => bps,
            (None, None) => 0,
            (Some(router), None) => chain.router(router, "--router-fee-bps").await?.details.fee_bps,
        };
        let signed_by = match (self.signed_by, &self.router) {
            (Some(Signer::Router), _) | (None, Some(_)) => SignedBy::Router,
            (Some(Signer::Payer), _) | (None, None) => SignedBy::Payer,
        };
        let consent = self
            .consent
            .as_deref()
            .map(|file| read(file, "consent of a router"))
            .transpose()?;
        let msg = ExecuteMsg::OpenSession {
            model: self.model.clone(),
            max_price: self.max_price,
            router: self.router.as_ref().map(ToString::to_string),
            router_fee_bps,
            session_key: self.session_key,
            agent: self.agent.as_ref().map(ToString::to_string),
            signed_by,
            blocks,
            consent,
            max_fee: Some(open_fee),
        };
        Ok(Call::new(System::Settlement, &msg)?.with(qrn::sum(self.escrow, open_fee)?))
    }
}

/// Reads a file, refusing what the contract would refuse.
fn read<T: DeserializeOwned>(file: &Path, what: &str) -> Result<T> {
    let bytes = read_all(file)?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Failure::Usage(format!("{} is no {what} in JSON: {e}", file.display())))
}
