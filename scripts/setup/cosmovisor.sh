#!/usr/bin/env bash
# Cosmovisor, under which a test upgrades a network as its operators would. The version is the latest that the module
# proxy has the sources of; Go checks them against the public checksum database.
. "$(dirname "$0")/lib.sh"
step cosmovisor

module=cosmossdk.io/tools/cosmovisor
say "building $module $COSMOVISOR_VERSION"
export GOWORK=off GOFLAGS="${GOFLAGS:-} -trimpath"
# Built in its own folder, so that the sums that it came with hold: the proxy lists no versions of it, which
# `go install` asks for.
folder=$(go mod download -json "$module@v$COSMOVISOR_VERSION" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
cp -r "$folder" "$SCRATCH/cosmovisor"
chmod -R u+w "$SCRATCH/cosmovisor"
cd "$SCRATCH/cosmovisor"
go build -o "$DEPS/bin/cosmovisor" ./cmd/cosmovisor
"$DEPS/bin/cosmovisor" version --cosmovisor-only >/dev/null 2>&1 || die "cosmovisor does not run"
step_done
