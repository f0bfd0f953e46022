"""Checks that a run stands or falls by, and what they say."""

from collections import Counter


class Checks:
    """Every check with what was found. None is ever skipped in silence."""

    def __init__(self, say):
        self.say, self.done = say, []

    def that(self, name, holds, detail=""):
        """Notes a check and says how it ended."""
        self.done.append({"check": name, "holds": bool(holds), "detail": str(detail)})
        self.say(f"{'ok  ' if holds else 'FAIL'} {name}{f' ({detail})' if detail != '' else ''}")

    @property
    def failed(self):
        return [check for check in self.done if not check["holds"]]


def power(network, until):
    """Smallest part of the power that signed a block, the largest part that one validator ever had, and the fewest hosts
    that proved compute in an epoch."""
    from verifier.chain import Node

    node, least, most, proved = Node(network.rpc), 1.0, 0.0, len(network.net["workers"])
    for height in range(2, until):
        validators = node.call("validators", height=str(height), per_page="100")["validators"]
        total = sum(int(v["voting_power"]) for v in validators)
        powers = {v["address"]: int(v["voting_power"]) for v in validators}
        commit = node.call("commit", height=str(height))["signed_header"]["commit"]
        signed = sum(powers[s["validator_address"]] for s in commit["signatures"] if s["block_id_flag"] == 2)
        least, most = min(least, signed / total), max(most, max(powers.values()) / total)
        for event in node.call("block_results", height=str(height))["finalize_block_events"] or []:
            if event["type"] == "wasm-weights":
                hosts = next(int(a["value"]) for a in event["attributes"] if a["key"] == "hosts")
                proved = min(proved, hosts)
    return least, most, proved


def spread(most, proved):
    """Whether nobody held a third of the power. Hosts that get too little of a busy machine miss proofs; where fewer than
    four are left, the cap of 30 % cannot be kept, and an equal part is the least that is feasible."""
    if proved > 3:
        return most < 1 / 3
    return most <= 1 / max(proved, 1) + 1e-6


def money(network, checks):
    """Every escrow and every contract's balance, to the last nqrn."""
    sessions = network.sessions()
    closed = [s for s in sessions if s["outcome"] and s["status"] == "closed"]
    uneven = []
    for session in closed:
        outcome = session["outcome"]
        parts = [int(amount) for _, amount in outcome["paid"]]
        parts += [int(outcome[part]) for part in ("router_fee", "burned", "audits", "refund")]
        if sum(parts) != int(session["escrow"]):
            uneven.append(session["id"])
    checks.that("every closed escrow is host pay, router fee, burn, the audits' share and refund", closed and not uneven,
                f"{len(closed)} of {len(sessions)} sessions closed{f', uneven: {uneven}' if uneven else ''}")
    totals = network.smart("settlement", {"totals": {}})
    escrows = sum(int(s["escrow"]) for s in sessions if s["status"] not in ("closed", "void"))
    checks.that("what is in escrow is the escrow of the open sessions", escrows == int(totals["escrowed"]), escrows)
    held = sum(int(totals[part]) for part in ("escrowed", "router_bonds", "restitution_held", "unclaimed"))
    balance = network.balance(network.net["contracts"]["settlement"])
    checks.that("settlement holds what its sums say", balance == held, f"{balance} nqrn")
    bonds = network.smart("bonding", {"totals": {}})
    balance = network.balance(network.net["contracts"]["bonding"])
    checks.that("bonding holds what its sums say", balance == int(bonds["active"]) + int(bonds["unbonding"]),
                f"{balance} nqrn")
    audits = network.smart("audits", {"totals": {}})
    balance = network.balance(network.net["contracts"]["audits"])
    checks.that("the audits hold what their sums say", balance == int(audits["pot"]) + int(audits["owed"]),
                f"{balance} nqrn")
    rewards = network.smart("rewards", {"totals": {}})
    balance = network.balance(network.net["contracts"]["rewards"])
    held = int(rewards["received"]) - int(rewards["to_community"]) - int(rewards["claimed"]) - int(rewards["clawed_back"])
    checks.that("rewards hold what their sums say", balance == held, f"{balance} nqrn")
    return closed


def claims(network, findings, unseen, checks):
    """No host claimed more in a session than the receipts come to that the verifier saw, which so were all. `unseen`:
    by host, what it may have claimed beyond that in all."""
    seen, claimed, excess = Counter(), 0, Counter()
    for finding in findings:
        seen[finding["session"], finding["host"]] += finding["capture"]
    for session in network.sessions():
        for member in session["committee"]:
            own = int(member["claimed"])
            claimed += own
            excess[member["host"]] += max(0, own - seen[session["id"], member["host"]])
    more = {network.moniker(host): amount for host, amount in excess.items() if amount > unseen.get(host, 0)}
    checks.that("hosts claimed for nothing but receipts that were re-executed", claimed > 0 and not more,
                more or f"{claimed} of {sum(seen.values())} nqrn")


def supply(network, genesis, checks):
    """Genesis plus emission minus burn: each of the three counted here, and not by whoever mints."""
    state = genesis["app_state"]
    began = sum(int(coin["amount"]) for account in state["bank"]["balances"] for coin in account["coins"])
    rewards = network.smart("rewards", {"status": {}})
    schedule, emission = state["emission"], 0
    coming = int(schedule["next"])
    for _ in range(rewards["epoch"]):
        emission += min(coming, int(schedule["cap"]) - emission)
        coming = coming * int(schedule["retained"]) // 10**18
    entry = int(network.smart("registry", {"params": {}})["entry_fee"]) * len(network.net["workers"])
    burned = entry + sum(int(network.smart(name, {"totals": {}})["burned"]) for name in ("settlement", "bonding"))
    burned += int(network.smart("rewards", {"totals": {}})["clawed_back"])
    now = network.supply()
    checks.that("supply is genesis plus emission minus burn", emission > 0 and now == began + emission - burned,
                f"{now} = {began} + {emission} - {burned}")
    return {"genesis": began, "emission": emission, "burned": burned, "now": now}


def weights(network):
    """Whether validators have just the powers that the last epoch's proofs gave them, and what they have. The application
    bounds how far a power may move in one epoch, so after a conviction this may take an epoch more."""
    epoch = network.smart("poc-weights", {"epoch": {}})
    given = {w["host"]: w["power"] for w in network.pages("poc-weights", "weights", "host") if w["power"]}
    powers = {v["host"]: v["power"] for v in network.validators()}
    holds = epoch["mode"] == "proven" and given == powers and len(set(given.values())) > 1
    return holds, f"epoch {epoch['epoch']}: {', '.join(f'{network.moniker(h)} {p}' for h, p in sorted(powers.items(), key=lambda x: -x[1]))}"


def price(network, before, checks):
    """The price rose while the model was loaded and came back; nobody but the contract itself moved it."""
    points = network.smart("pricing", {"history": {"model": "quern-small", "limit": 100}})
    path = [(point["from"], float(point["price"])) for point in reversed(points)]
    at_first = next((value for height, value in reversed(path) if height <= before), path[0][1])
    peak_at, peak = max(((h, v) for h, v in path if h > before), key=lambda point: point[1], default=(before, 0.0))
    last = path[-1][1]
    checks.that("the loaded model's price rose", peak > at_first * 1.01, f"from {at_first:.4f} to {peak:.4f} at block {peak_at}")
    checks.that("and came back", last <= at_first, f"to {last:.4f}")
    return path
