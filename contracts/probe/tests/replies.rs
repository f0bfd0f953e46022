//! What the host's tests rely on the probe for.
use cosmwasm_std::testing::{message_info, mock_dependencies, mock_env};
use cosmwasm_std::{from_json, Addr, Binary, Event, Reply, SubMsgResponse, SubMsgResult};
use probe::contract::{execute, query, reply};
use probe::msg::{ExecuteMsg, LastReply, QueryMsg};

fn last_reply_after(result: SubMsgResult) -> LastReply {
    let mut deps = mock_dependencies();
    let delivered = Reply {
        id: 7,
        payload: Binary::from(b"tag"),
        gas_used: 11,
        result,
    };
    reply(deps.as_mut(), mock_env(), delivered).unwrap();
    let answer = query(deps.as_ref(), mock_env(), QueryMsg::LastReply {}).unwrap();
    from_json::<Option<LastReply>>(answer).unwrap().unwrap()
}

#[test]
fn a_failed_submessage_leaves_its_error_text() {
    let last = last_reply_after(SubMsgResult::Err("codespace: sdk, code: 5".into()));
    assert_eq!((last.id, last.success), (7, false));
    assert_eq!(last.error.as_deref(), Some("codespace: sdk, code: 5"));
    assert_eq!((last.payload, last.gas_used), (Binary::from(b"tag"), 11));
}

#[test]
fn a_successful_submessage_leaves_its_events() {
    #[allow(deprecated)]
    let response = SubMsgResponse {
        events: vec![Event::new("transfer")],
        data: Some(Binary::from(b"d")),
        msg_responses: vec![],
    };
    let last = last_reply_after(SubMsgResult::Ok(response));
    assert!(last.success && last.error.is_none());
    assert_eq!(last.events, [Event::new("transfer")]);
    assert_eq!(last.data, Some(Binary::from(b"d")));
}

#[test]
fn a_value_that_was_set_is_read_back() {
    let mut deps = mock_dependencies();
    let info = message_info(&Addr::unchecked("anyone"), &[]);
    let set = ExecuteMsg::Set {
        key: "k".into(),
        value: "v".into(),
    };
    execute(deps.as_mut(), mock_env(), info, set).unwrap();
    let answer = query(deps.as_ref(), mock_env(), QueryMsg::Get { key: "k".into() }).unwrap();
    assert_eq!(from_json::<Option<String>>(answer).unwrap().as_deref(), Some("v"));
}
