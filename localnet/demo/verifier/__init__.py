"""A verifier of receipts that shares no code with the programs it checks.

Everything here is written from docs/spec alone: formats, hashes, signatures, trees, the beacon and the seeded sampler;
the model runs in `transformers`. What it trusts: the model's files, the blocks of a node, and its own arithmetic.
"""
