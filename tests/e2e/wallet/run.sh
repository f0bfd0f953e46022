#!/usr/bin/env bash
# The wallet's commands for hosts, funders, routers and payers against one node with the chain's own contracts, and
# a request followed from voucher to pay. The receipts come from receipt.py, which shares no code with the programs.
# Called by `make test`; needs `make build` and `make contracts`.
set -euo pipefail
cd "$(dirname "$0")/../../.."
ROOT=$PWD
# shellcheck source=scripts/env.sh
. scripts/env.sh
QUERND=${QUERND:-$ROOT/target/debug/quernd}
CHAIN=quern-wallet-1
export QUERN_KEYRING_PASSWORD=only-for-this-test-network

die() { echo "e2e: $*" >&2; exit 1; }
[ -x "$QUERND" ] || die "$QUERND is missing: run \`make build\` first"
for contract in registry bonding settlement audits poc_weights pricing rewards; do
    [ -f "contracts/artifacts/$contract.wasm" ] || die "$contract.wasm is missing: run \`make contracts\` first"
done

work=$(mktemp -d)
home=$work/home
node=
# shellcheck disable=SC2317 # called by the trap
finish() {
    status=$?
    trap - EXIT INT TERM
    if [ -n "$node" ]; then
        kill -TERM "$node" 2>/dev/null || true
        for _ in $(seq 100); do kill -0 "$node" 2>/dev/null || break; sleep 0.1; done
        if kill -KILL "$node" 2>/dev/null; then echo "e2e: the node did not stop within 10 s" >&2; status=1; fi
        wait "$node" 2>/dev/null || true
    fi
    [ "$status" -eq 0 ] || { [ ! -f "$work/node.log" ] || tail -n 20 "$work/node.log" >&2; }
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

q() { "$QUERND" "$@" --home "$home"; }
get() { python3 -c 'import json,sys
v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[int(k)] if isinstance(v,list) else v[k]
print(json.dumps(v) if isinstance(v,(dict,list)) else v)' "$1"; }
receipt() { python3 tests/e2e/wallet/receipt.py "$@"; }
key32() { python3 -c 'import base64,sys; print(base64.b64encode(bytes([int(sys.argv[1])]*32)).decode())' "$1"; }

# --- a network whose first host registers in genesis
read -r rpc p2p grpc rest metrics < <(python3 tests/e2e/free_ports.py 5)
q init one --chain-id "$CHAIN" --pace fast --rpc-port "$rpc" --p2p-port "$p2p" --grpc-port "$grpc" --api-port "$rest" --telemetry-port "$metrics" >/dev/null
# Delays in blocks stay delays that a command fits into.
q config set config consensus.timeout_commit 300ms >/dev/null
keys=$(receipt keys)
get warm_secret <<<"$keys" | q keys import-hex warm >/dev/null
for name in host late payer router friend poor locked parts forever; do q keys add "$name" -o json >"$work/$name.json" 2>/dev/null; done
for name in host late payer router friend warm; do
    q genesis add-account "$(q keys show "$name" -a)" 1000000000000nqrn >/dev/null
done
cat >"$work/models.json" <<JSON
[{"id": "quern-small", "hash": "$(key32 4)", "context": 512, "precision": "fp32", "sampler": 1, "price": "2",
  "coefficients": {"input": 1000000, "cached": 100000, "output": 3000000}, "profiles": ["cpu"], "state": "live"}]
JSON
q genesis add-system --contracts contracts/artifacts --profile localnet --models "$work/models.json" >/dev/null
q genesis gentx host --amount 100qrn --endpoint https://127.0.0.1:8443 --transport-key "$(key32 9)" \
    --warm-key "$(get warm <<<"$keys")" --model quern-small=400 >/dev/null
q genesis collect >/dev/null
"$QUERND" start --home "$home" >"$work/node.log" 2>&1 &
node=$!
for i in $(seq 300); do
    kill -0 "$node" 2>/dev/null || die "the node ended while starting"
    q status -o json 2>/dev/null | grep -qE '"latest_block_height": *"[1-9]' && break
    [ "$i" -lt 300 ] || die "the node made no block within 60 s"
    sleep 0.2
done
export QUERND HOME_DIR=$home WORK=$work CHAIN KEYS=$keys
bash tests/e2e/wallet/checks.sh
bash tests/e2e/wallet/grants.sh
