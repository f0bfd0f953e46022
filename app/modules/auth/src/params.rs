//! Parameters of the ante handler.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::auth::v1beta1 as wire;
use quern_types::{Error, Result};

use crate::{MODULE, keys};

/// Parameters of x/auth (defaults of SDK 0.53).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Longest memo in bytes.
    pub max_memo_characters: u64,
    /// Most signatures in a transaction.
    pub tx_sig_limit: u64,
    /// Gas per byte of a transaction.
    pub tx_size_cost_per_byte: u64,
    /// Gas per Ed25519 verification.
    pub sig_verify_cost_ed25519: u64,
    /// Gas per secp256k1 verification.
    pub sig_verify_cost_secp256k1: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            max_memo_characters: 256,
            tx_sig_limit: 7,
            tx_size_cost_per_byte: 10,
            sig_verify_cost_ed25519: 590,
            sig_verify_cost_secp256k1: 1000,
        }
    }
}

impl Params {
    /// Every parameter must be positive.
    ///
    /// # Errors
    /// `undefined/1`, for which the SDK has no code.
    pub fn validate(&self) -> Result<()> {
        let fields = [
            ("tx signature limit", self.tx_sig_limit),
            (
                "ED25519 signature verification cost",
                self.sig_verify_cost_ed25519,
            ),
            (
                "SECK256k1 signature verification cost",
                self.sig_verify_cost_secp256k1,
            ),
            ("max memo characters", self.max_memo_characters),
            ("tx size cost per byte", self.tx_size_cost_per_byte),
        ];
        match fields.iter().find(|(_, value)| *value == 0) {
            None => Ok(()),
            Some((name, value)) => Err(Error::unregistered(format!("invalid {name}: {value}"))),
        }
    }

    pub(crate) fn to_wire(self) -> wire::Params {
        wire::Params {
            max_memo_characters: self.max_memo_characters,
            tx_sig_limit: self.tx_sig_limit,
            tx_size_cost_per_byte: self.tx_size_cost_per_byte,
            sig_verify_cost_ed25519: self.sig_verify_cost_ed25519,
            sig_verify_cost_secp256k1: self.sig_verify_cost_secp256k1,
        }
    }

    pub(crate) fn from_wire(wire: &wire::Params) -> Self {
        Self {
            max_memo_characters: wire.max_memo_characters,
            tx_sig_limit: wire.tx_sig_limit,
            tx_size_cost_per_byte: wire.tx_size_cost_per_byte,
            sig_verify_cost_ed25519: wire.sig_verify_cost_ed25519,
            sig_verify_cost_secp256k1: wire.sig_verify_cost_secp256k1,
        }
    }
}

/// Current parameters.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn params(cx: &Cx) -> Result<Params> {
    let Some(bytes) = cx.kv(MODULE).get(keys::PARAMS)? else {
        return Ok(Params::default());
    };
    let wire = wire::Params::decode(bytes.as_slice())
        .map_err(|e| Error::halt(format!("corrupt auth parameters in state: {e}")))?;
    Ok(Params::from_wire(&wire))
}

/// Replaces the parameters.
///
/// # Errors
/// `sdk/18` if one is invalid.
pub fn set_params(cx: &Cx, params: Params) -> Result<()> {
    params.validate()?;
    cx.kv(MODULE).set(keys::PARAMS, params.to_wire().encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_is_refused_in_the_sdks_words_without_a_code() {
        let params = Params {
            sig_verify_cost_secp256k1: 0,
            ..Params::default()
        };
        let refused = params.validate().unwrap_err();
        assert_eq!((refused.codespace(), refused.code()), ("undefined", 1));
        assert_eq!(
            refused.to_string(),
            "invalid SECK256k1 signature verification cost: 0"
        );
    }
}
