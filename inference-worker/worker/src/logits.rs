//! `quern-worker logits`: what the model computes, for comparison with other implementations.

use crate::model::ModelArgs;
use anyhow::Context;
use quern_engine::{Engine, Logits, Slot};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Write the logits of token ids to a .npy file.
#[derive(Debug, clap::Args)]
pub struct LogitsCommand {
    #[command(flatten)]
    model: ModelArgs,
    /// JSON: a list of token ids, or a list of such lists whose positions follow each other in the output.
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// The .npy file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prefill at most this many tokens of each sequence, then decode all sequences together, one token a step.
    #[arg(long, value_name = "TOKENS")]
    cached_after: Option<usize>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Tokens {
    One(Vec<u32>),
    Many(Vec<Vec<u32>>),
}

impl LogitsCommand {
    /// Computes and writes.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the model cannot be computed.
    pub fn run(self) -> anyhow::Result<()> {
        let bytes =
            std::fs::read(&self.tokens).with_context(|| format!("cannot read {}", self.tokens.display()))?;
        let tokens = serde_json::from_slice(&bytes).with_context(|| {
            format!(
                "{} must hold a JSON list of token ids, or a list of such lists",
                self.tokens.display()
            )
        })?;
        let sequences = match tokens {
            Tokens::One(ids) => vec![ids],
            Tokens::Many(lists) => lists,
        };
        let mut engine = self.model.engine(sequences.len())?;
        let mut rows = Vec::new();
        for logits in match self.cached_after {
            None => sequences
                .iter()
                .map(|ids| engine.score(ids))
                .collect::<Result<Vec<_>, _>>()?,
            Some(prefill) => cached(&mut engine, &sequences, prefill.max(1))?,
        } {
            rows.push(logits);
        }
        let vocab = rows.first().map_or(0, |logits| logits.vocab);
        let count: usize = rows.iter().map(Logits::rows).sum();
        write_npy(
            &self.out,
            [count, vocab],
            rows.iter().flat_map(|logits| &logits.values),
        )
        .with_context(|| format!("cannot write {}", self.out.display()))
    }
}

/// The same logits as a server computes them: the beginning position by position of a prefill, then one ragged
/// batch in which each sequence takes part until its tokens run out.
fn cached(engine: &mut impl Engine, sequences: &[Vec<u32>], prefill: usize) -> anyhow::Result<Vec<Logits>> {
    let mut results = Vec::new();
    let mut slots: Vec<Slot> = Vec::new();
    for ids in sequences {
        let head = &ids[..prefill.min(ids.len())];
        results.push(engine.score(head)?);
        let slot = engine.open()?;
        engine.prefill(slot, head)?;
        slots.push(slot);
    }
    for at in prefill.. {
        let alive: Vec<usize> = (0..sequences.len())
            .filter(|i| at < sequences[*i].len())
            .collect();
        if alive.is_empty() {
            break;
        }
        let batch: Vec<(Slot, u32)> = alive.iter().map(|i| (slots[*i], sequences[*i][at])).collect();
        let step = engine.decode(&batch)?;
        for (row, index) in alive.into_iter().enumerate() {
            results[index]
                .values
                .extend_from_slice(step.row(row).unwrap_or_default());
        }
    }
    Ok(results)
}

/// NumPy's format, version 1.0: magic, header padded to 64 bytes, little-endian values in C order.
fn write_npy<'a>(
    path: &Path,
    shape: [usize; 2],
    values: impl Iterator<Item = &'a f32>,
) -> std::io::Result<()> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
        shape[0], shape[1]
    );
    let unpadded = 10 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for value in values {
        file.write_all(&value.to_le_bytes())?;
    }
    file.flush()
}
