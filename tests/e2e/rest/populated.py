"""What a chain with contracts has after a few transactions, by the names of the parameters that ask for it."""

import base64
import json
from pathlib import Path

import node as network

CW20 = network.ROOT / "contracts/artifacts/cw20_base.wasm"
FEES = "500000nqrn"


def populated(node):
    """Delegations, grants, allowances, proposals, a contract and its code. Returns their names."""
    me, other = (node.accounts[name]["address"] for name in network.NAMES[1:])
    host = node.accounts[network.NAMES[0]]["address"]
    validator = node.get("/cosmos/staking/v1beta1/validators").json()["validators"][0]["operator_address"]
    coin = lambda amount: {"denom": "nqrn", "amount": str(amount)}  # noqa: E731
    send = "/cosmos.bank.v1beta1.MsgSend"
    staking = {"delegator_address": me, "validator_address": validator}
    messages = [
        {"@type": "/cosmos.staking.v1beta1.MsgDelegate", **staking, "amount": coin(5 * 10**9)},
        {"@type": "/cosmos.staking.v1beta1.MsgUndelegate", **staking, "amount": coin(10**9)},
        {
            "@type": "/cosmos.authz.v1beta1.MsgGrant", "granter": me, "grantee": other,
            "grant": {"authorization": {"@type": "/cosmos.authz.v1beta1.GenericAuthorization", "msg": send}},
        },
        {
            "@type": "/cosmos.feegrant.v1beta1.MsgGrantAllowance", "granter": me, "grantee": other,
            "allowance": {"@type": "/cosmos.feegrant.v1beta1.BasicAllowance", "spend_limit": [coin(10**6)]},
        },
        {
            "@type": "/cosmos.gov.v1.MsgSubmitProposal", "messages": [], "initial_deposit": [coin(10**11)],
            "proposer": me, "metadata": "of a test", "title": "a title", "summary": "a summary",
        },
        {"@type": "/cosmos.gov.v1.MsgVote", "proposal_id": "1", "voter": me, "option": "VOTE_OPTION_YES"},
        {"@type": send, "from_address": me, "to_address": other, "amount": [coin(1)]},
    ]
    hash_ = deliver(node, network.NAMES[1], messages, 10_000_000)
    code = {
        "@type": "/cosmwasm.wasm.v1.MsgStoreCode", "sender": me,
        "wasm_byte_code": base64.b64encode(CW20.read_bytes()).decode(),
    }
    deliver(node, network.NAMES[1], [code], 39_000_000)
    code_id = node.get("/cosmwasm/wasm/v1/code?pagination.reverse=true").json()["code_infos"][0]["code_id"]
    init = {"name": "Token", "symbol": "TOKEN", "decimals": 6, "initial_balances": [{"address": me, "amount": "9"}]}
    instance = {
        "@type": "/cosmwasm.wasm.v1.MsgInstantiateContract", "sender": me, "admin": me, "code_id": code_id,
        "label": "a token", "msg": init, "funds": [],
    }
    deliver(node, network.NAMES[1], [instance], 3_000_000)
    token = node.get(f"/cosmwasm/wasm/v1/code/{code_id}/contracts").json()["contracts"][0]
    bonding = next(each["address"] for each in json.loads(node.quernd("query", "contracts", "-o", "json"))["contracts"])
    people = [me, other, host]
    return {
        "address": [*people, token, bonding], "owner": people, "voter": [me], "depositor": [me],
        "delegator_addr": [me], "delegator_address": [me], "validator_addr": [validator],
        "validator_address": [validator], "granter": [me], "grantee": [other], "proposal_id": ["1"],
        "code_id": [code_id], "creator_address": [me], "address_string": people, "hash": [hash_], "denom": ["nqrn"],
        "height": ["2", str(node.height())], "id": ["0", "1"], "name": ["gov"], "params_type": ["voting", "deposit"],
        "query_data": [base64.b64encode(b'{"token_info":{}}').decode()], "msg_type_url": [send],
        "cons_address": [node.get("/cosmos/slashing/v1beta1/signing_infos").json()["info"][0]["address"]],
        "proposal_status": ["PROPOSAL_STATUS_VOTING_PERIOD"], "pagination.limit": ["1", "100"],
        "query": ["message.action='/cosmos.bank.v1beta1.MsgSend'"], "page": ["1"], "limit": ["5"],
        "path": ["/store/bank/key"], "data": ["AQ=="], "contract": [token], "salt": ["61"], "code_hash": ["00" * 32],
    }


def deliver(node, name, messages, gas):
    """Signs these into one transaction and waits until it has passed. Returns its hash."""
    body = {
        "messages": messages, "memo": "", "timeout_height": "0", "extension_options": [],
        "non_critical_extension_options": [],
    }
    fee = {"amount": [{"denom": "nqrn", "amount": FEES.removesuffix("nqrn")}], "gas_limit": str(gas)}
    tx = {"body": body, "auth_info": {"signer_infos": [], "fee": fee | {"payer": "", "granter": ""}}, "signatures": []}
    unsigned, signed = (Path(node.folder.name) / file for file in ("unsigned.json", "signed.json"))
    signed.unlink(missing_ok=True)
    unsigned.write_text(json.dumps(tx))
    flags = ("--from", name, "--chain-id", network.CHAIN)
    node.quernd("tx", "sign", unsigned, *flags, "--output-document", signed)
    sent = json.loads(node.quernd("tx", "broadcast", signed, "-o", "json"))
    answer = node.wait("transaction", lambda: found(node, sent["txhash"]))
    assert answer["tx_response"]["code"] == 0, answer["tx_response"]["raw_log"]
    return sent["txhash"]


def found(node, hash_):
    answer = node.get(f"/cosmos/tx/v1beta1/txs/{hash_}")
    return answer.json() if answer.status_code == 200 else None
