//! `MsgExec`: messages executed for others, by their leave.

use std::sync::Arc;

use quern_context::{AnyMsg, Cx, Router};
use quern_proto::{Any, compact, cosmos::authz::v1beta1::MsgExec};
use quern_types::{AccAddress, Attribute, Error, Result, errors};

use crate::{
    AUTHORIZATION_EXPIRED, NO_AUTHORIZATION_FOUND, NUMBER_OF_SIGNERS,
    authorization::{self, Verdict},
    state,
};

/// Bytes that an error shows of a message.
const SHOWN: usize = 1024;

/// Executes the messages of `msg`, each for its own signer. Returns the bytes of their responses.
pub(crate) fn exec(cx: &Cx, router: &Arc<dyn Router>, msg: &MsgExec) -> Result<Vec<Vec<u8>>> {
    let grantee = AccAddress::from_signer(&msg.grantee)
        .map_err(|e| errors::INVALID_ADDRESS.wrap(format!("invalid grantee address: {e}")))?;
    if msg.msgs.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("messages cannot be empty"));
    }
    let inner = msg.msgs.iter().map(to_any_msg).collect::<Vec<_>>();
    for (i, msg) in inner.iter().enumerate() {
        router.validate(msg).map_err(|e| e.wrap(format!("msg {i}")))?;
    }
    inner
        .iter()
        .enumerate()
        .map(|(i, msg)| one(cx, router, &grantee, msg, i))
        .collect()
}

fn one(
    cx: &Cx,
    router: &Arc<dyn Router>,
    grantee: &AccAddress,
    msg: &AnyMsg,
    index: usize,
) -> Result<Vec<u8>> {
    let signers = router.signers(msg)?;
    let [granter] = signers.as_slice() else {
        return Err((&NUMBER_OF_SIGNERS).into());
    };
    if granter != grantee {
        authorize(cx, granter, grantee, msg)?;
    }
    let step = cx.with_own_events();
    let output = router.execute(&step, msg).map_err(|e| fail(e, msg))?;
    let emitted = step.events.take();
    cx.events.extend(emitted.into_iter().map(|mut event| {
        event.attributes.push(Attribute {
            key: "authz_msg_index".to_owned(),
            value: index.to_string(),
        });
        event
    }));
    Ok(output.response.value)
}

/// Asks the grant, and writes what is left of it.
fn authorize(cx: &Cx, granter: &AccAddress, grantee: &AccAddress, msg: &AnyMsg) -> Result<()> {
    let ty = msg.type_url.as_str();
    let grant = state::find(cx, granter, grantee, ty)?.ok_or_else(|| {
        NO_AUTHORIZATION_FOUND.wrap(format!(
            "failed to get grant with given granter: {granter}, grantee: {grantee} & msgType: {ty} "
        ))
    })?;
    if state::expiration(&grant)?.is_some_and(|end| end < cx.block.time) {
        return Err((&AUTHORIZATION_EXPIRED).into());
    }
    let any = grant.authorization.unwrap_or_default();
    let authorization = authorization::read(&any)?;
    match authorization.accept(cx, msg)? {
        Verdict::Refuse => Err((&errors::UNAUTHORIZED).into()),
        Verdict::Accept => Ok(()),
        Verdict::AcceptAndDelete => state::delete(cx, granter, grantee, ty),
        Verdict::AcceptAndUpdate(new) => state::update(cx, granter, grantee, ty, new),
    }
}

/// Out of gas, as any panic, aborts the whole transaction, so the SDK does not name a message then.
fn fail(error: Error, msg: &AnyMsg) -> Error {
    if error.is_halt() || error.is(&errors::OUT_OF_GAS) || error.is(&errors::PANIC) {
        return error;
    }
    let shown = cut(compact::text(&msg.type_url, &msg.value));
    error.wrap(format!("failed to execute message; message {shown}"))
}

/// Messages hold each other, and each level shows the whole of the next: the SDK's log has no bound.
fn cut(mut text: String) -> String {
    if text.len() > SHOWN {
        let end = (0..=SHOWN)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}

fn to_any_msg(any: &Any) -> AnyMsg {
    AnyMsg {
        type_url: any.type_url.clone(),
        value: any.value.clone(),
    }
}
