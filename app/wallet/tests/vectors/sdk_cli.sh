#!/usr/bin/env bash
# Makes sdk_cli.json: what the Cosmos SDK's own command line (wasmd 0.61.14, built by `make diff-wasmd`) makes of keys,
# transactions and signatures without a node.
set -euo pipefail
cd "$(dirname "$0")"
wasmd=$PWD/../../../../.deps/wasmd
[ -x "$wasmd/wasmd" ] || { echo "run make diff-wasmd first" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LD_LIBRARY_PATH=$wasmd
w() { "$wasmd/wasmd" "$@" --home "$work/home" --keyring-backend test; }
facts=(--chain-id quern-test-1 --offline --account-number 7 --sequence 3)

# From the published test vectors of BIP-39.
words=(
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
    "legal winner thank year wave sausage worth useful legal winner thank yellow"
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
)
names=(a b c)
for i in 0 1 2; do
    echo "${words[$i]}" | w keys add "${names[$i]}" --recover >/dev/null 2>&1
done
w keys add treasury --multisig a,b,c --multisig-threshold 2 >/dev/null 2>&1
to=$(w keys show b -a)

make() { w tx bank send "$(w keys show "$1" -a)" "$to" 500nqrn --fees 10nqrn --note "for <you> & me" --generate-only --offline -a 7 -s 3; }
make treasury >"$work/unsigned.json"
make a >"$work/single.json"
for name in "${names[@]}"; do
    w tx sign "$work/unsigned.json" --from "$name" --multisig treasury "${facts[@]}" >"$work/$name.sig"
done
w tx multisign "$work/unsigned.json" treasury "$work/a.sig" "$work/c.sig" "${facts[@]}" >"$work/joined.json"
for mode in direct amino-json; do
    w tx sign "$work/single.json" --from a --sign-mode "$mode" "${facts[@]}" >"$work/$mode.json"
    w tx encode "$work/$mode.json" >"$work/$mode.txt"
done
w tx encode "$work/joined.json" >"$work/joined.txt"

# two transactions on a line each, signed by two members
for amount in 1 2; do
    w tx bank send "$(w keys show treasury -a)" "$to" ${amount}nqrn --fees 10nqrn --generate-only --offline -a 7 -s 3
done >"$work/batch.jsonl"
for name in a c; do
    w tx sign-batch "$work/batch.jsonl" --from "$name" --multisig treasury --signature-only "${facts[@]}" \
        --output-document "$work/$name.batch"
done
w tx multisign-batch "$work/batch.jsonl" treasury "$work/a.batch" "$work/c.batch" "${facts[@]}" >"$work/joined.jsonl"

# several transactions become one
for amount in 1 2; do
    w tx bank send a "$to" ${amount}nqrn --fees 10nqrn --generate-only --offline -a 7 -s 3
done >"$work/parts.jsonl"
w tx sign-batch "$work/parts.jsonl" --from a --append --note together "${facts[@]}" --output-document "$work/append.json"

# a signs, b pays: with a file that names b, and with what --aux prints
w tx bank send a "$to" 500nqrn --fees 10nqrn --fee-payer "$to" --generate-only --offline -a 7 -s 3 >"$work/paid.json"
w tx sign "$work/paid.json" --from a --sign-mode direct-aux "${facts[@]}" >"$work/half.json"
w tx bank send a "$to" 500nqrn --aux "${facts[@]}" >"$work/aux.json"

# a contract's message is JSON within the transaction's JSON, and stays as somebody wrote it
w tx wasm execute "$to" '{ "z": {"amount": 340282366920938463463374607431768211455, "to": "<b> & \"c\""}, "a": [1.0, null] }' \
    --amount 5nqrn --fees 10nqrn --from a --generate-only --offline -a 7 -s 3 >"$work/execute.json"
for mode in direct amino-json; do
    w tx sign "$work/execute.json" --from a --sign-mode "$mode" "${facts[@]}" >"$work/execute-$mode.json"
    w tx encode "$work/execute-$mode.json" >"$work/execute-$mode.txt"
done
w tx wasm instantiate 3 '{"name":"x"}' --label label --admin "$to" --from a --fees 10nqrn --generate-only --offline \
    -a 7 -s 3 >"$work/instantiate.json"
w tx encode "$work/instantiate.json" >"$work/instantiate.txt"

# what operators type of x/staking, x/distribution and x/slashing
host=$(w keys show b -a --bech val)
other=$(w keys show c -a --bech val)
{
    echo "staking delegate $host 5nqrn"
    echo "staking unbond $host 5nqrn"
    echo "staking redelegate $host $other 5nqrn"
    echo "staking cancel-unbond $host 5nqrn 7"
    echo "distribution withdraw-rewards $host"
    echo "distribution withdraw-rewards $(w keys show a -a --bech val) --commission"
    echo "distribution set-withdraw-addr $to"
    echo "slashing unjail"
} >"$work/typed.txt"
while read -r line; do
    # shellcheck disable=SC2086 # words
    w tx $line --from a --fees 10nqrn --generate-only --offline -a 7 -s 3
done <"$work/typed.txt" >"$work/typed.jsonl"

python3 - "$work" "$(w keys show treasury -a)" "$(w keys show treasury -p)" "${words[@]}" >sdk_cli.json <<'PY'
import json, pathlib, sys
work, address, key, *words = sys.argv[1:]
text = lambda name: (pathlib.Path(work) / name).read_text().strip()
read = lambda name: json.loads(text(name))
lines = lambda name: [json.loads(line) for line in text(name).splitlines()]
print(json.dumps({
    "words": words, "treasury": {"address": address, "pubkey": json.loads(key)},
    "unsigned": read("unsigned.json"), "signatures": [read(f"{name}.sig") for name in "abc"],
    "joined": read("joined.json"), "joined_bytes": text("joined.txt"),
    "batch": lines("batch.jsonl"), "batch_signatures": [lines(f"{name}.batch") for name in "ac"],
    "batch_joined": lines("joined.jsonl"), "parts": lines("parts.jsonl"), "appended": read("append.json"),
    "paid": read("paid.json"), "half": read("half.json"), "aux": read("aux.json"),
    "execute": text("execute.json"), "execute_signed": [text(f"execute-{mode}.json") for mode in ("direct", "amino-json")],
    "execute_bytes": [text(f"execute-{mode}.txt") for mode in ("direct", "amino-json")],
    "instantiate": text("instantiate.json"), "instantiate_bytes": text("instantiate.txt"),
    "typed": dict(zip(text("typed.txt").splitlines(), text("typed.jsonl").splitlines(), strict=True)),
    "single": read("single.json"), "direct_bytes": text("direct.txt"), "amino_bytes": text("amino-json.txt"),
}, indent=1))
PY
