//! MsgSetSendEnabled.

use std::collections::BTreeSet;

use quern_context::Cx;
use quern_proto::cosmos::bank::v1beta1::MsgSetSendEnabled;
use quern_types::{Denom, Result, errors};

use crate::{MODULE, keys, params};

pub(super) fn execute(cx: &Cx, msg: &MsgSetSendEnabled) -> Result<()> {
    quern_auth::require_authority(&msg.authority)?;
    let mut seen = BTreeSet::new();
    for switch in &msg.send_enabled {
        if !seen.insert(&switch.denom) {
            return Err(
                errors::INVALID_REQUEST.wrap(format!("duplicate denom entries found for {:?}", switch.denom))
            );
        }
        check("SendEnabled", &switch.denom)?;
        params::set_switch(cx, &switch.denom, switch.enabled)?;
    }
    for denom in &msg.use_default_for {
        check("UseDefaultFor", denom)?;
        cx.kv(MODULE).delete(&keys::send_enabled(denom))?;
    }
    Ok(())
}

fn check(list: &str, denom: &str) -> Result<()> {
    if denom.parse::<Denom>().is_ok() {
        return Ok(());
    }
    Err(errors::INVALID_REQUEST.wrap(format!("invalid {list} denom {denom:?}: invalid denom: {denom}")))
}
