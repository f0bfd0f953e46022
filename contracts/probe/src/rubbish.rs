//! The `execute` export, written out because [`ExecuteMsg::BadReply`] must return bytes that the
//! ordinary export never returns.
use std::cell::Cell;

use cosmwasm_std::{do_execute, DepsMut, Env, MessageInfo, Response, StdResult};

use crate::{contract, msg::ExecuteMsg};

thread_local! {
    static ANSWER_RUBBISH: Cell<bool> = const { Cell::new(false) };
}

/// The memory descriptor through which a contract and its host pass bytes.
#[repr(C)]
struct Region {
    offset: u32,
    capacity: u32,
    length: u32,
}

fn watched(deps: DepsMut, env: Env, info: MessageInfo, msg: ExecuteMsg) -> StdResult<Response> {
    ANSWER_RUBBISH.set(msg == ExecuteMsg::BadReply {});
    contract::execute(deps, env, info, msg)
}

#[allow(unsafe_code)] // An export is all that is unsafe about it.
#[no_mangle]
extern "C" fn execute(env: u32, info: u32, msg: u32) -> u32 {
    let answer = do_execute(&watched, env, info, msg);
    if !ANSWER_RUBBISH.get() {
        return answer;
    }
    // The host hands region and bytes back to the allocator, so both come from it.
    let bytes = b"{\"ok\":{\"messages\":7".to_vec().leak();
    let length = bytes.len() as u32;
    let region = Region {
        offset: bytes.as_ptr() as u32,
        capacity: length,
        length,
    };
    Box::into_raw(Box::new(region)) as u32
}
