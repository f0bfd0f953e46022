#!/usr/bin/env bash
# CometBFT, its sample application (the bench's comparator), its load generator and its signer of votes, which a test
# runs apart from the node. Go checks the sources against the public checksum database.
. "$(dirname "$0")/lib.sh"
step cometbft "$ROOT/scripts/cometbft.sh"

module=github.com/cometbft/cometbft
say "building $module $COMETBFT_VERSION (about 90 s cold)"
# -trimpath keeps this checkout's path out of the binaries; a workspace file above us must not matter.
# The program beside the others: renamed at the end, as the old one may be running.
"$ROOT/scripts/cometbft.sh" "$COMETBFT_VERSION" "$SCRATCH/cometbft"
mv "$SCRATCH/cometbft" "$DEPS/bin/cometbft"
GOBIN=$DEPS/bin GOFLAGS="${GOFLAGS:-} -trimpath" GOWORK=off go install \
    "$module/abci/cmd/abci-cli@v$COMETBFT_VERSION" \
    "$module/cmd/priv_val_server@v$COMETBFT_VERSION" \
    "$module/test/loadtime/cmd/load@v$COMETBFT_VERSION"

for tool in cometbft abci-cli; do
    got=$("$DEPS/bin/$tool" version 2>/dev/null | head -1) || die "$tool does not run"
    case $tool:$got in
        cometbft:"$COMETBFT_VERSION" | abci-cli:?*) ;;
        *) die "$tool reports version '$got', want $COMETBFT_VERSION" ;;
    esac
done
"$DEPS/bin/load" --help >/dev/null 2>&1 || die "load does not run"
# it has no version to tell, and ends its help with 2 or 0
"$DEPS/bin/priv_val_server" -help 2>&1 | grep -q -- -priv-state || die "priv_val_server does not run"
step_done
