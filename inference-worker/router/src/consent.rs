//! The router's consent to answer for a session with its bond.

use anyhow::Context;
use quern_interface::settlement::Consent;
use quern_protocol::{Amount, Bytes, PublicKey, RouterConsent};
use quern_transport::TransportKey;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a consent is for.
pub(crate) struct Asked<'a> {
    pub(crate) router: &'a str,
    pub(crate) payer: &'a str,
    pub(crate) model: &'a str,
    pub(crate) session_key: PublicKey,
    pub(crate) escrow: Amount,
    pub(crate) router_fee_bps: u32,
    pub(crate) blocks: u64,
    pub(crate) expires: u64,
}

impl Asked<'_> {
    /// Signs it with the transport key.
    pub(crate) fn consent(
        &self,
        chain_id: &str,
        sign: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
    ) -> anyhow::Result<Consent> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let statement = RouterConsent {
            router: self.router.to_owned(),
            payer: self.payer.to_owned(),
            model: self.model.to_owned(),
            session_key: self.session_key,
            escrow: self.escrow,
            router_fee_bps: self.router_fee_bps,
            blocks: self.blocks,
            // JSON numbers are exact below 2^53, which is the year 287,396
            nonce: since.as_millis().try_into()?,
            expires: self.expires,
        };
        let digest = statement.digest(chain_id);
        let signature = sign(digest.as_ref()).context("the transport key does not sign")?;
        Ok(Consent {
            nonce: statement.nonce,
            expires: statement.expires,
            signature: Bytes(signature),
        })
    }
}

/// Arguments of `consent`.
#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// The chain's id.
    #[arg(long, value_name = "ID")]
    chain_id: String,
    /// This router's address.
    #[arg(long, value_name = "ADDRESS")]
    router: String,
    /// The ed25519 key that the registry names for it.
    #[arg(long, value_name = "FILE")]
    transport_key: PathBuf,
    /// Who opens the session.
    #[arg(long, value_name = "ADDRESS")]
    payer: String,
    /// The model that the session is for.
    #[arg(long, value_name = "ID")]
    model: String,
    /// The session's public key in hexadecimal; this router must hold the private one.
    #[arg(long, value_name = "KEY")]
    session_key: PublicKey,
    /// Escrow, in nqrn: exactly this.
    #[arg(long, value_name = "NQRN")]
    escrow: Amount,
    /// The router's fee in basis points of what hosts capture: exactly this.
    #[arg(long, value_name = "BPS")]
    fee_bps: u32,
    /// Blocks for which the session is open: exactly this.
    #[arg(long, value_name = "N")]
    blocks: u64,
    /// Last height at which the consent counts.
    #[arg(long, value_name = "HEIGHT")]
    expires: u64,
}

impl Flags {
    /// Prints the consent as JSON.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        if !self.transport_key.is_file() {
            anyhow::bail!("there is no key in {}", self.transport_key.display());
        }
        let key = TransportKey::load_or_create(&self.transport_key)?;
        let asked = Asked {
            router: &self.router,
            payer: &self.payer,
            model: &self.model,
            session_key: self.session_key,
            escrow: self.escrow,
            router_fee_bps: self.fee_bps,
            blocks: self.blocks,
            expires: self.expires,
        };
        let consent = asked.consent(&self.chain_id, |message| key.sign(message))?;
        println!("{}", serde_json::to_string(&consent)?);
        Ok(())
    }
}
