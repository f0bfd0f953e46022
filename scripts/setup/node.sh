#!/usr/bin/env bash
# The JavaScript clients of the end-to-end tests, exactly as their lockfile says. The tests find
# them through a link, as Node looks for node_modules beside the importing file.
. "$(dirname "$0")/lib.sh"
bash "$SETUP/agent.sh"
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
# Beside the old ones, which tests may be using.
mkdir "$SCRATCH/new"
cp "$tests"/package.json "$tests"/package-lock.json "$SCRATCH/new/"
[ ! -f "$tests/.npmrc" ] || cp "$tests/.npmrc" "$SCRATCH/new/"
say "installing the JavaScript clients"
(cd "$SCRATCH/new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
[ ! -e "$DEPS/node" ] || mv "$DEPS/node" "$SCRATCH/old"
mv "$SCRATCH/new" "$DEPS/node"
rm -rf "$tests/node_modules"
ln -sfn ../../../.deps/node/node_modules "$tests/node_modules"
step_done
