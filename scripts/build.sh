#!/usr/bin/env bash
# Builds every workspace that exists, each alone, so that their features never unify.
set -euo pipefail
. "$(dirname "$0")/env.sh"
for workspace in "${WORKSPACES[@]}"; do
    printf '==> cargo build in %s\n' "$(dirname "${workspace#"$ROOT"/}")"
    case ${workspace#"$ROOT"/} in
        Cargo.toml) build_node ;;
        inference-worker/Cargo.toml) build_worker ;;
        *) (cd "$(dirname "$workspace")" && cargo build --locked) ;;
    esac
done
