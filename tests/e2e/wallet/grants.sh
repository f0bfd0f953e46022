#!/usr/bin/env bash
# Who lets others send, pay fees, or own coins that are free later, under the words of the SDK's programs. run.sh sets QUERND,
# HOME_DIR, WORK and CHAIN.
set -uo pipefail # a failing command is a failing check, not the end
# shellcheck source=tests/e2e/wallet/common.sh
. "$(dirname "$0")/common.sh"

payer=$(q keys show payer -a)
friend=$(q keys show friend -a)
late=$(q keys show late -a)
poor=$(q keys show poor -a)
locked=$(q keys show locked -a)
parts=$(q keys show parts -a)
forever=$(q keys show forever -a)
fixed=(--gas 300000 --fees 3000nqrn -y --wait)
coins() { q query bank balance "$1" -o json | get balance.amount; }
free() { q query bank spendable-balances "$1" -o json | get balances.0.amount; }
kind() { q query auth account "$1" -o json | get account.@type; }
in_an_hour=$(($(date +%s) + 3600))

# --- one sends for another
sends "a grant to send" payer authz grant "$friend" send --spend-limit 3qrn --allow-list "$late" --expiration "$in_an_hour"
check "is listed with its limit" 3000000000 \
    "$(q query authz grants "$payer" "$friend" -o json | get grants.0.authorization.spend_limit.0.amount)"
check "to who has it, too" "$payer" "$(q query authz grants-by-grantee "$friend" -o json | get grants.0.granter)"
q tx bank send "$late" 2qrn --from "$payer" --generate-only >"$WORK/granted.json"
before=$(coins "$late")
sends "the grantee sends what the granter's file says" friend authz exec "$WORK/granted.json"
check "and the coins arrive" 2000000000 "$(($(coins "$late") - before))"
refused "not above the limit" 3 "more than spend limit" q tx authz exec "$WORK/granted.json" --from friend "${fixed[@]}"
q tx bank send "$friend" 1nqrn --from "$payer" --generate-only >"$WORK/elsewhere.json"
refused "nor to others" 3 "cannot send to" q tx authz exec "$WORK/elsewhere.json" --from friend "${fixed[@]}"
refused "a grant that has ended is none" 2 "in the past" \
    q tx authz grant "$friend" generic --msg-type /cosmos.gov.v1.MsgVote --expiration 1700000000 --from payer "${fixed[@]}"
sends "a generic grant" payer authz grant "$friend" generic --msg-type /cosmos.gov.v1.MsgVote --expiration "$in_an_hour"
valoper=$(q keys show host --bech val -a)
sends "a grant to delegate" payer authz grant "$friend" delegate --spend-limit 1qrn --allowed-validators "$valoper"
check "three are listed" 3 "$(q query authz grants-by-granter "$payer" -o json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["grants"]))')"
q tx staking delegate "$valoper" 0.25qrn --from "$payer" --generate-only >"$WORK/granted.json"
sends "the grantee delegates the granter's coins" friend authz exec "$WORK/granted.json"
check "of which fewer are left to grant" 750000000 \
    "$(q query authz grants "$payer" "$friend" /cosmos.staking.v1beta1.MsgDelegate -o json | get grants.0.authorization.max_tokens.amount)"
sends "the grant is taken back" payer authz revoke "$friend" /cosmos.staking.v1beta1.MsgDelegate
refused "and is no more" 3 "authorization not found" q tx authz exec "$WORK/granted.json" --from friend "${fixed[@]}"
refused "it cannot be taken back twice" 3 "authorization not found" \
    q tx authz revoke "$friend" /cosmos.staking.v1beta1.MsgDelegate --from payer "${fixed[@]}"

# --- one pays the fees of another
grant=(tx authz grant "$friend" generic --msg-type /cosmos.gov.v1.MsgVote --from poor "${fixed[@]}")
refused "who has nothing has no account" 2 "not on the chain yet" q "${grant[@]}"
if q tx feegrant grant payer "$poor" --spend-limit 1qrn --expiration "$(date -u -d @"$in_an_hour" +%Y-%m-%dT%H:%M:%SZ)" \
    --allowed-messages /cosmos.authz.v1beta1.MsgGrant "${fixed[@]}" >"$WORK/out" 2>"$WORK/err" </dev/null
then pass "an allowance, its granter named by its place"; else fail "allowance: $(head -c 400 "$WORK/err")"; fi
check "is listed" 1000000000 \
    "$(q query feegrant grant "$payer" "$poor" -o json | get allowance.allowance.allowance.spend_limit.0.amount)"
check "by who gave it" "$poor" "$(q query feegrant grants-by-granter "$payer" -o json | get allowances.0.grantee)"
check "and by who has it" "$payer" "$(q query feegrant grants-by-grantee "$poor" -o json | get allowances.0.granter)"
refused "it is drawn on by name only" 3 "insufficient funds" q "${grant[@]}"
before=$(coins "$payer")
if q "${grant[@]}" --fee-granter "$payer" >"$WORK/out" 2>"$WORK/err" </dev/null
then pass "who has nothing sends at another's cost"; else fail "fee-granter: $(head -c 400 "$WORK/err")"; fi
check "who paid" 3000 "$((before - $(coins "$payer")))"
check "out of the allowance" 999997000 \
    "$(q query feegrant grant "$payer" "$poor" -o json | get allowance.allowance.allowance.spend_limit.0.amount)"
refused "not for other messages" 3 "message does not exist in allowed messages" \
    q tx authz revoke "$friend" /cosmos.gov.v1.MsgVote --from poor --fee-granter "$payer" "${fixed[@]}"
refused "nor twice to the same" 3 "fee allowance already exists" q tx feegrant grant payer "$poor" "${fixed[@]}"
sends "the allowance is taken back" payer feegrant revoke "$poor"
refused "and pays no more" 3 "fee-grant not found" q "${grant[@]}" --fee-granter "$payer"
sends "what has ended is removed by whoever likes" friend feegrant prune

# --- coins that are free later
sends "an account whose coins are locked for an hour" payer vesting create-vesting-account "$locked" 5qrn "$in_an_hour" --delayed
check "is one that vests" /cosmos.vesting.v1beta1.DelayedVestingAccount "$(kind "$locked")"
refused "its coins pay no fee" 3 "insufficient funds" q tx bank send "$late" 1nqrn --from locked "${fixed[@]}"
sends "others may send it more" payer bank send "$locked" 0.5qrn
check "which is free" 500000000 "$(free "$locked")"
refused "the locked coins are not sent" 3 "spendable balance .*is smaller than" q tx bank send "$late" 1qrn --from locked "${fixed[@]}"
sends "the free ones are" locked bank send "$late" 0.25qrn
refused "an account is made once" 3 "already exists" \
    q tx vesting create-vesting-account "$locked" 5qrn "$in_an_hour" --from payer "${fixed[@]}"
refused "and not for the past" 2 "in the past" q tx vesting create-vesting-account "$parts" 5qrn 1700000000 --from payer "${fixed[@]}"
printf '{"start_time": %s, "periods": [{"coins": "1qrn", "length_seconds": 60}, {"coins": "2qrn", "length_seconds": 86400}]}' \
    "$((in_an_hour - 7200))" >"$WORK/periods.json"
sends "an account that vests in parts" payer vesting create-periodic-vesting-account "$parts" "$WORK/periods.json"
check "of which the first is free" 1000000000 "$(free "$parts")"
check "of three" 3000000000 "$(coins "$parts")"
sends "an account that is locked for good" payer vesting create-permanent-locked-account "$forever" 1qrn
check "says so" /cosmos.vesting.v1beta1.PermanentLockedAccount "$(kind "$forever")"

echo "grants, allowances and vesting accounts: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
