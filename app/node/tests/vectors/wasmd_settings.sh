#!/usr/bin/env bash
# Makes wasmd_app.toml and wasmd_config.toml: the settings, without their comments, that wasmd 0.61.14 (built by
# `make diff-wasmd`) writes into a new home.
set -euo pipefail
cd "$(dirname "$0")"
wasmd=$PWD/../../../../.deps/wasmd
[ -x "$wasmd/wasmd" ] || { echo "run make diff-wasmd first" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LD_LIBRARY_PATH=$wasmd "$wasmd/wasmd" init any --home "$work" >/dev/null 2>&1
for file in app config; do
    grep -v '^ *#' "$work/config/$file.toml" | grep . >"wasmd_$file.toml"
done
