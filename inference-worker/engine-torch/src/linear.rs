//! Matrix products of activations with weights.

use crate::memory;
use quern_kernels::Weight;
use tch::{Device, Kind, TchError, Tensor};

/// A projection: weight `[out, in]` and perhaps a bias `[out]`.
pub(crate) struct Linear {
    weight: Stored,
    bias: Option<Tensor>,
}

enum Stored {
    /// For our kernel, whose rows do not depend on the batch: on the CPU.
    Panels(Weight),
    /// For the library's.
    Tensor(Tensor),
    /// In bfloat16, if products are to be computed so.
    Coarse(Tensor),
}

impl Linear {
    pub(crate) fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self, TchError> {
        let weight = if weight.device() == Device::Cpu {
            let weight = weight.f_contiguous()?;
            let inputs = weight.size().last().copied().unwrap_or(1) as usize;
            Stored::Panels(Weight::new(memory::read(&weight)?, inputs))
        } else {
            Stored::Tensor(weight)
        };
        Ok(Self { weight, bias })
    }

    /// Rows of the weight, exact, if our kernel's panels hold it.
    pub(crate) fn rows(&self, numbers: &[u32]) -> Result<Option<Tensor>, TchError> {
        let Stored::Panels(weight) = &self.weight else {
            return Ok(None);
        };
        let rows: Vec<f32> = numbers.iter().flat_map(|row| weight.row(*row as usize)).collect();
        let size = [numbers.len() as i64, weight.inputs() as i64];
        Tensor::f_from_slice(&rows)?.f_view(size).map(Some)
    }

    /// From now on multiplies in bfloat16, as automatic mixed precision does.
    pub(crate) fn multiply_in_bf16(&mut self) -> Result<(), TchError> {
        let weight = match &self.weight {
            Stored::Panels(weight) => {
                let size = [weight.outputs() as i64, weight.inputs() as i64];
                Tensor::f_from_slice(&weight.to_rows())?.f_view(size)?
            }
            Stored::Tensor(weight) | Stored::Coarse(weight) => weight.shallow_clone(),
        };
        self.weight = Stored::Coarse(weight.f_to_kind(Kind::BFloat16)?);
        Ok(())
    }

    /// `x @ weight^T + bias` for rows x, [n, in].
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        match &self.weight {
            Stored::Panels(weight) => {
                let mut out = memory::empty(&[x.size()[0], weight.outputs() as i64])?;
                self.panels(weight, x, &mut out, false)?;
                Ok(out)
            }
            Stored::Tensor(weight) => x.f_linear(weight, self.bias.as_ref()),
            Stored::Coarse(weight) => self.in_bf16(x, weight),
        }
    }

    /// `sum += x @ weight^T + bias`.
    pub(crate) fn accumulate(&self, sum: &mut Tensor, x: &Tensor) -> Result<(), TchError> {
        match &self.weight {
            Stored::Panels(weight) if sum.is_contiguous() => self.panels(weight, x, sum, true),
            _ => sum.f_add_(&self.apply(x)?).map(drop),
        }
    }

    fn panels(&self, weight: &Weight, x: &Tensor, out: &mut Tensor, add: bool) -> Result<(), TchError> {
        let x = x.f_contiguous()?;
        let bias = self.bias.as_ref().map(memory::read).transpose()?;
        weight.apply(memory::read(&x)?, bias, memory::write(out)?, add);
        Ok(())
    }

    fn in_bf16(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor, TchError> {
        let product = x.f_to_kind(Kind::BFloat16)?.f_linear(weight, None::<&Tensor>)?;
        let mut product = product.f_to_kind(Kind::Float)?;
        match &self.bias {
            Some(bias) => product.f_add_(bias),
            None => Ok(product),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_multiply_computes_the_same_product() {
        let options = (Kind::Float, Device::Cpu);
        let (inputs, outputs) = (1024, 1152);
        let weight = (Tensor::f_rand([outputs, inputs], options).unwrap() - 0.5) * 0.1;
        let bias = Tensor::f_rand([outputs], options).unwrap();
        let mut linear = Linear::new(weight.shallow_clone(), Some(bias.shallow_clone())).unwrap();
        let worst =
            |found: &Tensor, wanted: &Tensor| (found - wanted).abs().max().f_double_value(&[]).unwrap();
        for rows in [1, 3, 8, 65] {
            let x = Tensor::f_rand([rows, inputs], options).unwrap() - 0.5;
            let plain = x.f_linear(&weight, Some(&bias)).unwrap();
            assert!(worst(&linear.apply(&x).unwrap(), &plain) < 1e-5, "{rows} rows");
            let start = Tensor::f_rand([rows, outputs], options).unwrap();
            let mut sum = start.copy();
            linear.accumulate(&mut sum, &x).unwrap();
            assert!(worst(&sum, &(start + plain)) < 1e-5, "{rows} rows, accumulated");
        }
        let rows = linear.rows(&[7, 0, 7]).unwrap().unwrap();
        assert_eq!(rows, weight.index_select(0, &Tensor::from_slice(&[7_i64, 0, 7])));
        let x = Tensor::f_rand([3, inputs], options).unwrap() - 0.5;
        let fine = linear.apply(&x).unwrap();
        linear.multiply_in_bf16().unwrap();
        let error = worst(&linear.apply(&x).unwrap(), &fine);
        assert!((1e-5..0.1).contains(&error), "{error}");
    }
}
