//! One message of a contract, handed to the module that it is for.

use std::sync::Arc;

use prost::{Message, Name};
use quern_context::{AnyMsg, Cx, MsgOutput, Router};
use quern_types::{AccAddress, Error, Result, errors as sdk, module_address};

use super::{coins, encode};
use crate::{
    Wasm, errors, gas,
    json::{self, CosmosMsg},
    keys, limits,
};

/// A contract as a sender of messages.
pub(super) struct Sender<'a> {
    pub wasm: &'a Wasm,
    pub router: &'a Arc<dyn Router>,
    pub contract: &'a AccAddress,
    pub ibc_port: &'a str,
}

impl Sender<'_> {
    /// Sends a message. Several responses are possible in principle; today there is one or none.
    pub(super) fn send(&self, cx: &Cx, msg: &CosmosMsg) -> Result<Vec<MsgOutput>> {
        // The order in which wasmd looks at the variants.
        if let Some(bank) = &msg.bank {
            return match (&bank.send, &bank.burn) {
                (Some(send), _) if send.amount.is_empty() => Ok(Vec::new()),
                (Some(send), _) => self.encoded(cx, &encode::bank_send(self.contract, send)?),
                (None, Some(burn)) => self.burn(cx, &burn.amount),
                (None, None) => Err(no_handler()),
            };
        }
        if msg.custom.is_some() {
            return Err(no_handler());
        }
        if let Some(distribution) = &msg.distribution {
            let encoded = encode::distribution(self.contract, distribution)?;
            return self.routed(cx, encoded.ok_or_else(no_handler)?);
        }
        if let Some(ibc) = &msg.ibc {
            return Err(self.refuse_ibc(ibc));
        }
        if msg.ibc2.is_some() {
            return Err(unroutable("IBC version 2"));
        }
        if let Some(staking) = &msg.staking {
            let encoded = encode::staking(self.contract, staking)?;
            return self.routed(cx, encoded.ok_or_else(no_handler)?);
        }
        if let Some(any) = &msg.any {
            return self.any(cx, any);
        }
        if let Some(wasm) = &msg.wasm {
            let encoded = encode::wasm(self.contract, wasm)?;
            return self.routed(cx, encoded.ok_or_else(no_handler)?);
        }
        if let Some(gov) = &msg.gov {
            let encoded = encode::gov(self.contract, gov)?;
            return self.routed(cx, encoded.ok_or_else(no_handler)?);
        }
        Err(no_handler())
    }

    fn encoded<M: Message + Name>(&self, cx: &Cx, msg: &M) -> Result<Vec<MsgOutput>> {
        self.routed(cx, encode::pack(msg))
    }

    /// Routes a message that this host encoded.
    fn routed(&self, cx: &Cx, msg: AnyMsg) -> Result<Vec<MsgOutput>> {
        let signers = self.router.signers(&msg).map_err(|e| {
            if is_unknown_type(&e) {
                unroutable(&msg.type_url)
            } else {
                e
            }
        })?;
        self.execute(cx, &msg, &signers)
    }

    /// Routes a message that the contract encoded.
    fn any(&self, cx: &Cx, msg: &json::AnyMsg) -> Result<Vec<MsgOutput>> {
        let len = msg.value.len();
        if len > limits::ANY_BYTES {
            return Err(errors::LIMIT.wrap(format!(
                "AnyMsg value size {len} exceeds limit {}",
                limits::ANY_BYTES
            )));
        }
        let kib = u64::try_from(len).unwrap_or(u64::MAX) / 1024;
        cx.gas.consume(gas::ANY.saturating_add(kib), "unpacking AnyMsg")?;
        let msg = AnyMsg {
            type_url: msg.type_url.clone(),
            value: msg.value.to_vec(),
        };
        let signers = self.router.signers(&msg).map_err(|e| {
            if !is_unknown_type(&e) {
                return e;
            }
            let text = format!("Cannot unpack proto message with type URL: {}", msg.type_url);
            errors::INVALID_MSG.wrap(text)
        })?;
        self.execute(cx, &msg, &signers)
    }

    /// Executes a message that only the contract itself may have signed.
    fn execute(&self, cx: &Cx, msg: &AnyMsg, signers: &[AccAddress]) -> Result<Vec<MsgOutput>> {
        if signers.iter().any(|signer| signer != self.contract) {
            return Err(sdk::UNAUTHORIZED.wrap("contract doesn't have permission"));
        }
        Ok(vec![self.router.execute(cx, msg)?])
    }

    /// Burns the contract's coins. No SDK message does: they pass through the module's account.
    fn burn(&self, cx: &Cx, amount: &[json::WireCoin]) -> Result<Vec<MsgOutput>> {
        let coins = coins::sum(amount)?;
        if coins.is_empty() {
            return Err(errors::EMPTY.wrap("amount"));
        }
        quern_auth::module_account(cx, keys::STORE, &["burner"])?;
        let module = module_address(keys::STORE);
        quern_bank::send_coins(cx, self.contract, &module, &coins)
            .map_err(|e| super::context(e, cx, "transfer to module"))?;
        quern_bank::burn(cx, &module, &coins).map_err(|e| super::context(e, cx, "burn coins"))?;
        Ok(Vec::new())
    }

    fn refuse_ibc(&self, msg: &json::IbcMsg) -> Error {
        if msg.transfer.is_some() {
            return unroutable("/ibc.applications.transfer.v1.MsgTransfer");
        }
        if msg.close_channel.is_some() {
            return unroutable("/ibc.core.channel.v1.MsgChannelCloseInit");
        }
        if msg.send_packet.is_none() && msg.write_acknowledgement.is_none() {
            return no_handler();
        }
        let why = if self.ibc_port.is_empty() {
            "ibc not supported"
        } else {
            "ibc is not enabled on this chain"
        };
        errors::UNSUPPORTED_FOR_CONTRACT.wrap(why)
    }
}

/// Whether the router said that it does not know the type or cannot read the bytes.
fn is_unknown_type(error: &Error) -> bool {
    [&sdk::TX_DECODE, &sdk::UNPACK_ANY, &sdk::UNKNOWN_REQUEST]
        .iter()
        .any(|row| error.is(row))
}

fn no_handler() -> Error {
    errors::UNKNOWN_MSG.wrap("no handler found")
}

fn unroutable(what: &str) -> Error {
    sdk::UNKNOWN_REQUEST.wrap(format!("can't route message {what}"))
}
