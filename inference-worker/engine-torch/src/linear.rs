//! Matrix products of activations with weights, by the kernel that suits the shape.

use tch::{Device, Kind, TchError, Tensor};

/// Rows for which oneDNN beats MKL on weights that no cache holds. MKL streams weights at full bandwidth for up to
/// three rows and repacks them from four on; oneDNN does not, and the two meet again near 64 rows. Measured at
/// 5,760 x 1,024 on one AVX-512 core, in ms for 8 such weights, MKL / oneDNN: 3 rows 15 / 22, 4 rows 29 / 23,
/// 8 rows 43 / 26, 16 rows 41 / 31, 64 rows 64 / 58.
const STREAMED_ROWS: std::ops::RangeInclusive<i64> = 4..=64;
/// Elements from which on a weight is streamed from memory (4 MB of fp32).
const STREAMED_WEIGHT: usize = 1 << 20;

/// A projection: weight `[out, in]` and perhaps a bias `[out]`.
pub(crate) struct Linear {
    weight: Tensor,
    transposed: Tensor,
    bias: Option<Tensor>,
    streamed: bool,
    /// The weight in bfloat16, if products are to be computed so.
    coarse: Option<Tensor>,
}

impl Linear {
    pub(crate) fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self, TchError> {
        let streamed = weight.device() == Device::Cpu && weight.numel() >= STREAMED_WEIGHT;
        Ok(Self {
            transposed: weight.f_tr()?,
            weight,
            bias,
            streamed,
            coarse: None,
        })
    }

    /// From now on multiplies in bfloat16, as automatic mixed precision does.
    pub(crate) fn multiply_in_bf16(&mut self) -> Result<(), TchError> {
        self.coarse = Some(self.weight.f_to_kind(Kind::BFloat16)?);
        Ok(())
    }

    /// `x @ weight^T + bias` for rows x, [n, in].
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        if let Some(weight) = &self.coarse {
            return self.in_bf16(x, weight);
        }
        if self.suits_onednn(x) {
            self.onednn(x)
        } else {
            x.f_linear(&self.weight, self.bias.as_ref())
        }
    }

    /// `sum += x @ weight^T + bias`, the addition inside the product where the kernel can.
    pub(crate) fn accumulate(&self, sum: &mut Tensor, x: &Tensor) -> Result<(), TchError> {
        if let Some(weight) = &self.coarse {
            return sum.f_add_(&self.in_bf16(x, weight)?).map(drop);
        }
        if self.suits_onednn(x) {
            return sum.f_add_(&self.onednn(x)?).map(drop);
        }
        let _ = sum.f_addmm_(x, &self.transposed)?;
        match &self.bias {
            Some(bias) => sum.f_add_(bias).map(drop),
            None => Ok(()),
        }
    }

    fn in_bf16(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor, TchError> {
        let product = x.f_to_kind(Kind::BFloat16)?.f_linear(weight, None::<&Tensor>)?;
        let mut product = product.f_to_kind(Kind::Float)?;
        match &self.bias {
            Some(bias) => product.f_add_(bias),
            None => Ok(product),
        }
    }

    fn suits_onednn(&self, x: &Tensor) -> bool {
        self.streamed && x.size().first().is_some_and(|rows| STREAMED_ROWS.contains(rows))
    }

    /// The weight is read in place; only the few rows of x are converted.
    fn onednn(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_to_mkldnn(None)?
            .f_mkldnn_linear(&self.weight, self.bias.as_ref())?
            .f_to_dense(None, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_computes_the_same_product() {
        let options = (Kind::Float, Device::Cpu);
        let (inputs, outputs) = (1024, 1152);
        let weight = (Tensor::f_rand([outputs, inputs], options).unwrap() - 0.5) * 0.1;
        let bias = Tensor::f_rand([outputs], options).unwrap();
        let linear = Linear::new(weight.shallow_clone(), Some(bias.shallow_clone())).unwrap();
        assert!(
            linear.streamed,
            "the weight must be large enough to reach both kernels"
        );
        for rows in [1, 3, 4, 8, 64, 65] {
            let x = Tensor::f_rand([rows, inputs], options).unwrap() - 0.5;
            let plain = x.f_linear(&weight, Some(&bias)).unwrap();
            let worst =
                |found: &Tensor, wanted: &Tensor| (found - wanted).abs().max().f_double_value(&[]).unwrap();
            assert!(worst(&linear.apply(&x).unwrap(), &plain) < 1e-5, "{rows} rows");
            let start = Tensor::f_rand([rows, outputs], options).unwrap();
            let mut sum = start.copy();
            linear.accumulate(&mut sum, &x).unwrap();
            assert!(worst(&sum, &(start + plain)) < 1e-5, "{rows} rows, accumulated");
        }
    }
}
