//! Mixtral: Mistral with eight experts in each layer, two for each token.

use super::fields::Fields;
use super::{Defaults, ExpertNames, Experts, ModelConfig, rope};

pub(super) fn read(fields: &mut Fields) -> Result<ModelConfig, String> {
    fields.only("hidden_act", "silu")?;
    // These matter in training only.
    for name in [
        "output_router_logits",
        "router_aux_loss_coef",
        "router_jitter_noise",
    ] {
        fields.take(name);
    }
    let window = fields.optional_size("sliding_window")?;
    let base = ModelConfig::base(fields, &Defaults::default())?;
    Ok(ModelConfig {
        rope: rope::read(fields, base.rope_sizes(), None)?,
        windows: vec![window; base.layers],
        experts: Some(Experts {
            count: fields.size("num_local_experts")?,
            per_token: fields.size("num_experts_per_tok")?,
            intermediate_size: base.intermediate_size,
            normalise: true,
            layers: vec![true; base.layers],
            names: ExpertNames::Mixtral,
        }),
        ..base
    })
}
