//! The command line.

use crate::Failure;
use std::path::PathBuf;

/// What is measured, and how.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) model: PathBuf,
    pub(crate) batches: Vec<usize>,
    /// Of each batch, beside `transformers`.
    pub(crate) targets: Vec<f64>,
    pub(crate) report: Option<PathBuf>,
    pub(crate) threads: usize,
    pub(crate) tokens: usize,
    pub(crate) rounds: usize,
    pub(crate) bf16: bool,
    pub(crate) prefill: Vec<usize>,
    pub(crate) llama: bool,
    pub(crate) bandwidth: bool,
    pub(crate) cpu: bool,
}

impl Options {
    pub(crate) fn read() -> Result<Self, Failure> {
        let mut options = Self {
            model: PathBuf::new(),
            batches: vec![1, 8],
            targets: vec![1.0, 2.0],
            report: None,
            threads: 2,
            tokens: 64,
            rounds: 5,
            bf16: false,
            prefill: Vec::new(),
            llama: false,
            bandwidth: false,
            cpu: false,
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            let value = args.next().ok_or("every option takes a value")?;
            match name.as_str() {
                "--model" => options.model = value.into(),
                "--batch" => options.batches = list(&value)?,
                "--target" => options.targets = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--prefill" => options.prefill = list(&value)?,
                "--llama" => options.llama = value.parse()?,
                "--bandwidth" => options.bandwidth = value.parse()?,
                "--cpu" => options.cpu = value.parse()?,
                "--report" => options.report = Some(value.into()),
                "--threads" => options.threads = value.parse()?,
                "--tokens" => options.tokens = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--bf16" => options.bf16 = value.parse()?,
                _ => return Err(format!("unknown option {name}").into()),
            }
        }
        if options.cpu {
            options.threads = 1;
        }
        Ok(options)
    }
}

fn list(value: &str) -> Result<Vec<usize>, Failure> {
    Ok(value.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
