//! What the headers of a folder's weight files say of its tensors.

use anyhow::bail;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest header of a weight file: the limit of the format.
const MOST_HEADER: u64 = 100_000_000;

/// A tensor's entry.
#[derive(Debug, Deserialize)]
pub(crate) struct Tensor {
    pub(crate) dtype: String,
    shape: Vec<u64>,
}

impl Tensor {
    pub(crate) fn numbers(&self) -> u64 {
        self.shape
            .iter()
            .fold(1, |numbers: u64, n| numbers.saturating_mul(*n))
    }
}

/// The tensors of all weight files of a folder, by name.
///
/// # Errors
/// When a file cannot be read or has no header.
pub(crate) fn tensors(folder: &Path) -> anyhow::Result<Vec<(String, Tensor)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
        {
            header(&path, &mut all)?;
        }
    }
    Ok(all)
}

fn header(path: &Path, all: &mut Vec<(String, Tensor)>) -> anyhow::Result<()> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MOST_HEADER {
        bail!("the header is too long");
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    let tensors: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&header)?;
    for (name, tensor) in tensors.into_iter().filter(|(name, _)| name != "__metadata__") {
        all.push((name, serde_json::from_value(tensor)?));
    }
    Ok(())
}

/// How most of a folder's weights are stored, in OpenRouter's words; none where that cannot be told.
pub(crate) fn precision(folder: &Path) -> Option<&'static str> {
    let mut stored: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (_, tensor) in tensors(folder).ok()? {
        let name = match tensor.dtype.as_str() {
            "F32" => "fp32",
            "F16" => "fp16",
            "BF16" => "bf16",
            _ => continue,
        };
        let numbers = stored.entry(name).or_default();
        *numbers = numbers.saturating_add(tensor.numbers());
    }
    let most = stored.into_iter().max_by_key(|(_, numbers)| *numbers);
    most.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, tensors: &[(&str, &str, &[u64])]) {
        let entry = |(name, dtype, shape): &(&str, &str, &[u64])| {
            let fields = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [0, 0]});
            ((*name).to_owned(), fields)
        };
        let mut header: serde_json::Map<_, _> = tensors.iter().map(entry).collect();
        header.insert("__metadata__".into(), serde_json::json!({"format": "pt"}));
        let text = serde_json::to_vec(&header).unwrap();
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text);
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    #[test]
    fn a_checkpoint_is_of_the_precision_that_most_of_its_weights_have() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(precision(path), None);
        file(
            path,
            "model-1.safetensors",
            &[("a", "BF16", &[8, 8]), ("norm", "F32", &[8])],
        );
        assert_eq!(precision(path), Some("bf16"));
        file(path, "model-2.safetensors", &[("b", "F16", &[100])]);
        assert_eq!(precision(path), Some("fp16"));
        file(path, "model-3.safetensors", &[("c", "F32", &[10, 10])]);
        assert_eq!(precision(path), Some("fp32"));
        std::fs::write(path.join("model-4.safetensors"), "no header").unwrap();
        assert_eq!(precision(path), None);
    }
}
