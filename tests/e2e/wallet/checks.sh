#!/usr/bin/env bash
# What a host, a funder, a router and a payer type. run.sh sets QUERND, HOME_DIR, WORK, CHAIN and KEYS.
set -uo pipefail # a failing command is a failing check, not the end
# shellcheck source=tests/e2e/wallet/common.sh
. "$(dirname "$0")/common.sh"
# trace FILE: leaves the report in $WORK/trace and the exit code in $traced.
trace() { traced=0; q trace "$1" -o json >"$WORK/trace" 2>"$WORK/err" || traced=$?; }
# step NAME: verdict of a step of the last trace
step() { python3 -c 'import json,sys
print(next(s["verdict"] for s in json.load(open(sys.argv[1]))["steps"] if s["step"]==sys.argv[2]))' "$WORK/trace" "$1"; }
key32() { python3 -c 'import base64,sys; print(base64.b64encode(bytes([int(sys.argv[1])]*32)).decode())' "$1"; }

host=$(q keys show host -a)
late=$(q keys show late -a)
payer=$(q keys show payer -a)
router=$(q keys show router -a)

# --- addresses and hosts
if q query contracts | grep -q '^settlement'; then pass "the wallet's addresses are the chain's"; else fail "contracts"; fi
check "the first host came by genesis" "$host" "$(q query hosts -o json | get 0.host)"
sends "a second host registers on the running chain" late register-host --moniker late --endpoint https://127.0.0.1:8444 \
    --transport-key "$(key32 11)" --consensus-key "$(key32 12)" --warm-key "$(q keys show late -p)" --offer quern-small=100
# Less than a validator needs: its consensus key runs nowhere, and the chain would wait for its votes.
sends "it bonds" late bond "$late" 0.5qrn
sends "others may fund it" payer bond "$late" 0.25qrn
check "bonds add up" 750000000 "$(q query bonds "$late" -o json | get active)"
if q query bonds | grep -qE '0\.75 QRN +0\.5 QRN'; then pass "and are shown in QRN"; else fail "bonds: $(q query bonds)"; fi
sends "it closes itself" late set-open false
refused "a closed host takes no funds" 3 "host_closed" \
    q tx bond "$late" 0.01qrn --from payer --gas 2000000 --fees 20000nqrn -y --wait
sends "a funder takes some back" payer unbond "$late" 0.1qrn
check "it matures later" 100000000 "$(q query positions "$payer" -o json | get 0.unbonding.0.amount)"
sends "offers change" late set-offers quern-small=120:cpu
check "and count in the group" 120 "$(q query group quern-small -o json | python3 -c 'import json,sys
print(next(m["capacity"] for m in json.load(sys.stdin) if m["host"] == sys.argv[1]))' "$late")"
sends "the record changes" late update-host --moniker later
sends "maintenance is announced" late declare-maintenance $(($(height) + 100)) $(($(height) + 110))
if q query hosts "$late" | grep -qE '^name +later$'; then pass "one host is a sheet"; else fail "hosts: $(q query hosts "$late")"; fi
refused "registering twice" 3 "already_registered" q tx register-host --moniker x --endpoint https://127.0.0.1:1 \
    --transport-key "$(key32 11)" --consensus-key "$(key32 12)" --warm-key "$(q keys show late -p)" --from late \
    --gas 2000000 --fees 20000nqrn -y --wait

# --- routers and sessions
sends "a router registers" router register-router --moniker gate --endpoint https://127.0.0.1:8101 \
    --transport-key "$(get router <<<"$KEYS")" --fee-bps 250
sends "it changes its fee alone" router update-router --fee-bps 200
check "the rest stayed" gate "$(q query routers "$router" -o json | get details.moniker)"
sends "it posts a bond" router fund-router 30qrn
refused "a session above the price is refused" 3 "price_too_high" q tx open-session quern-small 5qrn --max-price 1 \
    --session-key "$(get session <<<"$KEYS")" --from payer --gas 2000000 --fees 20000nqrn -y --wait
refused "a session that occupies a router's bond needs its consent" 3 "no_consent" q tx open-session quern-small 5qrn --max-price 3 \
    --session-key "$(get session <<<"$KEYS")" --router "$router" --from payer --gas 2000000 --fees 20000nqrn -y --wait
python3 "$(dirname "$0")/receipt.py" consent "$CHAIN" "$router" "$payer" quern-small 5000000000 200 2000 $(($(height) + 100)) >"$WORK/consent.json"
refused "a consent to other terms is none" 3 "no_consent" q tx open-session quern-small 5qrn --max-price 3 --blocks 1000 \
    --session-key "$(get session <<<"$KEYS")" --router "$router" --consent "$WORK/consent.json" --from payer --gas 2000000 --fees 20000nqrn -y --wait
sends "a payer opens a session" payer open-session quern-small 5qrn --max-price 3 --session-key "$(get session <<<"$KEYS")" \
    --router "$router" --consent "$WORK/consent.json" --blocks 2000
session=$(get session <"$WORK/out")
check "its id is printed" "$payer" "$(q query sessions "$session" -o json | get payer)"
check "the router's fee is the registry's" 200 "$(q query sessions "$session" -o json | get router_fee_bps)"
check "the payer finds it" "$session" "$(q query sessions --payer "$payer" -o json | get 0.id)"
check "its escrow is the router's in flight" 5000000000 "$(q query router-bond "$router" -o json | get in_flight)"
reach $(($(q query sessions "$session" -o json | get drawn_at) + 2))
q query sessions "$session" -o json >"$WORK/session.json"
check "the committee is drawn" 2 "$(python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))["committee"]))' "$WORK/session.json")"

# --- audits, weights, prices, rewards
check "a round of audits is under way" 1 "$(q query audits -o json | get round.number)"
if q query audits "$host" | grep -qE '^convictions +0'; then pass "a host's record"; else fail "audits: $(q query audits "$host")"; fi
if q query evidence "$host" | grep -qE '^\(all\) +1\.000'; then pass "evidence begins at one"; else fail "evidence: $(q query evidence "$host")"; fi
check "nothing is under audit yet" "[]" "$(q query audit-leaves -o json)"
check "nothing was committed yet" 0 "$(q query standing "$host" -o json | get committed)"
sends "anybody funds the audits" payer fund-audits 1qrn
check "the pot holds it" 1000000000 "$(q query audits -o json | get totals.pot)"
refused "who audited nothing has nothing to withdraw" 3 "nothing_owed" \
    q tx withdraw-audit-pay --from host --gas 2000000 --fees 20000nqrn -y --wait
if q query weights | grep -qE '^epoch +[0-9]'; then pass "weights"; else fail "weights: $(q query weights)"; fi
if q query sprints | grep -qE '^sprint +[0-9]|^no such'; then pass "sprints"; else fail "sprints: $(q query sprints)"; fi
if q query price quern-small | grep -q 'nqrn per token'; then pass "the price of now"; else fail "price"; fi
if q query prices quern-small | grep -qE '^at launch +2 nqrn'; then pass "prices"; else fail "prices: $(q query prices quern-small)"; fi
if q query emission | grep -qE '^minted at most'; then pass "emission"; else fail "emission: $(q query emission)"; fi
if q query rewards "$host" | grep -qE '^claimable'; then pass "rewards"; else fail "rewards: $(q query rewards "$host")"; fi

# --- one request from voucher to pay
settlement=$(q query contracts -o json | python3 -c 'import json,sys
print(next(c["address"] for c in json.load(sys.stdin)["contracts"] if c["name"] == "settlement"))')
now=$(($(height) - 1))
price=$(q query price quern-small --at "$now" -o json | tr -d '"')
made=$(python3 "$(dirname "$0")/receipt.py" make "$CHAIN" "$WORK/session.json" "$now" "$host" "$price" "$WORK")
sends "the host commits a batch" warm wasm execute "$settlement" "$(cat "$WORK/commit.json")"
check "the batch is listed" 1 "$(q query batches "$host" -o json | get 0.sequence)"
trace "$WORK/receipt.json"
check "a committed receipt holds ($(python3 -c 'import json,sys
print([s["detail"] for s in json.load(open(sys.argv[1]))["steps"] if s["verdict"] == "fails"])' "$WORK/trace"))" 0 "$traced"
check "and has the id that the formats give it" "$(get id <<<"$made")" "$(get receipt <"$WORK/trace")"
check "its place in the batch is proven" holds "$(step batch)"
check "its claim is still open" open "$(step claim)"
python3 - "$WORK" <<'PY'
import json, pathlib, sys
work = pathlib.Path(sys.argv[1])
document = json.loads((work / "receipt.json").read_text())
for part in (document["signed"], document["committed"]):
    part["receipt"]["capture"] = str(int(part["receipt"]["capture"]) - 1)
(work / "forged.json").write_text(json.dumps(document))
PY
refused "a changed receipt is found out" 9 "warm key, batch" q trace "$WORK/forged.json"
refused "and offline, too" 9 "batch" q verify-receipt "$WORK/forged.json"
if q verify-receipt "$WORK/receipt.json" --session-key "$(get session <<<"$KEYS")" --warm-key "$(get warm <<<"$KEYS")" \
    --root "$(get root <<<"$made")" | grep -qE '^batch +- +ok'
then pass "offline, all checks hold"; else fail "verify-receipt"; fi
refused "a receipt's id alone needs somebody who has it" 2 "not on the chain" q trace "$(get id <<<"$made")"
sends "anybody claims for the host" router settle "$WORK/claim.json"
check "the claim is on the chain" "$(get amount <<<"$made")" \
    "$(q query sessions "$session" -o json | python3 -c 'import json,sys
print(next(m["claimed"] for m in json.load(sys.stdin)["committee"] if m["host"] == sys.argv[1]))' "$host")"
sends "the payer ends the session" payer close-session "$session"
refused "it is not paid before the claims have ended" 3 "too_early" \
    q tx close "$session" --from late --gas 2000000 --fees 20000nqrn -y --wait
reach "$(q query sessions "$session" -o json | get payable_at)"
sends "anybody pays it out" late close "$session"
trace "$WORK/receipt.json"
check "the request is followed to its pay" 0 "$traced"
check "claimed" holds "$(step claim)"
check "and the escrow is divided to the last unit" holds "$(step outcome)"
check "no height is missing" "" "$(python3 -c 'import json,sys
steps=json.load(open(sys.argv[1]))["steps"]
print(" ".join(s["step"] for s in steps if s["height"] is None and s["step"] not in ("receipt", "model")))' "$WORK/trace")"
q trace "$WORK/receipt.json"
sends "the router takes its bond back" router defund-router 30qrn
check "nothing is left in escrow" 0 "$(q query totals -o json | get settlement.escrowed)"
if q query totals | grep -qE '^bonded +100\.65 QRN'; then pass "totals"; else fail "totals: $(q query totals)"; fi

echo "wallet and contracts: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
