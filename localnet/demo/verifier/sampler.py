"""The seeded sampler of docs/spec/sampler.md and the verifier's gap, for one position at a time."""

import math

import numpy

MASK = numpy.uint64(0xFFFFFFFF)
ROUND = (numpy.uint64(0xD2511F53), numpy.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(blocks, t, c, key):
    """Philox4x32-10 for counters (block, t, c, 1): one row of four words for each block."""
    low, high = key & 0xFFFFFFFF, key >> 32
    words = [blocks.astype(numpy.uint64)] + [numpy.full(len(blocks), n, numpy.uint64) for n in (t, c, 1)]
    for _ in range(10):
        a, b = ROUND[0] * words[0], ROUND[1] * words[2]
        words = [
            (b >> numpy.uint64(32)) ^ words[1] ^ numpy.uint64(low), b & MASK,
            (a >> numpy.uint64(32)) ^ words[3] ^ numpy.uint64(high), a & MASK,
        ]
        low, high = (low + WEYL[0]) & 0xFFFFFFFF, (high + WEYL[1]) & 0xFFFFFFFF
    return numpy.stack(words, axis=1)


class Sampler:
    """Draws of one request: its seed, temperature and top-p."""

    def __init__(self, seed, temperature, top_p):
        self.key = int.from_bytes(seed[:8], "big")
        self.temperature, self.top_p = temperature, top_p

    def noise(self, t, count):
        words = philox(numpy.arange((count + 3) // 4), t, 0, self.key).reshape(-1)[:count]
        return -numpy.log(-numpy.log((words.astype(numpy.float64) + 0.5) / 2**32))

    def least(self, z, shift=0.0, tight=False):
        """Threshold of the support; `shift` moves it for S⁻ (tight) and S⁺."""
        top = z.max()
        if self.top_p >= 1:
            return -math.inf
        mass = self.top_p
        if shift:
            odds = mass / (1 - mass) * math.exp(-shift)
            mass = odds / (1 + odds)
        head = numpy.sort(z)[::-1]
        sums = numpy.cumsum(numpy.exp(head - top))
        least = head[min(int(numpy.searchsorted(sums, mass * sums[-1])), len(head) - 1)] + shift
        return least if tight else min(least, top)

    def scores(self, logits, t):
        """What each token is drawn by: z and z + G (at T = 0 the logits)."""
        l = logits.astype(numpy.float64)
        if self.temperature == 0:
            return l, l
        z = l / self.temperature
        return z, z + self.noise(t, len(z))

    def draw(self, logits, t):
        """The token that an exact host writes."""
        z, score = self.scores(logits, t)
        if self.temperature:
            score = numpy.where(z >= self.least(z), score, -math.inf)
        return int(score.argmax())

    def gap(self, logits, t, token, slack, clip):
        """How far, in logits, the written token lies below the best one that was surely to choose from."""
        z, score = self.scores(logits, t)
        if self.temperature == 0:
            return min(max(float(score.max() - score[token]), 0.0), clip)
        shift = 2 * slack / self.temperature
        if z[token] < self.least(z, -shift):
            return clip
        surely = score[z >= self.least(z, shift, tight=True)]
        if not len(surely):
            return 0.0
        return min(max(self.temperature * float(surely.max() - score[token]), 0.0), clip)
