#!/usr/bin/env bash
# Prints what a router adds to the time to the first token where requests are paid, and what a sprint of proof of
# compute adds, on a network of one host. Takes some five minutes.
# Usage: bench_paid_first_token.sh [REQUESTS [REPORT_FILE]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
(cd "$root/inference-worker" && cargo build --quiet --locked --workspace --bins --examples)
[ $# -lt 2 ] || set -- "$1" "$(cd "$(dirname "$2")" && pwd)/$(basename "$2")"
cd "$here"
exec "$root/.deps/python/bin/python" -B - "${@:-60}" <<'PYTHON'
import base64, json, subprocess, sys
from pathlib import Path
from network import Network, ROOT, ask

ESCROW = 20_000_000_000
programs = ROOT / "inference-worker/target/debug"
network = Network(hosts=1, seconds=300)
try:
    net, worker = network.net, network.net["workers"][0]
    keys = Path(network.folder.name)
    made = subprocess.run(
        [programs / "quern-worker", "keys", "--warm-key", keys / "session.key", "--transport-key", keys / "unused.key"],
        check=True, capture_output=True, text=True,
    )
    session_key = json.loads(made.stdout)["warm_key"]
    done = ask(
        "tx", "open-session", "quern-small", f"{ESCROW}nqrn", "--max-price", "1000", "--session-key", session_key,
        "--from", "payer", "--home", network.dir / "accounts", "--node", network.rpc, "--chain-id", net["chain_id"],
        "--gas", "3000000", "--fees", "0nqrn", "-y", "--wait",
    )
    payer = network.account("payer")["address"]

    def own():
        found = network.smart("settlement", {"sessions": {"payer": payer}})
        mine = [s for s in found if s["session_key"] == session_key and s["status"] == "open"]
        return mine[0] if mine else None

    session = network.wait("session", own)
    host = network.smart("registry", {"host": {"host": worker["host"]}})
    key = base64.b64decode(host["transport_key"])
    subprocess.run(
        [programs / "examples/bench_paid_first_token", net["router"]["url"], net["router"]["api_key"], worker["url"],
         worker["status"], key.hex(), network.rpc, net["chain_id"], worker["host"], str(session["id"]),
         keys / "session.key", "quern-small", *sys.argv[1:]],
        check=True,
    )
finally:
    network.stop()
PYTHON
