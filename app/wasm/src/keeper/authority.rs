//! Whose leave a message needs (wasmd `x/wasm/keeper/authz_policy.go`).

use quern_context::{CallFrame, Cx};
use quern_proto::cosmwasm::wasm::v1::AccessConfig;
use quern_types::{AccAddress, Result, module_address};

use crate::{access, errors};

/// The rules that bind one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// A user or a contract.
    Anyone,
    /// A contract that governance has instantiated: it may instantiate any code.
    Instantiator,
    /// Governance: it may do everything.
    Governance,
}

impl Authority {
    /// The rules for `actor` at this point.
    pub(crate) fn of(cx: &Cx, actor: &AccAddress) -> Self {
        if *actor == governance() {
            Self::Governance
        } else if cx.calls.may_instantiate {
            Self::Instantiator
        } else {
            Self::Anyone
        }
    }

    pub(crate) fn may_store(
        self,
        upload: &AccessConfig,
        default: &AccessConfig,
        actor: &AccAddress,
        wanted: &AccessConfig,
    ) -> bool {
        self == Self::Governance || access::allows(upload, actor) && access::is_subset(wanted, default)
    }

    pub(crate) fn may_instantiate(self, config: &AccessConfig, actor: &AccAddress) -> bool {
        self != Self::Anyone || access::allows(config, actor)
    }

    /// Whether `actor` may act for the admin of a contract.
    pub(crate) fn may_modify(self, admin: &str, actor: &AccAddress) -> bool {
        self == Self::Governance || AccAddress::from_bech32(admin).is_ok_and(|admin| admin == *actor)
    }

    /// Whether `actor` may change who instantiates a code.
    pub(crate) fn may_modify_code(self, creator: &str, actor: &AccAddress, narrows: bool) -> bool {
        self == Self::Governance || narrows && self.may_modify(creator, actor)
    }

    /// The call frame of the messages that an instantiated contract sends.
    pub(crate) fn within_instantiate(self, cx: &Cx) -> CallFrame {
        CallFrame {
            may_instantiate: self != Self::Anyone,
            ..cx.calls.clone()
        }
    }

    /// The call frame of the messages that a migrated contract sends.
    pub(crate) fn within_migrate(self, cx: &Cx) -> CallFrame {
        CallFrame {
            may_instantiate: self == Self::Instantiator,
            ..cx.calls.clone()
        }
    }
}

/// Address of governance.
pub(crate) fn governance() -> AccAddress {
    module_address(quern_auth::GOV)
}

/// Refuses a message that only governance may send.
pub(crate) fn require_governance(authority: &str) -> Result<()> {
    let expected = governance().to_string();
    if authority == expected {
        return Ok(());
    }
    Err(errors::INVALID.wrap(format!("invalid authority; expected {expected}, got {authority}")))
}
