#!/usr/bin/env bash
# Builds every workspace that exists, each alone, so that their features never unify.
set -euo pipefail
. "$(dirname "$0")/env.sh"
for workspace in "${WORKSPACES[@]}"; do
    printf '==> cargo build in %s\n' "$(dirname "${workspace#"$ROOT"/}")"
    if [ "$workspace" = "$ROOT/Cargo.toml" ]; then
        build_node
    else
        (cd "$(dirname "$workspace")" && cargo build --locked)
    fi
done
