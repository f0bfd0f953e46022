#!/usr/bin/env bash
# Removes build outputs. Tools and downloads in .deps stay: delete that folder by hand to start over.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf target contracts/target inference-worker/target localnet/run contracts/artifacts
