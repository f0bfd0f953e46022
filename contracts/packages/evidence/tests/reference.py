"""Writes the test vectors of docs/spec/evidence.md: the page's formulas in plain Python, without the Rust code.

    python3 reference.py
"""

import json

SCALE, MICRO, BETS = 10**12, 10**6, range(2, 10)


def process(rounds, threshold, every):
    """Wealth after each entry, and the final state. An entry is a list of (score, null) in millionths."""
    cash, stakes, entries, restarts, trail, status = SCALE, [0] * 8, 0, 0, [], "running"
    for entry in rounds:
        if status == "running":
            if entries % every == 0:
                restarts += 1
                share = SCALE // (restarts * (restarts + 1) * 8)
                cash -= 8 * share
                stakes = [r + share for r in stakes]
            entries += 1
            ratios = sum(score * MICRO // null for score, null in entry)
            unit = MICRO * len(entry)
            stakes = [r * (unit * (2**k - 1) + ratios) // (unit * 2**k) for r, k in zip(stakes, BETS)]
            if cash + sum(stakes) >= threshold * SCALE:
                status = "convicted"
        trail.append(str(cash + sum(stakes)))
    state = {
        "cash": str(cash),
        "stakes": [str(r) for r in stakes],
        "entries": entries,
        "restarts": restarts,
        "status": status,
    }
    return trail, state


def case(name, entries, alpha_inverse=1_000_000, processes=2, every=64):
    trail, state = process(entries, alpha_inverse * processes, every)
    params = {
        "alpha_inverse": alpha_inverse,
        "processes": processes,
        "restart_every": every,
        "freeze_at": 30,
    }
    return {"name": name, "params": params, "entries": entries, "wealth": trail, "state": state}


clean, failed = [[0, 300]], [[MICRO, 300]]
cases = [
    case("one clean leaf", [clean]),
    case("one failed leaf", [failed]),
    case("three leaves of one payer under two nulls, then a clean proof",
         [[[MICRO, 300], [0, 300], [500_000, 1_000]], clean]),
    case("restarts before every second entry", [clean, clean, failed, clean, clean], every=2),
    case("the third failure convicts, and nothing enters afterwards", [clean, failed, failed, failed, failed, clean]),
]
print("[\n" + ",\n".join(json.dumps(one) for one in cases) + "\n]")
