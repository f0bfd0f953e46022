//! Tensors of a model folder: one `model.safetensors` or the shards of `model.safetensors.index.json`.

use memmap2::{Mmap, UncheckedAdvice};
use quern_engine::tokenizer::TokenizerError;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, TchError, Tensor};

/// Why a model folder cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// `config.json` is missing or describes maths that is not implemented.
    #[error(transparent)]
    Config(#[from] TokenizerError),
    /// A weight file is missing or unreadable.
    #[error("cannot read {path}: {why}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// A weight file is truncated, corrupt or not safetensors.
    #[error("{path} is not valid: {reason}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A tensor that the configuration calls for is not there.
    #[error("tensor {0} is missing from the model's weights")]
    Missing(String),
    /// A tensor has another shape than the configuration says.
    #[error("tensor {name} has shape {found:?}, but config.json calls for {wanted:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The configured shape.
        wanted: Vec<usize>,
    },
    /// A tensor is stored in a precision that is not supported.
    #[error("tensor {name} is stored as {dtype}; F32, F16 and BF16 are supported")]
    Precision {
        /// The tensor.
        name: String,
        /// Its precision.
        dtype: String,
    },
    /// A tensor holds NaN or infinite values.
    #[error("tensor {0} holds values that are not finite")]
    NotFinite(String),
    /// A tensor that no part of the architecture uses: the checkpoint is not what its configuration claims.
    #[error("tensor {0} is not part of this architecture")]
    Unused(String),
    /// The device is not there.
    #[error("no CUDA device is available; leave the device flag out to run on the CPU")]
    NoCuda,
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}

/// Memory-mapped weight files.
pub(crate) struct Weights {
    files: Vec<(PathBuf, Mmap)>,
    place: BTreeMap<String, usize>,
    used: BTreeSet<String>,
    device: Device,
}

impl Weights {
    /// Maps the weight files of `folder` and checks their headers.
    pub(crate) fn open(folder: &Path, device: Device) -> Result<Self, LoadError> {
        let index = folder.join("model.safetensors.index.json");
        let paths = if index.exists() {
            shards(folder, &index)?
        } else {
            vec![folder.join("model.safetensors")]
        };
        let mut weights = Self {
            files: Vec::new(),
            place: BTreeMap::new(),
            used: BTreeSet::new(),
            device,
        };
        for path in paths {
            let map = map(&path)?;
            let tensors = parse(&path, &map)?;
            for name in tensors.names() {
                weights.place.insert(name.to_string(), weights.files.len());
            }
            weights.files.push((path, map));
        }
        Ok(weights)
    }

    /// A tensor as fp32 on the device, its shape and values checked.
    pub(crate) fn take(&mut self, name: &str, wanted: &[usize]) -> Result<Tensor, LoadError> {
        let missing = || LoadError::Missing(name.to_owned());
        let place = *self.place.get(name).ok_or_else(missing)?;
        let (path, map) = self.files.get(place).ok_or_else(missing)?;
        let tensors = parse(path, map)?;
        let view = tensors.tensor(name).map_err(|_| missing())?;
        if view.shape() != wanted {
            return Err(LoadError::Shape {
                name: name.to_owned(),
                found: view.shape().to_vec(),
                wanted: wanted.to_vec(),
            });
        }
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            other => {
                return Err(LoadError::Precision {
                    name: name.to_owned(),
                    dtype: format!("{other:?}"),
                });
            }
        };
        let size: Vec<i64> = wanted.iter().map(|n| *n as i64).collect();
        let mut tensor = Tensor::f_empty(&size, (Kind::Float, self.device))?;
        tensor.f_copy_(&mapped(view.data(), &size, kind)?)?;
        // Both ends are NaN if any value is, and nothing of the tensor's size is made on the way.
        let (low, high) = tensor.f_aminmax(None, false)?;
        if !(low.f_double_value(&[])?.is_finite() && high.f_double_value(&[])?.is_finite()) {
            return Err(LoadError::NotFinite(name.to_owned()));
        }
        forget(map, view.data());
        self.used.insert(name.to_owned());
        Ok(tensor)
    }

    /// Refuses a checkpoint that stores more than was taken. Rotary frequency buffers of old checkpoints and the
    /// output layer of a tied model are copies of what is computed or shared here.
    pub(crate) fn finish(self, tied: bool) -> Result<(), LoadError> {
        let copy = |name: &str| name.ends_with("rotary_emb.inv_freq") || (tied && name == "lm_head.weight");
        self.finish_but(copy)
    }

    /// Refuses a checkpoint that stores more than was taken, but for tensors of which `spare` says that they are
    /// not needed.
    pub(crate) fn finish_but(self, spare: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        match self
            .place
            .into_keys()
            .find(|name| !self.used.contains(name) && !spare(name))
        {
            Some(name) => Err(LoadError::Unused(name)),
            None => Ok(()),
        }
    }

    /// Whether the checkpoint stores a tensor of this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.place.contains_key(name)
    }
}

fn map(path: &Path) -> Result<Mmap, LoadError> {
    let read = |why| LoadError::Read {
        path: path.to_owned(),
        why,
    };
    let file = File::open(path).map_err(read)?;
    // SAFETY: the map is read-only and private to the load; as with every memory-mapped model, someone who
    // truncates the file during that time can end the process, and nothing worse.
    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
    let map = unsafe { Mmap::map(&file) };
    map.map_err(read)
}

/// A tensor over mapped bytes, without a copy where their place in the file allows it.
fn mapped(data: &[u8], size: &[i64], kind: Kind) -> Result<Tensor, TchError> {
    let width = kind.elt_size_in_bytes();
    if !(data.as_ptr() as usize).is_multiple_of(width) {
        return Tensor::f_from_data_size(data, size, kind);
    }
    let mut strides = vec![1; size.len()];
    for axis in (1..size.len()).rev() {
        strides[axis - 1] = strides[axis] * size[axis];
    }
    // SAFETY: safetensors checked that `data` is as long as `size` and `kind` say; the caller copies from the tensor
    // while the map lives and drops it.
    #[expect(unsafe_code, reason = "the library cannot know how long the bytes live")]
    let tensor = unsafe { Tensor::f_from_blob(data.as_ptr(), size, &strides, kind, Device::Cpu) };
    tensor
}

/// Gives memory that a load no longer needs back to the system: the allocator keeps it otherwise, scattered between
/// the weights.
pub(crate) fn release_scratch() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a call into the C library")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: it may be called at any time from any thread.
        unsafe { malloc_trim(0) };
    }
}

/// Gives pages that were copied back to the system, so that a load holds the weights once.
fn forget(map: &Mmap, data: &[u8]) {
    let start = (data.as_ptr() as usize).saturating_sub(map.as_ptr() as usize);
    // SAFETY: the map is read-only and backed by a file, so its pages are read again if they are needed.
    #[expect(
        unsafe_code,
        reason = "advice that drops pages is unsafe for other kinds of maps"
    )]
    let advised = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, data.len()) };
    // Advice that the system does not take costs memory and nothing else.
    drop(advised);
}

fn parse<'a>(path: &Path, map: &'a Mmap) -> Result<SafeTensors<'a>, LoadError> {
    SafeTensors::deserialize(map).map_err(|e| LoadError::Invalid {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, LoadError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let invalid = |reason: String| LoadError::Invalid {
        path: index.to_owned(),
        reason,
    };
    let bytes = std::fs::read(index).map_err(|why| LoadError::Read {
        path: index.to_owned(),
        why,
    })?;
    let index: Index = serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    match names
        .iter()
        .find(|name| Path::new(name).file_name() != Some(name.as_ref()))
    {
        Some(name) => Err(invalid(format!(
            "shard {name:?} is not a file name in the model folder"
        ))),
        None => Ok(names.into_iter().map(|name| folder.join(name)).collect()),
    }
}
