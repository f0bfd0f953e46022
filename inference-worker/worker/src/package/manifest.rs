//! The files that shape a model's answers, and the hash that names them on chain.

use anyhow::{Context, bail};
use quern_protocol::{Hash, hash_fields};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
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
/// Files of one model: far above any published checkpoint's shards.
const MOST_FILES: usize = 4096;

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelFile {
    /// Its name in the folder.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) size: u64,
    /// SHA-256 of its content.
    pub(crate) sha256: Hash,
}

/// All files of a model, by rising name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) files: Vec<ModelFile>,
}

impl Manifest {
    /// Lists and hashes the files of a model folder.
    ///
    /// # Errors
    /// When the folder holds no model or cannot be read.
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let mut names: Vec<String> = Vec::new();
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let name = entry?.file_name();
            if let Some(name) = name.to_str()
                && is_part(name)
            {
                names.push(name.to_owned());
            }
        }
        if names.is_empty() {
            bail!("{} holds no model", folder.display());
        }
        names.sort_unstable();
        let file = |name: String| {
            let path = folder.join(&name);
            let (size, sha256) =
                hash_file(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(ModelFile { name, size, sha256 })
        };
        let files = names.into_iter().map(file).collect::<anyhow::Result<_>>()?;
        Ok(Self { files })
    }

    /// The hash that names the model on chain: the tag, then name and SHA-256 of each file, each length-prefixed.
    pub(crate) fn hash(&self) -> Hash {
        let mut fields = vec![TAG];
        for file in &self.files {
            fields.extend([file.name.as_bytes(), &file.sha256.0]);
        }
        hash_fields(&fields)
    }

    /// Checks what a stranger sent: that it is the package with this hash, and names nothing but files of a model.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check(&self, expected: &Hash) -> anyhow::Result<()> {
        if self.files.len() > MOST_FILES {
            bail!(
                "the manifest lists {} files; {MOST_FILES} are the most",
                self.files.len()
            );
        }
        if let Some(file) = self.files.iter().find(|file| !is_part(&file.name)) {
            bail!("the manifest names {:?}, which is no file of a model", file.name);
        }
        if !self.files.is_sorted_by(|a, b| a.name < b.name) {
            bail!("the manifest's files are not in rising order of their names");
        }
        let found = self.hash();
        if found != *expected {
            bail!("the manifest has hash {found}, the chain names {expected}");
        }
        Ok(())
    }

    /// Bytes of all files.
    pub(crate) fn size(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.size))
    }
}

/// Whether a file of this name shapes answers. Such a name never leaves its folder.
fn is_part(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    FILES.contains(&name)
        || (name.ends_with(".safetensors") && !name.starts_with('.') && name.chars().all(plain))
}

/// Size and SHA-256 of a file.
pub(crate) fn hash_file(path: &Path) -> std::io::Result<(u64, Hash)> {
    let mut hasher = Sha256::new();
    let size = std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok((size, Hash::new(hasher.finalize().into())))
}

/// Continues a hash with the first `length` bytes of a file.
pub(crate) fn hash_part(path: &Path, length: u64, hasher: &mut Sha256) -> std::io::Result<u64> {
    std::io::copy(&mut File::open(path)?.take(length), hasher)
}

/// Hash of a model folder: a tag, then name and SHA-256 of each file, each length-prefixed.
///
/// # Errors
/// When the folder holds no model or cannot be read.
pub fn model_hash(folder: &Path) -> anyhow::Result<Hash> {
    Ok(Manifest::of(folder)?.hash())
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

    #[test]
    fn a_strangers_manifest_names_only_files_of_the_model_that_the_chain_knows() {
        let file = |name: &str| ModelFile {
            name: name.into(),
            size: 1,
            sha256: Hash::new([1; 32]),
        };
        let manifest = |names: &[&str]| Manifest {
            files: names.iter().map(|name| file(name)).collect(),
        };
        let good = manifest(&["config.json", "model-1.safetensors"]);
        good.check(&good.hash()).unwrap();
        assert!(good.check(&Hash::new([0; 32])).is_err());
        for bad in [
            manifest(&["../config.json"]),
            manifest(&["a/../../x.safetensors"]),
            manifest(&["/etc/x.safetensors"]),
            manifest(&[".x.safetensors"]),
            manifest(&["passwd"]),
            manifest(&["model.safetensors", "config.json"]),
            manifest(&["config.json", "config.json"]),
        ] {
            assert!(bad.check(&bad.hash()).is_err(), "{bad:?}");
        }
    }
}
