//! Messages of x/bank. One file per message with a handler of its own.

mod multi_send;
mod send;
mod set_send_enabled;

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput};
use quern_proto::cosmos::{bank::v1beta1 as wire, base::v1beta1 as base};
use quern_types::{AccAddress, Coin, Coins, Result, coins_fault, errors, is_beyond_supply};

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Coins from the signer to one account.
    Send(wire::MsgSend),
    /// Coins from the signer to many accounts.
    MultiSend(wire::MsgMultiSend),
    /// Replaces the parameters; only the authority may.
    UpdateParams(wire::MsgUpdateParams),
    /// Sets or removes send switches; only the authority may.
    SetSendEnabled(wire::MsgSetSendEnabled),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.bank.v1beta1.MsgSend",
        "/cosmos.bank.v1beta1.MsgMultiSend",
        "/cosmos.bank.v1beta1.MsgUpdateParams",
        "/cosmos.bank.v1beta1.MsgSetSendEnabled",
    ];

    /// Decodes a message of this module; `None` for another's type.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        let name = type_url.strip_prefix("/cosmos.bank.v1beta1.")?;
        let decoded = match name {
            "MsgSend" => wire::MsgSend::decode(value).map(Self::Send),
            "MsgMultiSend" => wire::MsgMultiSend::decode(value).map(Self::MultiSend),
            "MsgUpdateParams" => wire::MsgUpdateParams::decode(value).map(Self::UpdateParams),
            "MsgSetSendEnabled" => wire::MsgSetSendEnabled::decode(value).map(Self::SetSendEnabled),
            _ => return None,
        };
        Some(decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string())))
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        let one = |text: &str| Ok(vec![AccAddress::from_signer(text)?]);
        match self {
            Self::Send(msg) => one(&msg.from_address),
            Self::MultiSend(msg) => msg
                .inputs
                .iter()
                .map(|i| AccAddress::from_signer(&i.address))
                .collect(),
            Self::UpdateParams(msg) => one(&msg.authority),
            Self::SetSendEnabled(msg) => one(&msg.authority),
        }
    }

    /// Executes the message.
    ///
    /// # Errors
    /// `sdk/5` too little, `sdk/4` blocked recipient, `bank/5` switched off, and those of the fields.
    pub fn execute(self, cx: &Cx) -> Result<MsgOutput> {
        match self {
            Self::Send(msg) => send::execute(cx, &msg).map(|()| output("MsgSendResponse")),
            Self::MultiSend(msg) => multi_send::execute(cx, &msg).map(|()| output("MsgMultiSendResponse")),
            Self::UpdateParams(msg) => {
                quern_auth::require_authority(&msg.authority)?;
                let params = msg.params.unwrap_or_default();
                #[allow(deprecated)]
                let switches = !params.send_enabled.is_empty();
                if switches {
                    return Err(
                        errors::INVALID_REQUEST.wrap("use of send_enabled in params is no longer supported")
                    );
                }
                crate::params::set_default_send_enabled(cx, params.default_send_enabled)?;
                Ok(output("MsgUpdateParamsResponse"))
            }
            Self::SetSendEnabled(msg) => {
                set_send_enabled::execute(cx, &msg).map(|()| output("MsgSetSendEnabledResponse"))
            }
        }
    }
}

/// Every response of this module is an empty message.
fn output(name: &str) -> MsgOutput {
    let response = AnyMsg {
        type_url: format!("/cosmos.bank.v1beta1.{name}"),
        value: Vec::new(),
    };
    MsgOutput { response }
}

/// Reads coins that must be valid and not empty. Nobody has what 128 bits do not hold.
fn positive_coins(coins: &[base::Coin]) -> Result<Coins> {
    let texts = || coins.iter().map(|c| (c.denom.as_str(), c.amount.as_str()));
    if coins.is_empty() || coins_fault(texts()).is_some() {
        let shown = texts().map(|(denom, amount)| format!("{amount}{denom}"));
        return Err(errors::INVALID_COINS.wrap(shown.collect::<Vec<_>>().join(",")));
    }
    if let Some((denom, amount)) = texts().find(|(_, amount)| is_beyond_supply(amount)) {
        let text = format!("no balance reaches {amount}{denom}");
        return Err(errors::INSUFFICIENT_FUNDS.wrap(text));
    }
    let parsed = texts().map(|(denom, amount)| Coin::parse(denom, amount));
    Coins::try_from_sorted(parsed.collect::<Result<_>>()?)
}
