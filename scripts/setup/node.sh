#!/usr/bin/env bash
# The JavaScript clients of the end-to-end tests, exactly as their lockfile says. The tests find
# them through a link, as Node looks for node_modules beside the importing file.
. "$(dirname "$0")/lib.sh"
tests=$ROOT/tests/e2e/js
STEP=node
if [ ! -f "$tests/package-lock.json" ]; then
    say "nothing to do: tests/e2e/js has no lockfile"
    exit 0
fi
# A checkout restored without its ignored files has the stamp but not the link.
[ -e "$tests/node_modules" ] || rm -f "$DEPS/stamps/node"
step node "$tests/package.json" "$tests/package-lock.json"

if grep -q '"resolved": *"http' "$tests/package-lock.json"; then
    die "tests/e2e/js/package-lock.json names a registry; write it with npm's omit-lockfile-registry-resolved"
fi
rm -rf "$DEPS/node"
mkdir -p "$DEPS/node"
cp "$tests"/package.json "$tests"/package-lock.json "$DEPS/node/"
[ ! -f "$tests/.npmrc" ] || cp "$tests/.npmrc" "$DEPS/node/"
say "installing the JavaScript clients"
(cd "$DEPS/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
rm -rf "$tests/node_modules"
ln -sfn ../../../.deps/node/node_modules "$tests/node_modules"
step_done
