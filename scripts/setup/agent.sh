#!/usr/bin/env bash
# A coding agent for tests of the inference API, in .deps/agent, exactly as its lockfile says. It runs on the newer
# Node.js that node.sh installs.
. "$(dirname "$0")/lib.sh"
agent=$ROOT/tests/e2e/inference/agent
step agent "$agent/package.json" "$agent/package-lock.json"

if grep -q '"resolved": *"http' "$agent/package-lock.json"; then
    die "tests/e2e/inference/agent/package-lock.json names a registry; write it with npm's omit-lockfile-registry-resolved"
fi
rm -rf "$DEPS/agent"
mkdir -p "$DEPS/agent"
cp "$agent"/package.json "$agent"/package-lock.json "$agent"/.npmrc "$DEPS/agent/"
say "installing the coding agent"
(cd "$DEPS/agent" && npm ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error)
step_done
