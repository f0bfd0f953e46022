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
        switch.denom.parse::<Denom>()?;
        params::set_switch(cx, &switch.denom, switch.enabled)?;
    }
    for denom in &msg.use_default_for {
        denom.parse::<Denom>()?;
        cx.kv(MODULE).delete(&keys::send_enabled(denom))?;
    }
    Ok(())
}
