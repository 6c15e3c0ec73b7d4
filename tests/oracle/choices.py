"""Choices: where all randomness of a case comes from, and what makes cases shrinkable.

A generator draws small integers; what it drew is the whole case. Every generator puts its simplest
alternative at 0, and a sequence that has run out answers 0: so deleting or lowering parts of it
gives a simpler case that is still well-formed. `shrink` looks for the smallest sequence that
fails; it knows nothing about SQL.
"""

import random
import time


class Choices:
    def __init__(self, seed=None, replay=None):
        self.random = random.Random(seed)
        self.replay = replay
        self.drawn = []

    def below(self, count):
        """An integer in [0, count)."""
        if self.replay is None:
            value = self.random.randrange(count)
        elif len(self.drawn) < len(self.replay):
            value = min(self.replay[len(self.drawn)], count - 1)
        else:
            value = 0
        self.drawn.append(value)
        return value

    def pick(self, alternatives):
        return alternatives[self.below(len(alternatives))]

    def weighted(self, pairs):
        """One of (weight, alternative), in their order from simple to complex."""
        point = self.below(sum(weight for weight, _ in pairs))
        for weight, alternative in pairs:
            if point < weight:
                return alternative
            point -= weight
        raise AssertionError("unreachable")

    def chance(self, one_in):
        """True once in `one_in`; False is the simple answer."""
        return self.below(one_in) == one_in - 1


def candidates(sequence):
    """Smaller sequences, boldest first."""
    size = len(sequence) // 2
    while size:
        for start in range(0, len(sequence), size):
            yield sequence[:start] + sequence[start + size:]
        size //= 2
    for i, value in enumerate(sequence):
        for smaller in {0, value // 2, value - 1} - {value, -1}:
            yield sequence[:i] + [smaller] + sequence[i + 1:]


def shrink(sequence, fails, seconds_max):
    """The smallest failing sequence found in time; `fails` returns what was drawn, or None."""
    end = time.monotonic() + seconds_max
    improved = True
    while improved:
        improved = False
        for candidate in candidates(sequence):
            if time.monotonic() > end:
                return sequence
            drawn = fails(candidate)
            if drawn is not None and (len(drawn), sum(drawn)) < (len(sequence), sum(sequence)):
                sequence, improved = drawn, True
                break
    return sequence
