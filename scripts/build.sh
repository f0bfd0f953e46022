#!/usr/bin/env bash
# Builds every workspace that exists, each alone, so that their features never unify.
set -euo pipefail
. "$(dirname "$0")/env.sh"
for workspace in "${WORKSPACES[@]}"; do
    printf '==> cargo build in %s\n' "$(dirname "${workspace#"$ROOT"/}")"
    (cd "$(dirname "$workspace")" && cargo build --locked)
done
