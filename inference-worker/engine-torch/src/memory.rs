//! Tensors as memory that our kernels read and write.

use tch::{Device, Kind, TchError, Tensor};

fn unfit(tensor: &Tensor) -> TchError {
    TchError::Kind(format!(
        "a kernel needs dense fp32 on the CPU, not {:?} on {:?}",
        tensor.kind(),
        tensor.device()
    ))
}

fn dense(tensor: &Tensor) -> bool {
    tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous()
}

/// A tensor without defined content.
pub(crate) fn empty(size: &[i64]) -> Result<Tensor, TchError> {
    Tensor::f_empty(size, (Kind::Float, Device::Cpu))
}

/// The numbers of a dense tensor.
pub(crate) fn read(tensor: &Tensor) -> Result<&[f32], TchError> {
    if !dense(tensor) {
        return Err(unfit(tensor));
    }
    // SAFETY: dense fp32 in main memory, which lives as long as the tensor; the engine's thread alone writes tensors.
    #[expect(unsafe_code, reason = "the library hands out no slice")]
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<f32>(), tensor.numel()) })
}

/// The numbers of a dense tensor that nobody else looks at.
pub(crate) fn write(tensor: &mut Tensor) -> Result<&mut [f32], TchError> {
    if !dense(tensor) {
        return Err(unfit(tensor));
    }
    // SAFETY: as above; no other view of this tensor is used while the slice lives.
    #[expect(unsafe_code, reason = "the library hands out no slice")]
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) })
}

/// The tensor whose columns two views [n, a, d] and [n, b, d] are, as [n, a + b, d]; a copy if they are not neighbours.
pub(crate) fn joined(left: &Tensor, right: &Tensor) -> Result<Tensor, TchError> {
    let (a, b) = (left.size(), right.size());
    if let ([n, first, d], [_, second, _]) = (a.as_slice(), b.as_slice()) {
        let strides = [(first + second) * d, *d, 1];
        let offset = first * d * size_of::<f32>() as i64;
        let beside = right.data_ptr() as i64 - left.data_ptr() as i64 == offset;
        if beside && left.stride() == strides && right.stride() == strides {
            return left.f_as_strided([*n, first + second, *d], strides, None);
        }
    }
    Tensor::f_cat(&[left, right], 1)
}
