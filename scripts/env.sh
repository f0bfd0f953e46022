# shellcheck shell=bash
# Sourced by the scripts behind make: where set-up put the tools.
ROOT=${ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
DEPS=$ROOT/.deps
export PATH="$DEPS/bin:$PATH"
# Workspaces that exist, each with its own lockfile.
WORKSPACES=()
for manifest in "$ROOT/Cargo.toml" "$ROOT/contracts/Cargo.toml" "$ROOT/inference-worker/Cargo.toml"; do
    if [ -f "$manifest" ]; then WORKSPACES+=("$manifest"); fi
done

# The node's programs. Naming an example makes cargo choose the features that its tests get too, so what
# is tested is what runs, and nothing is compiled twice.
build_node() { (cd "$ROOT" && cargo build --locked --workspace --bins --example contract_call --example cosmrs); }
# The same for worker, router and what else serves inference.
build_worker() { (cd "$ROOT/inference-worker" && cargo build --locked --workspace --bins --example paid_request); }
