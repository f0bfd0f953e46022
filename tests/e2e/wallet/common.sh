# shellcheck shell=bash
# What the wallet's checks have in common; QUERND, HOME_DIR and WORK are set by run.sh.
passed=0
failed=0

q() { "$QUERND" "$@" --home "$HOME_DIR"; }
pass() { passed=$((passed + 1)); echo "ok: $1"; }
fail() { failed=$((failed + 1)); echo "not ok: $1"; }
check() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: expected '$2', got '$3'"; fi; }
get() { python3 -c 'import json,sys
v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[int(k)] if isinstance(v,list) else v[k]
print(json.dumps(v) if isinstance(v,(dict,list)) else v)' "$1"; }
# sends NAME KEY COMMAND...: the transaction must succeed; its answer lies in $WORK/out.
sends() {
    local name=$1 key=$2
    shift 2
    if q tx "$@" --from "$key" --gas auto --gas-prices 0.01nqrn -y -o json --wait >"$WORK/out" 2>"$WORK/err" </dev/null
    then pass "$name"; else fail "$name: $(head -c 400 "$WORK/err")"; fi
}
# refused NAME CODE TEXT COMMAND...
refused() {
    local name=$1 code=$2 text=$3 status=0
    shift 3
    "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
    if [ "$status" = "$code" ] && grep -qiE -- "$text" "$WORK/err"; then pass "$name"
    else fail "$name: exit $status, not $code with '$text'; said: $(head -c 400 "$WORK/err")"; fi
}
height() { q query block -o json | get block.header.height; }
reach() { while [ "$(height)" -lt "$1" ]; do sleep 0.2; done; }
