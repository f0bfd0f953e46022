#!/usr/bin/env bash
# Writes ../amino.json: what wasmd, as scripts/setup/wasmd.sh builds it, signs of each case. Minutes of computing where
# wasmd was not built here before.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../../../../.. && pwd)
# shellcheck source=scripts/setup/pins.env
. "$root/scripts/setup/pins.env"
module=github.com/CosmWasm/wasmd
export GOTOOLCHAIN=go$WASMD_GO GOWORK=off GOFLAGS="${GOFLAGS:-} -trimpath"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$(go mod download -json "$module@v$WASMD_VERSION" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
# Its replacements of dependencies count only where it is the main module.
cp -r "$folder" "$work/wasmd"
chmod -R u+w "$work/wasmd"
mkdir "$work/wasmd/cmd/vectors"
cp main.go "$work/wasmd/cmd/vectors/"
cd "$work/wasmd"
go build -o "$work/vectors" ./cmd/vectors
vm=$(go list -m -f '{{.Dir}}' github.com/CosmWasm/wasmvm/v3)
LD_LIBRARY_PATH=$vm/internal/api TMPDIR=$work "$work/vectors" "$root/.deps/descriptors/cosmos.binpb" "$here/cases.json" \
    >"$work/amino.json"
mv "$work/amino.json" "$here/../amino.json"
