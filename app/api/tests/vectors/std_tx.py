#!/usr/bin/env python3
"""Makes std_tx.json: what a node of wasmd 0.61.14 (built by `make diff-wasmd`) makes of transactions in amino JSON.

The messages are those of app/proto/tests/vectors/amino.json, and some more.
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
WASMD = ROOT / ".deps/wasmd"
REST = "http://127.0.0.1:23917"
KEY = {"type": "tendermint/PubKeySecp256k1", "value": "Ak9OKtmcNNYLm6YoPJQxqEGK+GcyEpYfl6d7Y3f80Fti"}
ADDRESS = "quern1avgyh77ycn997ja45q5q8ss8y9mr424j69swf4"
SEND = {"from_address": ADDRESS, "to_address": ADDRESS, "amount": [{"denom": "nqrn", "amount": "5"}]}


def wasmd(home, *args, **options):
    environment = os.environ | {"LD_LIBRARY_PATH": str(WASMD)}
    command = [WASMD / "wasmd", *args, "--home", home]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, **options)


def start(home):
    test = ["--keyring-backend", "test"]
    wasmd(home, "init", "one", "--chain-id", "vectors-1")
    wasmd(home, "keys", "add", "a", *test)
    wasmd(home, "genesis", "add-genesis-account", "a", "1000000000stake", *test)
    wasmd(home, "genesis", "gentx", "a", "100000000stake", "--chain-id", "vectors-1", *test)
    wasmd(home, "genesis", "collect-gentxs")
    config = pathlib.Path(home) / "config/config.toml"
    text = re.sub(r'laddr = "tcp://[0-9.]*:26657"', 'laddr = "tcp://127.0.0.1:23918"', config.read_text())
    text = re.sub(r'laddr = "tcp://[0-9.]*:26656"', 'laddr = "tcp://127.0.0.1:23919"', text)
    config.write_text(text.replace('pprof_laddr = "localhost:6060"', 'pprof_laddr = ""'))
    return subprocess.Popen(
        [WASMD / "wasmd", "start", "--home", home, "--api.enable", "--api.address", REST.replace("http", "tcp"),
         "--grpc.address", "127.0.0.1:23920", "--minimum-gas-prices", "0stake"],
        env=os.environ | {"LD_LIBRARY_PATH": str(WASMD)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )


def ask(route, body):
    request = urllib.request.Request(f"{REST}/cosmos/tx/v1beta1/{route}/amino", json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer), None
    except urllib.error.HTTPError as error:
        return None, json.load(error)["message"]


def ready():
    """Before its first block a node answers nothing."""
    try:
        return "invalid empty tx json" in ask("encode", {"amino_json": ""})[1]
    except urllib.error.URLError:
        return False


def tx(msgs, **members):
    fee = {"amount": [{"denom": "nqrn", "amount": "10"}], "gas": "200000"}
    value = {"msg": msgs, "fee": fee, "signatures": [{"pub_key": KEY, "signature": "AQID"}], "memo": ""}
    return {"type": "cosmos-sdk/StdTx", "value": value | members}


def cases():
    for vector in json.loads((ROOT / "app/proto/tests/vectors/amino.json").read_text()):
        if not vector["doc"].startswith("ERROR"):
            doc = json.loads(vector["doc"])
            kept = {key: doc[key] for key in ("fee", "memo", "timeout_height") if key in doc}
            yield vector["name"], tx(doc["msgs"], **kept)
    send = {"type": "cosmos-sdk/MsgSend", "value": SEND}
    several = {"type": "tendermint/PubKeyMultisigThreshold", "value": {"threshold": "2", "pubkeys": [KEY, KEY]}}
    access = [{"permission": "Everybody"}, {"permission": "AnyOfAddresses", "addresses": [ADDRESS]}, {"permission": "x"}]
    content = {"type": "cosmos-sdk/TextProposal", "value": {"title": "t", "description": "<d>"}}
    ed25519 = {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(bytes(32)).decode()}
    validator = {
        "description": {"moniker": "m"}, "commission": {"rate": "0.1", "max_rate": "0.200000000000000000", "max_change_rate": "1"},
        "min_self_delegation": "1", "delegator_address": ADDRESS, "validator_address": ADDRESS, "pubkey": ed25519,
        "value": {"denom": "nqrn", "amount": "7"},
    }
    yield "nothing", {"type": "cosmos-sdk/StdTx", "value": {}}
    yield "no messages", tx([], memo="<&>\u2028", timeout_height="7")
    yield "multisig", tx([send, send], signatures=[{"pub_key": several, "signature": None}, {"pub_key": None}])
    yield "payer and granter", tx([send], fee={"gas": "1", "payer": ADDRESS, "granter": ADDRESS})
    yield "empty coins", tx([{"type": "cosmos-sdk/MsgSend", "value": {"amount": []}}])
    yield "an empty coin", tx([{"type": "cosmos-sdk/MsgSend", "value": {"amount": [{}]}}])
    yield "validator", tx([{"type": "cosmos-sdk/MsgCreateValidator", "value": validator}])
    yield "validator without much", tx([{"type": "cosmos-sdk/MsgCreateValidator", "value": {}}])
    yield "edited validator", tx([{"type": "cosmos-sdk/MsgEditValidator", "value": {"commission_rate": "0.05"}}])
    yield "legacy proposal", tx([{"type": "cosmos-sdk/MsgSubmitProposal", "value": {"content": content, "proposer": ADDRESS}}])
    yield "votes", tx([{"type": "cosmos-sdk/MsgVoteWeighted", "value": {
        "proposal_id": "3", "voter": ADDRESS, "options": [{"option": 1, "weight": "0.7"}, {"option": 3, "weight": "0.3"}]}}])
    for nth, permission in enumerate(access):
        store = {"sender": ADDRESS, "wasm_byte_code": "AGFzbQ==", "instantiate_permission": permission}
        yield f"access {nth}", tx([{"type": "wasm/MsgStoreCode", "value": store}])
    yield "message of a contract", tx([{"type": "wasm/MsgExecuteContract", "value": {
        "sender": ADDRESS, "contract": ADDRESS, "msg": {"b": [1, 2.50, {"<": None}], "a": "x"}}}])
    yield "contract without message", tx([{"type": "wasm/MsgExecuteContract", "value": {"sender": ADDRESS}}])
    for name, allowance in {
        "basic allowance": {"type": "cosmos-sdk/BasicAllowance", "value": {"spend_limit": [], "expiration": "2030-01-02T03:04:05.006Z"}},
        "endless allowance": {"type": "cosmos-sdk/BasicAllowance", "value": {}},
        "periodic allowance": {"type": "cosmos-sdk/PeriodicAllowance", "value": {"basic": {}, "period": "3600000000000", "period_reset": "2030-01-02T03:04:05Z"}},
        "filtered allowance": {"type": "cosmos-sdk/AllowedMsgAllowance", "value": {
            "allowance": {"type": "cosmos-sdk/BasicAllowance", "value": {}}, "allowed_messages": ["/cosmos.bank.v1beta1.MsgSend", ""]}},
    }.items():
        yield name, tx([{"type": "cosmos-sdk/MsgGrantAllowance", "value": {"granter": ADDRESS, "grantee": ADDRESS, "allowance": allowance}}])
    lists = {"type": "cosmos-sdk/StakeAuthorization/AllowList", "value": {"allow_list": {"address": [ADDRESS]}}}
    stake = {"type": "cosmos-sdk/StakeAuthorization", "value": {"Validators": lists, "authorization_type": 1}}
    for name, authorization in {
        "generic grant": {"type": "cosmos-sdk/GenericAuthorization", "value": {"msg": "/cosmos.gov.v1.MsgVote"}},
        "stake grant": stake,
    }.items():
        grant = {"authorization": authorization, "expiration": None}
        yield name, tx([{"type": "cosmos-sdk/MsgGrant", "value": {"granter": ADDRESS, "grantee": ADDRESS, "grant": grant}}])
    yield "executed", tx([{"type": "cosmos-sdk/MsgExec", "value": {"grantee": ADDRESS, "msgs": [send]}}])
    yield "unknown message", tx([{"type": "cosmos-sdk/Nothing", "value": {}}])
    yield "another document", {"type": "cosmos-sdk/MsgSend", "value": SEND}
    yield "number without quotes", tx([send], timeout_height=7)
    yield "number that is none", tx([send], timeout_height="x")
    yield "amount that is none", tx([{"type": "cosmos-sdk/MsgSend", "value": {"amount": [{"denom": "a", "amount": "1.5"}]}}])


def main():
    made = []
    with tempfile.TemporaryDirectory() as home:
        node = start(home)
        try:
            while not ready():
                time.sleep(0.2)
            for name, document in cases():
                text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
                vector = {"name": name, "json": text}
                found, error = ask("encode", {"amino_json": text})
                if found:
                    vector["binary"] = base64.b64decode(found["amino_binary"]).hex()
                    found, error = ask("decode", {"amino_binary": found["amino_binary"]})
                    if found:
                        vector["back"] = found["amino_json"]
                if error:
                    vector["error"] = error.split(":")[0][:100]
                made.append(vector)
        finally:
            node.terminate()
            node.wait()
    (HERE / "std_tx.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
