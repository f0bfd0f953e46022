//! `quernd tx multisign-batch`: members' signatures for many transactions become those of their account.

use std::path::{Path, PathBuf};

use super::{
    TxFlags,
    file::Document,
    multisign::{Found, Joint, Manner, descriptors},
    sign::lines,
};
use crate::{Failure, Result, failure::usage, keys::read_all};

/// Arguments of `tx multisign-batch`.
#[derive(Clone, Debug, clap::Args)]
pub struct BatchArgs {
    /// File with a transaction in JSON on each line; `-` for standard input
    pub file: PathBuf,
    /// Name or address of the multisig key in the keyring
    pub name: String,
    /// Files with a member's signatures, one on each line, as `tx sign-batch --multisig` makes them
    #[arg(required = true, value_name = "SIGNATURES")]
    pub signatures: Vec<PathBuf>,
    /// Take the same sequence for each transaction
    #[arg(long)]
    pub no_auto_increment: bool,
    /// Where to.
    #[command(flatten)]
    pub document: Document,
}

/// Joins the n-th signatures of all files for the n-th transaction, with sequences that follow each other, and prints
/// each signed transaction on a line.
pub(crate) async fn multisign_batch(flags: &TxFlags, home: &Path, args: &BatchArgs) -> Result<String> {
    let txs = lines(&args.file)?;
    let members = args.signatures.iter().map(|path| signatures(path));
    let members = members.collect::<Result<Vec<_>>>()?;
    for (path, given) in args.signatures.iter().zip(&members) {
        if given.len() != txs.len() {
            return Err(Failure::Usage(format!(
                "{}: {} signatures for {} transactions",
                path.display(),
                given.len(),
                txs.len()
            )));
        }
    }
    let manner = Manner {
        signature_only: false,
        unchecked: false,
    };
    let joint = Joint::open(flags, home, &args.name, manner).await?;
    let mut members: Vec<_> = members.into_iter().map(Vec::into_iter).collect();
    let mut joined = Vec::new();
    for (nth, tx) in (0_u64..).zip(txs) {
        let later = if args.no_auto_increment { 0 } else { nth };
        let sequence = joint.account.sequence.checked_add(later);
        let sequence = sequence.ok_or_else(|| Failure::Usage("--sequence is out of range".into()))?;
        let found = members.iter_mut().filter_map(Iterator::next).collect();
        let place = |e: Failure| Failure::Usage(format!("transaction {}: {e}", nth.saturating_add(1)));
        joined.push(joint.join(tx, sequence, found).map_err(place)?);
    }
    args.document.write(joined.join("\n"))
}

/// All signatures of one member's file.
fn signatures(path: &Path) -> Result<Vec<Found>> {
    let text = String::from_utf8(read_all(path)?).map_err(usage)?;
    let written = text.lines().filter(|line| !line.trim().is_empty());
    let found = written
        .map(|line| descriptors(path, line))
        .collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}
