#!/usr/bin/env bash
# Builds CometBFT VERSION as the program FILE from its published sources, which Go checks against the public checksum
# database, with the database that `quernd init` prefers and one number mended: docs/adr/0018-timer-of-the-socket-client.md.
# Needs Go alone. Usage: scripts/cometbft.sh VERSION FILE
set -euo pipefail
version=$1
file=$(realpath "$2")
module=github.com/cometbft/cometbft
export GOWORK=off

scratch=$(mktemp -d)
clean() { chmod -R u+w "$scratch" && rm -rf "$scratch"; }
trap clean EXIT
# Its own words about a failure are in what it prints.
answer=$(cd "$scratch" && go mod download -json "$module@v$version") || { printf '%s\n' "$answer" >&2; exit 1; }
folder=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<<"$answer")
[ -d "$folder" ] || { echo "error: Go did not say where it put $module $version" >&2; exit 1; }
cp -r "$folder" "$scratch/source"
chmod -R u+w "$scratch/source"
cd "$scratch/source"

# The timer of a flush is written as 20 and read as nanoseconds, so it spins while a write waits for the application.
client=abci/client/socket_client.go
before='timer.NewThrottleTimer("socketClient", flushThrottleMS)'
after='timer.NewThrottleTimer("socketClient", 200*time.Microsecond)'
[ "$(grep -cF "$before" "$client")" = 1 ] || { echo "error: $client of CometBFT $version is not as expected" >&2; exit 1; }
sed -i "s|$before|$after|" "$client"
[ "$(grep -cF "$after" "$client")" = 1 ] || { echo "error: $client was not changed" >&2; exit 1; }

# -trimpath keeps the folder's name out of the program.
go build -trimpath -tags pebbledb -o "$file" ./cmd/cometbft
