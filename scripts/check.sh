#!/usr/bin/env bash
# The static gate: nothing here runs the product. Every stage can fail, and all run before it ends.
set -euo pipefail
. "$(dirname "$0")/env.sh"
. "$ROOT/scripts/stages.sh"
cd "$ROOT"

lockfile() { cd "$1" && cargo metadata --locked --format-version 1 >/dev/null; }
format() { cd "$1" && cargo fmt --all --check -- --color never -l; }
lint() { cd "$1" && cargo clippy --locked --workspace --all-targets -- -D warnings; }
rustdoc() {
    local targets
    cd "$1"
    targets=$(doc_targets)
    # shellcheck disable=SC2086 # several words
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items $targets
}
# What cargo documents by itself, libraries and the programs that are not named as one, and an example: naming
# one makes cargo choose the features that clippy's targets get, so that dependencies are not checked again.
doc_targets() {
    cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
packages = [p["targets"] for p in json.load(sys.stdin)["packages"]]
of = lambda targets, kind: [t["name"] for t in targets if kind in t["kind"]]
print("--lib")
for targets in packages:
    libraries = [t["name"] for t in targets if {"lib", "rlib", "cdylib", "proc-macro"} & set(t["kind"])]
    for name in of(targets, "bin"):
        if name.replace("-", "_") not in libraries:
            print("--bin", name)
for name in [name for targets in packages for name in of(targets, "example")][:1]:
    print("--example", name)'
}
dependencies() {
    cargo-deny --locked --all-features --manifest-path "$1/Cargo.toml" --config "$ROOT/deny.toml" \
        check --hide-inclusion-graph -A unused-wrapper -A license-exception-not-encountered licenses bans sources
}
shell_scripts() {
    git ls-files --cached --others --exclude-standard '*.sh' .ci/run | sort -u | xargs shellcheck
}
container_files() { git ls-files --cached --others --exclude-standard '*Containerfile' '*Dockerfile' | xargs hadolint; }
spelling() { git ls-files --cached --others --exclude-standard | xargs typos --force-exclude --config typos.toml; }

rpc_ledger() { cargo build --locked --workspace --example rpc_ledger && target/debug/examples/rpc_ledger --check; }

# House rules that no linter knows. Each prints the offending lines.
house_rules() {
    local status=0 file files
    mapfile -t files < <(git ls-files --cached --others --exclude-standard -- ':!*.lock' ':!*-lock.json' \
        ':!scripts/check.sh' ':!*.safetensors' ':!*.npy' | while read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done)
    # A path of one machine, or a registry's address, would not work on another.
    if grep -nIE '(^|[^A-Za-z0-9_}])/(root|home)/[a-z]|(static|index)\.crates\.io|files\.pythonhosted|registry\.npmjs' "${files[@]}"; then
        echo "the lines above name a machine's path or a registry's address" >&2
        status=1
    fi
    # The node must not reach the libraries whose features change consensus (docs/adr/0003).
    if cargo metadata --locked --format-version 1 | grep -qE '"name":"(tch|llguidance)"'; then
        echo "the root workspace depends on tch or llguidance: see docs/adr/0003-three-workspaces.md" >&2
        status=1
    fi
    # A long file hides things.
    for file in "${files[@]}"; do
        case $file in
            *.rs | *.py | *.sh | *.mjs | *.js | *.ts)
                if [ "$(wc -l <"$file")" -gt 600 ]; then
                    echo "$file has more than 600 lines" >&2
                    status=1
                fi
                ;;
        esac
    done
    # Where a crate's tests are one executable, a file that it does not name would never run.
    local crate module
    while read -r crate; do
        if ! grep -q '^path = "tests/main.rs"$' "$crate/Cargo.toml"; then
            echo "$crate/Cargo.toml names no executable of its tests" >&2
            status=1
        fi
        for file in "$crate"/tests/*.rs; do
            module=$(basename "$file" .rs)
            if [ "$module" != main ] && ! grep -q "^mod $module;" "$crate/tests/main.rs"; then
                echo "$file is not named in $crate/tests/main.rs, so its tests do not run" >&2
                status=1
            fi
        done
    done < <(git grep -l '^autotests = false$' -- '*Cargo.toml' | xargs -n 1 dirname)
    return $status
}

# Each contract is optimised as a whole, by one core.
if [ -f contracts/Cargo.toml ]; then stage_behind "contracts: artefacts" scripts/contracts.sh; fi
for manifest in "${WORKSPACES[@]}"; do
    folder=$(dirname "$manifest")
    name=$(basename "$folder")
    [ "$folder" = "$ROOT" ] && name=node
    stage "$name: lockfile" lockfile "$folder"
    stage "$name: format" format "$folder"
    stage "$name: clippy" lint "$folder"
    stage "$name: rustdoc" rustdoc "$folder"
    stage "$name: licences, bans, sources" dependencies "$folder"
done
if [ -f contracts/Cargo.toml ]; then stage_join "contracts: artefacts"; fi
stage "ledger of RPCs" rpc_ledger
stage "shell scripts" shell_scripts
stage "container files" container_files
stage "spelling" spelling
stage "house rules" house_rules
stage "book" scripts/docs.sh
stages_end "make check: where the time went (advisories: not checked, see deny.toml)"
