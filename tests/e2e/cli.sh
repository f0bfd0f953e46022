#!/usr/bin/env bash
# quernd as a wallet against a running node: what an operator types, and the exit codes scripts rely on.
# run.sh sets QUERND, HOME_DIR, RPC and WORK.
set -uo pipefail # a failing command is a failing check, not the end
passed=0
failed=0

q() { "$QUERND" "$@" --home "$HOME_DIR"; }
# A folder without a node's configuration: a wallet elsewhere.
elsewhere() { "$QUERND" "$@" --home "$WORK/elsewhere"; }

pass() { passed=$((passed + 1)); echo "ok: $1"; }
fail() { failed=$((failed + 1)); echo "not ok: $1"; }

# check NAME EXPECTED ACTUAL
check() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: expected '$2', got '$3'"; fi
}

# exits NAME CODE TEXT COMMAND...: the command must end with CODE and say TEXT on standard error.
exits() {
    local name=$1 code=$2 text=$3 status=0
    shift 3
    "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
    if [ "$status" = "$code" ] && grep -qiE -- "$text" "$WORK/err"; then
        pass "$name"
    else
        fail "$name: exit $status, not $code with '$text'; said: $(head -c 400 "$WORK/err")"
    fi
}

# does NAME COMMAND...: the command must succeed.
does() {
    local name=$1
    shift
    if "$@" >"$WORK/out" 2>"$WORK/err" </dev/null; then pass "$name"; else fail "$name: $(head -c 400 "$WORK/err")"; fi
}

get() { python3 -c 'import json,sys
v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[int(k)] if k.isdigit() else v[k]
print(v)' "$1"; }

cli=$(q keys show cli -a)
js=$(q keys show js_bank -a)

# --- a wallet on another machine
words=$(elsewhere keys add traveller -o json 2>/dev/null | get mnemonic)
there=$(elsewhere keys show traveller -a)
check "24 words" 24 "$(wc -w <<<"$words")"
echo "$words" | QUERN_KEYRING_PASSWORD=another-password elsewhere keys add twin --keyring-dir "$WORK/twin" --recover >/dev/null 2>&1
check "the words recover the same address" "$there" "$(elsewhere keys show twin -a --keyring-dir "$WORK/twin")"
elsewhere keys export traveller >"$WORK/traveller.key"
elsewhere keys import brought "$WORK/traveller.key" --keyring-dir "$WORK/brought" >/dev/null
check "an exported key is imported" "$there" "$(elsewhere keys show brought -a --keyring-dir "$WORK/brought")"
exits "a second key of one name is refused" 5 "exists already" elsewhere keys add traveller
exits "a wrong password" 5 "invalid account password" env QUERN_KEYRING_PASSWORD=wrong-password "$QUERND" \
    keys export traveller --unarmored-hex --unsafe --home "$WORK/elsewhere"
exits "an unknown key" 5 "key not found" elsewhere keys show nobody
mkdir -p "$WORK/damaged"
head -c 100 "$WORK/traveller.key" >"$WORK/damaged/torn.json"
exits "a damaged key file is named" 5 "torn.json" elsewhere keys show torn --keyring-dir "$WORK/damaged"

# --- sending
fee=(--fees 5000nqrn --node "$RPC" --chain-id quern-e2e-1 -y -o json)
hash=$(q tx bank send "$there" 1000000nqrn --from cli "${fee[@]}" --wait | get txhash)
check "a sent coin arrives" 1000000 "$(q query bank balance "$there" nqrn --node "$RPC" -o json | get balance.amount)"
check "the transaction is found" 0 "$(q query tx "$hash" --node "$RPC" -o json | get code)"
does "gas is simulated and priced, chain and node come from the home" \
    q tx bank send "$js" 1nqrn --from cli --gas auto --gas-prices 0.01nqrn -y -o json --wait
check "a dry run names the gas" 1 "$(q tx bank send "$js" 1nqrn --from cli --dry-run --node "$RPC" -o json | get gas_estimate | grep -cE '^[1-9][0-9]+$')"

# --- offline signing
number=$(q query auth account "$cli" --node "$RPC" -o json | get account.account_number)
sequence=$(q query auth account "$cli" --node "$RPC" -o json | get account.sequence)
q tx bank send "$there" 77nqrn --from cli --fees 5000nqrn --generate-only --offline >"$WORK/unsigned.json"
q tx sign "$WORK/unsigned.json" --from cli --offline --chain-id quern-e2e-1 \
    --account-number "$number" --sequence "$sequence" >"$WORK/signed.json"
does "signed offline, sent later" q tx broadcast "$WORK/signed.json" --node "$RPC" -o json --wait
printf '\0asm\1\0\0\0' >"$WORK/empty.wasm"
covers() { q tx wasm store "$WORK/empty.wasm" --instantiate-nobody --from cli --fees 5000nqrn --gas 200000 --offline --chain-id quern-e2e-1 \
    --account-number "$number" --sequence "$sequence" --sign-mode "$1" 2>&1 >/dev/null | grep -c 'MsgStoreCode.instantiate_permission'; }
check "what an amino document does not show is told" 1 "$(covers amino-json)"
check "a direct signature covers all" 0 "$(covers direct)"
encoded=$(q tx encode "$WORK/signed.json")
check "encode and decode agree" "$(get body.messages.0.amount.0.amount <"$WORK/signed.json")" \
    "$(q tx decode "$encoded" -o json | get body.messages.0.amount.0.amount)"

# --- refusals and their exit codes
exits "more coins than there are" 3 "sdk/5: .*insufficient funds" \
    q tx bank send "$there" 999999999999999999nqrn --from cli "${fee[@]}" --wait
exits "a fee below the price" 3 "sdk/13" q tx bank send "$there" 1nqrn --from cli --fees 1nqrn --node "$RPC" -y
exits "a wrong sequence" 3 "sdk/32: account sequence mismatch" \
    q tx bank send "$there" 1nqrn --from cli "${fee[@]}" --sequence 9999
exits "another chain" 2 "node is of chain quern-e2e-1" \
    q tx bank send "$there" 1nqrn --from cli --fees 5000nqrn --node "$RPC" --chain-id other-1 -y
exits "no node" 4 "cannot reach a node" q query bank balance "$there" nqrn --node tcp://127.0.0.1:1
exits "another chain's address" 2 "prefix" q tx bank send cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta 1nqrn --from cli "${fee[@]}"
exits "no coins" 2 "amount is zero|invalid" q tx bank send "$there" 0nqrn --from cli "${fee[@]}"
QUERN_KEYRING_PASSWORD=fresh-password elsewhere keys add fresh --keyring-dir "$WORK/fresh" >/dev/null 2>&1
exits "an account without coins" 2 "not on the chain yet" \
    env QUERN_KEYRING_PASSWORD=fresh-password "$QUERND" --home "$WORK/elsewhere" tx bank send "$cli" 1nqrn --from fresh --keyring-dir "$WORK/fresh" "${fee[@]}"
exits "an unanswered question sends nothing" 7 "cancelled" q tx bank send "$there" 1nqrn --from cli --fees 5000nqrn --node "$RPC"
nobody=$(elsewhere keys parse "$(printf '0%.0s' $(seq 40))" -o json | get account)
exits "an unknown account" 6 "sdk/22" q query auth account "$nobody" --node "$RPC"
exits "a hash of nothing" 6 "not found" q query tx "$(printf '0%.0s' $(seq 64))" --node "$RPC"

# --- queries
check "metadata" 9 "$(q query bank denom-metadata --denom nqrn --node "$RPC" -o json | get metadata.denom_units.1.exponent)"
check "consensus parameters" 40000000 "$(q query consensus params --node "$RPC" -o json | get params.block.max_gas)"
check "block 1" 1 "$(q query block 1 --node "$RPC" -o json | get block.header.height)"
check "supply at an earlier height" "$(q query bank total --denom nqrn --node "$RPC" -o json | get amount.amount)" \
    "$(q query bank total --denom nqrn --height 2 --node "$RPC" -o json | get amount.amount)"

# --- contracts
big=(--from cli --gas auto --gas-prices 0.01nqrn --node "$RPC" -y -o json --wait)
wasm=$(dirname "$0")/../../contracts/artifacts/cw20_base.wasm
does "a contract is stored" q tx wasm store "$wasm" "${big[@]}"
code=$(q query wasm list-code --reverse --limit 1 --node "$RPC" -o json | get code_infos.0.code_id)
init="{\"name\":\"Cli\",\"symbol\":\"CLI\",\"decimals\":6,\"initial_balances\":[{\"address\":\"$cli\",\"amount\":\"50\"}]}"
does "instantiated" q tx wasm instantiate "$code" "$init" --label cli --admin "$cli" "${big[@]}"
token=$(q query wasm list-contract-by-code "$code" --node "$RPC" -o json | get contracts.0)
does "executed" q tx wasm execute "$token" "{\"transfer\":{\"recipient\":\"$js\",\"amount\":\"20\"}}" "${big[@]}"
check "the contract answers" 20 \
    "$(q query wasm contract-state smart "$token" "{\"balance\":{\"address\":\"$js\"}}" --node "$RPC" -o json | get data.balance)"
does "migrated" q tx wasm migrate "$token" "$code" '{}' "${big[@]}"
exits "the contract refuses" 3 "wasm/5" \
    q tx wasm execute "$token" "{\"transfer\":{\"recipient\":\"$js\",\"amount\":\"9999\"}}" --from cli --gas 2000000 --fees 50000nqrn \
    --node "$RPC" -y --wait
exits "a message that is no JSON" 2 "no JSON" q tx wasm execute "$token" '{' "${big[@]}"

echo "command line: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
