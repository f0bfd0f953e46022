//! The hash that names a model on chain: over every file that shapes an answer.

use anyhow::{Context, bail};
use quern_protocol::{Hash, hash_fields};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};

const TAG: &[u8] = b"quern.model/1";
/// Files beside the weights that the engine, the tokenizer or the chat template read.
const FILES: [&str; 6] = [
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// Hash of a model folder: the tag, then name and SHA-256 of each file by rising name, each length-prefixed.
///
/// # Errors
/// When the folder holds no model or cannot be read.
pub fn model_hash(folder: &Path) -> anyhow::Result<Hash> {
    let mut names: Vec<String> = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let name = entry?.file_name();
        if let Some(name) = name.to_str()
            && (FILES.contains(&name) || name.ends_with(".safetensors"))
        {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() {
        bail!("{} holds no model", folder.display());
    }
    names.sort_unstable();
    let mut fields = vec![TAG.to_vec()];
    for name in names {
        let path = folder.join(&name);
        let mut hasher = Sha256::new();
        File::open(&path)
            .and_then(|mut file| std::io::copy(&mut file, &mut hasher))
            .with_context(|| format!("cannot read {}", path.display()))?;
        fields.push(name.into_bytes());
        fields.push(hasher.finalize().to_vec());
    }
    Ok(hash_fields(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

/// Print the hash that names a model on chain.
#[derive(Debug, clap::Args)]
pub struct ModelHash {
    /// Model folder.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Print base64, as in contract messages, not hexadecimal.
    #[arg(long)]
    base64: bool,
}

impl ModelHash {
    /// Prints the hash.
    ///
    /// # Errors
    /// As [`model_hash`].
    pub fn run(self) -> anyhow::Result<()> {
        let hash = model_hash(&self.model)?;
        if self.base64 {
            let json = serde_json::to_string(&hash)?;
            println!("{}", json.trim_matches('"'));
        } else {
            println!("{hash}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_shapes_an_answer_counts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert!(model_hash(folder.path()).is_err());
        write("config.json", "{}");
        write("model.safetensors", "weights");
        let first = model_hash(folder.path()).unwrap();
        write("README.md", "words");
        assert_eq!(model_hash(folder.path()).unwrap(), first);
        write("model.safetensors", "Weights");
        let changed = model_hash(folder.path()).unwrap();
        assert_ne!(changed, first);
        write("tokenizer_config.json", "{}");
        let more = model_hash(folder.path()).unwrap();
        assert_ne!(more, changed);
        // other end tokens are other answers
        write("generation_config.json", "{}");
        assert_ne!(model_hash(folder.path()).unwrap(), more);
    }
}
