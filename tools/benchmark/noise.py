"""From the rounds of one run to one figure and what it may be off by.

The figure is the median of the rounds. Its noise is what the same run, done again, may differ by:

    noise = 5 / (n - 1) x (largest - smallest) of n rounds, and at least FLOOR of the figure

Two runs of independent rounds then differ by less in 99 of 100 cases from five rounds on (normal and long-tailed spread alike), and in 95 where each round
resembles the one before it (autocorrelation 0.5); with three or four rounds in 95. The range is used and not a deviation
from the median because so few rounds must not look quiet by chance: one bad round makes the noise larger, never smaller.
Of one round alone no noise is known.

A ratio is made for each round from what was measured nearest in time, then treated like any figure. What slows the whole
machine slows both sides, so a ratio is steadier than what it is made of.
"""
import statistics

# What rounds of one run cannot see of another run: where memory came to lie, how full the file system is.
FLOOR = 0.01


def spread_factor(n):
    return 5 / (n - 1)


def summary(values):
    """(figure, noise in the same unit; None where there is but one round)."""
    figure = statistics.median(values)
    if len(values) < 2:
        return figure, None
    return figure, max(spread_factor(len(values)) * (max(values) - min(values)), FLOOR * abs(figure))


def at_time(samples, when):
    """The value that (time, value) samples had at a time: between two neighbours on the line that joins them."""
    before = [s for s in samples if s[0] <= when]
    after = [s for s in samples if s[0] > when]
    if not before or not after:
        return (before[-1] if before else after[0])[1]
    (t0, v0), (t1, v1) = before[-1], after[0]
    return v0 + (v1 - v0) * (when - t0) / (t1 - t0)


def ratios(above, below):
    """For each (time, value) of `above` its ratio to `below` at that time, as (time, ratio)."""
    return [(t, v / at_time(below, t)) for t, v in above]
