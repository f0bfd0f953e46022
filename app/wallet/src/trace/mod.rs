//! `quernd trace` and `quernd verify-receipt`: one request from voucher to refund or pay.

pub mod checks;
mod document;
mod facts;
mod judge;
mod report;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use document::Document;
use document::Id;
use facts::Facts;
use quern_protocol::{Hash, PublicKey};
pub use report::{Report, Step, Verdict};

use crate::{
    Failure, Result, key_bytes,
    node::NodeFlag,
    output::OutputFlag,
    system::{Asker, ContractFlags},
    tx::home_chain,
};

/// Arguments of `quernd trace`.
#[derive(Clone, Debug, clap::Args)]
pub struct TraceCommand {
    /// File with a receipt, `-` for standard input; or, with --from, a receipt's id or the request's, SESSION-NONCE
    pub receipt: String,
    /// Router or worker that still has the receipt; may be repeated, for a router has no proofs into batches
    #[arg(long, value_name = "URL")]
    pub from: Vec<String>,
    /// Key that a router asks for
    #[arg(long, value_name = "KEY", env = "QUERN_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Chain that the signatures are for [default: the one of the home's genesis, else the node's]
    #[arg(long, value_name = "ID", env = "QUERN_CHAIN_ID")]
    pub chain_id: Option<String>,
    /// Node.
    #[command(flatten)]
    pub node: NodeFlag,
    /// Contracts.
    #[command(flatten)]
    pub contracts: ContractFlags,
    /// Output format.
    #[command(flatten)]
    pub output: OutputFlag,
}

/// Arguments of `quernd verify-receipt`.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyReceiptCommand {
    /// File with a receipt, `-` for standard input
    pub file: PathBuf,
    /// Chain that the signatures are for [default: the one of the home's genesis]
    #[arg(long, value_name = "ID", env = "QUERN_CHAIN_ID")]
    pub chain_id: Option<String>,
    /// Key that must have signed the voucher
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<33>)]
    pub session_key: Option<PublicKey>,
    /// Key that must have signed the receipt
    #[arg(long, value_name = "KEY", value_parser = key_bytes::bytes::<33>)]
    pub warm_key: Option<PublicKey>,
    /// Hash of the batch's root that the proofs must lead to
    #[arg(long, value_name = "HASH", value_parser = key_bytes::bytes::<32>)]
    pub root: Option<Hash>,
    /// Output format.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl TraceCommand {
    /// Follows the receipt.
    ///
    /// # Errors
    /// If there is no receipt or no node; a check that fails is part of the report.
    pub async fn run(&self, home: &Path) -> Result<Report> {
        let node = self.node.connect(home)?;
        let chain_id = match self.chain_id.clone().or_else(|| home_chain(home)) {
            Some(chain_id) => chain_id,
            None => node.chain_id().await?,
        };
        let document = match (self.from.is_empty(), Id::read(&self.receipt)) {
            (false, Some(id)) => Document::fetch(&self.from, self.api_key.as_deref(), &id, &chain_id).await?,
            (false, None) => {
                return Err(Failure::Usage(format!(
                    "{:?} is neither a receipt's id (64 hexadecimal digits) nor SESSION-NONCE",
                    self.receipt
                )));
            }
            (true, Some(_)) if !Path::new(&self.receipt).exists() => {
                return Err(Failure::Usage(
                    "a receipt is not on the chain, only its batch's root: give its file, or --from with the URL \
                     of the worker or router that has it"
                        .into(),
                ));
            }
            (true, _) => Document::read(Path::new(&self.receipt))?,
        };
        let contracts = self.contracts.contracts();
        let asker = Asker {
            node: &node,
            contracts: &contracts,
            height: 0,
        };
        let facts = Facts::gather(&asker, &document).await?;
        Ok(judge::judge(&chain_id, &document, &facts))
    }
}

impl VerifyReceiptCommand {
    /// Checks what needs no chain.
    ///
    /// # Errors
    /// If there is no receipt or no chain id; a check that fails is part of the report.
    pub fn run(&self, home: &Path) -> Result<Report> {
        let chain_id = self
            .chain_id
            .clone()
            .or_else(|| home_chain(home))
            .ok_or_else(|| Failure::Usage("which chain? Give --chain-id, or set QUERN_CHAIN_ID".into()))?;
        let document = Document::read(&self.file)?;
        Ok(self.judge(&chain_id, &document))
    }

    fn judge(&self, chain_id: &str, document: &Document) -> Report {
        let receipt = &document.signed.receipt;
        let mut report = Report {
            receipt: receipt.digest(chain_id).to_string(),
            steps: Vec::new(),
        };
        let height = Some(receipt.voucher.height);
        match &self.session_key {
            Some(key) => {
                let check = checks::voucher_signature(chain_id, receipt, key);
                report.check("voucher", height, check, "signed by the session's key".into());
            }
            None => report.add(
                "voucher",
                height,
                Verdict::Open,
                "give --session-key to check it".into(),
            ),
        }
        report.check("receipt", None, checks::terms(receipt), judge::tokens(document));
        match &self.warm_key {
            Some(key) => {
                let check = checks::receipt_signature(chain_id, &document.signed, key);
                let holds = format!("{} signed the receipt", receipt.voucher.host);
                report.check("warm key", None, check, holds);
            }
            None => report.add(
                "warm key",
                None,
                Verdict::Open,
                "give --warm-key to check it".into(),
            ),
        }
        let Some(committed) = &document.committed else {
            report.add(
                "batch",
                None,
                Verdict::Open,
                "the file has no proof into a batch".into(),
            );
            return report;
        };
        match (checks::batch_root(chain_id, committed), self.root) {
            (Err(wrong), _) => report.add("batch", None, Verdict::Fails, wrong),
            (Ok(root), None) => {
                let detail = format!(
                    "leads to root {} of batch {}; give --root to check it",
                    root.hash, committed.batch
                );
                report.add("batch", None, Verdict::Open, detail);
            }
            (Ok(root), Some(given)) => {
                let check = match root.hash == given {
                    true => Ok(()),
                    false => Err(format!("the proofs lead to root {}", root.hash)),
                };
                report.check("batch", None, check, format!("under root {given}"));
            }
        }
        report
    }
}
