"""Writes the test vectors of `engine-remote`'s surprise-minus-entropy check.

    python surprise.py > ../engine-remote/tests/vectors/surprise.json

The formula is that of docs/spec/engines.md; the way is another than the crate's: probabilities first, then NumPy's sums.
"""

import json
import sys

import numpy as np

CAP = 50.0


def case(name, rows, tokens, temperature=1.0, ids=None):
    rows = np.asarray(rows, dtype=np.float32)
    ids = ids or rows.shape[1]
    surprise, entropy, variance = [], [], []
    for row, token in zip(rows, tokens):
        z = row[:ids].astype(np.float64) / temperature
        p = np.exp(z - z.max())
        p /= p.sum()
        some = p[p > 0]
        bits = -np.log(some)
        h = float((some * bits).sum())
        entropy.append(h)
        variance.append(max(0.0, float((some * (bits - h) ** 2).sum())))
        own = p[token] if token < ids else 0.0
        surprise.append(min(CAP, float(-np.log(own))) if own > 0 else CAP)
    total, spread = sum(s - h for s, h in zip(surprise, entropy)), sum(variance)
    listed = [[float(v) if np.isfinite(v) else None for v in row] for row in rows]
    assert all(v is not None for row in listed for v in row)
    return {
        "name": name, "temperature": temperature, "ids": ids, "rows": listed, "tokens": list(map(int, tokens)),
        "surprise": surprise, "entropy": entropy, "variance": variance, "sum": total,
        "z": total / spread**0.5 if spread > 1e-9 else None,
    }


def main():
    rng = np.random.default_rng(5)
    spread = rng.normal(0, 2, (6, 12))
    cases = [
        case("two equal tokens", [[0, 0]], [1]),
        case("three to one", [[np.log(3), 0], [np.log(3), 0]], [0, 1]),
        case("certain", [[60, 0, 0]], [0]),
        case("certain, and another token", [[60, 0, 0]], [1]),
        case("normal rows", spread, rng.integers(0, 12, 6)),
        case("normal rows, hot", spread, rng.integers(0, 12, 6), temperature=1.7),
        case("normal rows, cold", spread, rng.integers(0, 12, 6), temperature=0.3),
        case("padding is no token", spread, [0, 1, 2, 3, 9, 4], ids=9),
        case("large logits", spread * 1e3 + 1e4, spread.argmax(1)),
    ]
    json.dump(cases, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
