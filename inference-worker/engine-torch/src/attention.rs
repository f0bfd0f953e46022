//! How one layer attends.

/// What a layer's attention does beyond `softmax(q k^T / sqrt(head_dim)) v` over all earlier positions. All `None`
/// for Llama.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct AttentionSpec {
    /// Factor of the scores in place of `1 / sqrt(head_dim)`.
    pub(crate) scale: Option<f64>,
    /// Positions that a query sees, its own among them: it sees `at + 1 - window ..= at`.
    pub(crate) window: Option<usize>,
    /// Scaled scores s become `softcap * tanh(s / softcap)`, before the mask.
    pub(crate) softcap: Option<f64>,
}
