#!/usr/bin/env bash
# Builds every contract (a workspace member with a cdylib) with the canonical compiler into
# contracts/artifacts, lays those beside them that published packages carry, and compares the bytes with the
# committed contracts/artifacts.sha256.
# `--update` writes that file instead: commit it with the change that explains it.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$ROOT/contracts"
update=${1:-}
[ -x "$DEPS/bin/wasm-rustc" ] || { echo "the canonical compiler is missing: run make setup" >&2 && exit 1; }

export CARGO_TARGET_DIR=$PWD/target/canonical
# The build sees one compiler and no flag but ours, whatever the machine has configured.
unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER
export RUSTC=$DEPS/bin/wasm-rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$DEPS/bin/wasm-lld
export CARGO_INCREMENTAL=0
host_linker=$(command -v cc)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=$host_linker

# Panic messages hold source paths, so this machine's folders are replaced by fixed names. The sources
# must be there first, as cargo names a folder below registry/src after the index.
cargo fetch --quiet --locked
remap="--remap-path-prefix=$PWD=/contracts"
for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    remap+=" --remap-path-prefix=${sources%/}=/crates"
done
export RUSTFLAGS=$remap

# package and artefact name of each contract
contracts=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        if "cdylib" in target["crate_types"]:
            print(package["name"], target["name"])' | sort)

mkdir -p artifacts
while read -r package artefact; do
    # One at a time, so that no contract changes the features of another.
    cargo build --quiet --locked --release --lib --target wasm32-unknown-unknown --package "$package"
    compiled=$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/$artefact.wasm
    # What is newer than its source and has the committed checksum needs no second optimisation.
    if ! { [ "artifacts/$artefact.wasm" -nt "$compiled" ] &&
        grep -qsxF "$(cd artifacts && sha256sum "$artefact.wasm")" artifacts.sha256; }; then
        "$DEPS/bin/wasm-opt" -Os --signext-lowering "$compiled" -o "artifacts/$artefact.wasm.new"
        mv "artifacts/$artefact.wasm.new" "artifacts/$artefact.wasm"
    fi
    printf '%8d bytes  contracts/artifacts/%s.wasm\n' "$(stat -c %s "artifacts/$artefact.wasm")" "$artefact"
done <<<"$contracts"

# Contracts that a published package carries, as its authors built them: package, file in it, name here.
carried='wasmswap artifacts/wasmswap.wasm wasmswap
wasmswap scripts/cw20_base.wasm wasmswap_cw20_base'
while read -r package file artefact; do
    manifest=$(cargo metadata --locked --all-features --format-version 1 | python3 -c '
import json, sys
print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == sys.argv[1]))' "$package")
    cp "$(dirname "$manifest")/$file" "artifacts/$artefact.wasm"
    printf '%8d bytes  contracts/artifacts/%s.wasm\n' "$(stat -c %s "artifacts/$artefact.wasm")" "$artefact"
done <<<"$carried"

built=$(cd artifacts && {
    while read -r _ artefact; do sha256sum "$artefact.wasm"; done <<<"$contracts"
    while read -r _ _ artefact; do sha256sum "$artefact.wasm"; done <<<"$carried"
})
if [ "$update" = --update ]; then
    printf '%s\n' "$built" >artifacts.sha256
    echo "wrote contracts/artifacts.sha256"
elif ! diff <(printf '%s\n' "$built") artifacts.sha256; then
    echo "the contracts differ from contracts/artifacts.sha256 (left: built, right: committed)." >&2
    echo "If a source or a dependency changed on purpose, run scripts/contracts.sh --update and commit it." >&2
    exit 1
else
    echo "all contracts match contracts/artifacts.sha256"
fi
