//! A layer of experts, of which each token uses the few that a router rates highest.

use crate::linear::Linear;
use crate::mlp::{Mlp, Names};
use crate::weights::{LoadError, Weights};
use quern_engine::config::{ExpertNames, Experts, ModelConfig};
use tch::{Device, Kind, TchError, Tensor};

/// A router and its experts.
pub(crate) struct Mixture {
    router: Linear,
    experts: Vec<Mlp>,
    per_token: i64,
    normalise: bool,
}

impl Mixture {
    /// Loads the experts below `layer`.
    pub(crate) fn load(
        weights: &mut Weights,
        config: &ModelConfig,
        layer: &str,
        experts: &Experts,
    ) -> Result<Self, LoadError> {
        let (part, gate, up, down) = match experts.names {
            ExpertNames::Qwen => ("mlp", "gate_proj", "up_proj", "down_proj"),
            ExpertNames::Mixtral => ("block_sparse_moe", "w1", "w3", "w2"),
        };
        let router = format!("{layer}.{part}.gate.weight");
        let router = weights.take(&router, &[experts.count, config.hidden_size])?;
        let names = Names { gate, up, down };
        let expert = |index: usize| {
            let place = format!("{layer}.{part}.experts.{index}");
            Mlp::load(weights, config, &place, &names, experts.intermediate_size)
        };
        Ok(Self {
            router: Linear::new(router, None)?,
            experts: (0..experts.count).map(expert).collect::<Result<_, _>>()?,
            per_token: experts.per_token as i64,
            normalise: experts.normalise,
        })
    }

    pub(crate) fn multiply_in_bf16(&mut self) -> Result<(), TchError> {
        // The router stays exact: a token that takes another expert is another token.
        self.experts.iter_mut().try_for_each(Mlp::multiply_in_bf16)
    }

    /// The weighted sum of each row's experts. Rows of one expert are computed together, and the weights of an
    /// expert that no row takes are not read.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let rated = self.router.apply(x)?.f_softmax(-1, Kind::Float)?;
        let (mut shares, chosen) = rated.f_topk(self.per_token, -1, true, true)?;
        if self.normalise {
            shares = shares.f_div(&shares.f_sum_dim_intlist([-1i64].as_slice(), true, Kind::Float)?)?;
        }
        let shares = shares.f_reshape([-1, 1])?;
        let mut sum = x.f_zeros_like()?;
        for (expert, places) in self.places(&chosen)?.into_iter().enumerate() {
            let (Some(expert), false) = (self.experts.get(expert), places.is_empty()) else {
                continue;
            };
            let rows: Vec<i64> = places.iter().map(|place| place / self.per_token).collect();
            let index = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(x.device());
            let (rows, places) = (index(&rows)?, index(&places)?);
            let mut part = expert.apply(&x.f_index_select(0, &rows)?)?;
            let _ = part.f_mul_(&shares.f_index_select(0, &places)?)?;
            let _ = sum.f_index_add_(0, &rows, &part)?;
        }
        Ok(sum)
    }

    /// For each expert, its places in the flattened table of choices.
    fn places(&self, chosen: &Tensor) -> Result<Vec<Vec<i64>>, TchError> {
        let mut flat = vec![0i64; chosen.numel()];
        let length = flat.len();
        chosen
            .f_to_device(Device::Cpu)?
            .f_contiguous()?
            .f_copy_data(&mut flat, length)?;
        let mut places = vec![Vec::new(); self.experts.len()];
        for (place, expert) in flat.into_iter().enumerate() {
            if let Some(list) = usize::try_from(expert)
                .ok()
                .and_then(|expert| places.get_mut(expert))
            {
                list.push(place as i64);
            }
        }
        Ok(places)
    }
}
