#!/usr/bin/env bash
# wasmd, which the differential run compares this chain with: built with this chain's account prefix, and the library
# of its VM. Only `make diff-wasmd` needs it. Go checks the sources against the public checksum database.
. "$(dirname "$0")/lib.sh"
step wasmd

module=github.com/CosmWasm/wasmd
say "building $module $WASMD_VERSION with Go $WASMD_GO (nine minutes of computing cold)"
export GOTOOLCHAIN=go$WASMD_GO GOWORK=off GOFLAGS="${GOFLAGS:-} -trimpath"
folder=$(go mod download -json "$module@v$WASMD_VERSION" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
# Its replacements of dependencies count only where it is the main module.
cp -r "$folder" "$SCRATCH/wasmd"
chmod -R u+w "$SCRATCH/wasmd"
mkdir -p "$DEPS/wasmd"
cd "$SCRATCH/wasmd"
go build -ldflags "-X $module/app.Bech32Prefix=quern" -o "$DEPS/wasmd/wasmd" ./cmd/wasmd
vm=$(go list -m -f '{{.Dir}}' github.com/CosmWasm/wasmvm/v3)
install -m 644 "$vm/internal/api/libwasmvm.x86_64.so" "$DEPS/wasmd/"
LD_LIBRARY_PATH=$DEPS/wasmd "$DEPS/wasmd/wasmd" version >/dev/null 2>&1 || die "wasmd does not run"
step_done
