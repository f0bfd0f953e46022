#!/usr/bin/env python3
"""Writes vectors.json: the rule of prices, computed here from docs/spec/pricing.md alone, without the Rust code.
`--check` compares with the committed file instead. Standard library only."""

import json
import pathlib
import sys
from decimal import Decimal, getcontext

getcontext().prec = 60
ONE = 10**18
RULE = {"smoothing": ONE // 2, "low": 4 * ONE // 10, "high": 6 * ONE // 10, "steepness": ONE // 10, "max_step": ONE // 20}
FLOOR, CEILING = ONE, ONE * 10**9


def exp(x: int) -> int:
    """The series of the specification, in whole units."""
    x = min(x, ONE)
    total = term = ONE
    for n in range(1, 21):
        term = term * x // (ONE * n)
        total += term
    return total


def exact(x: int) -> int:
    """The same to 60 digits, rounded down: how far the series may be off."""
    return int((Decimal(x) / ONE).exp() * ONE)


def utilisation(demand: int, capacity: int, blocks: int):
    offered = capacity * blocks
    return None if offered == 0 else min(demand * ONE // offered, 2 * ONE)


def smooth(old: int, new: int, a: int) -> int:
    part = abs(new - old) * a // ONE
    return old + part if new >= old else old - part


def factor(smoothed: int) -> int:
    if smoothed > RULE["high"]:
        return min(exp((smoothed - RULE["high"]) * RULE["steepness"] // ONE), ONE + RULE["max_step"])
    if smoothed < RULE["low"]:
        return max(ONE * ONE // exp((RULE["low"] - smoothed) * RULE["steepness"] // ONE), ONE - RULE["max_step"])
    return ONE


def apply(price: int, by: int) -> int:
    return min(max(price * by // ONE, FLOOR), CEILING)


def text(value: int) -> str:
    whole, rest = divmod(value, ONE)
    return f"{whole}.{rest:018}".rstrip("0").rstrip(".")


def updates(price: int, smoothed: int, periods):
    rows = []
    for demand, capacity, blocks in periods:
        found = utilisation(demand, capacity, blocks)
        if found is not None:
            smoothed = smooth(smoothed, found, RULE["smoothing"])
            price = apply(price, factor(smoothed))
        rows.append({
            "demand": str(demand), "capacity": str(capacity), "blocks": blocks,
            "utilisation": None if found is None else text(found), "smoothed": text(smoothed), "price": text(price),
        })
    return rows


def vectors():
    points = [0, 1, 10**3, ONE // 10**9, ONE // 10, ONE // 4, ONE // 2, ONE - 1, ONE, 2 * ONE]
    points += [pow(7, 20 + i, ONE) for i in range(20)]
    busy = [(9_000, 1_000, 10)] * 4 + [(5_000, 1_000, 10), (0, 0, 10)] + [(1_000, 1_000, 10)] * 3 + [(70_000, 1_000, 10)] * 3
    return {
        "exp": [{"x": str(x), "exp": str(exp(x)), "exact": str(exact(min(x, ONE)))} for x in points],
        "example": updates(10 * ONE, ONE // 2, busy),
        "long": updates(3 * ONE, ONE // 2, [(pow(11, i, 12_345), 1 + pow(5, i, 1_000), 1 + i % 13) for i in range(200)]),
        "factors": [{"smoothed": text(u * ONE // 100), "factor": text(factor(u * ONE // 100))} for u in range(0, 201, 10)],
    }


def main() -> int:
    target = pathlib.Path(__file__).with_name("vectors.json")
    made = json.dumps(vectors(), indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if target.read_text() != made:
            print("vectors.json is not what vectors.py computes: run vectors.py", file=sys.stderr)
            return 1
        return 0
    target.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
