//! Parameters and send switches.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::bank::v1beta1 as wire;
use quern_types::{Coins, Error, Result};

use crate::{MODULE, SEND_DISABLED, keys};

/// Whether denominations without a switch of their own may be sent.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn default_send_enabled(cx: &Cx) -> Result<bool> {
    let Some(bytes) = cx.kv(MODULE).get(keys::PARAMS)? else {
        return Ok(true);
    };
    let params = wire::Params::decode(bytes.as_slice())
        .map_err(|e| Error::halt(format!("corrupt bank parameters in state: {e}")))?;
    Ok(params.default_send_enabled)
}

pub(crate) fn set_default_send_enabled(cx: &Cx, default_send_enabled: bool) -> Result<()> {
    let params = wire::Params {
        default_send_enabled,
        ..Default::default()
    };
    cx.kv(MODULE).set(keys::PARAMS, params.encode_to_vec())
}

/// The switch of one denomination, if it has one.
pub(crate) fn switch(cx: &Cx, denom: &str) -> Result<Option<bool>> {
    Ok(cx
        .kv(MODULE)
        .get(&keys::send_enabled(denom))?
        .map(|value| value == [1]))
}

pub(crate) fn set_switch(cx: &Cx, denom: &str, enabled: bool) -> Result<()> {
    cx.kv(MODULE).set(&keys::send_enabled(denom), [u8::from(enabled)])
}

/// Refuses coins whose sending is switched off.
///
/// # Errors
/// `bank/5`.
pub fn check_send_enabled(cx: &Cx, coins: &Coins) -> Result<()> {
    let mut default = None;
    for coin in coins {
        let enabled = match (switch(cx, coin.denom.as_str())?, default) {
            (Some(own), _) => own,
            (None, Some(known)) => known,
            (None, None) => *default.insert(default_send_enabled(cx)?),
        };
        if !enabled {
            return Err(SEND_DISABLED.wrap(format!("{} transfers are currently disabled", coin.denom)));
        }
    }
    Ok(())
}
