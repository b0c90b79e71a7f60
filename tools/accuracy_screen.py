"""Sweeps of float64 in bearable time: errors are looked at in long double first, and only where they may be a new worst case
counted again in 160 bits.

How far long double is off is measured on the first chunk of each sweep, points of every binade, and taken four times.  What
needs erf, or a platform whose long double is no wider than double, goes without the first look.
"""

import numpy as np
import reference
import ulp

WIDER = np.finfo(np.longdouble).nmant >= 63
# Differences below this are not told apart.
GRAIN = 2.0**-9


class Screen:
    """Counts results into worst.

    Parameters
    ----------
    worst : ulp.Worst
    exact : callable
        exact(m, x, g) gives the reference at x in the namespace m as head and tail.
    roots : sequence of float
        Where all points are counted exactly, see `ulp.Worst`.
    """

    def __init__(self, worst, exact, roots):
        self.worst, self.exact, self.roots = worst, exact, roots
        self.slack = None if WIDER else np.inf

    def add(self, x, got, g):
        if self.slack is None:
            head, tail = self._add_exactly(x, got, g)
            self.slack = self._difference(x, g, head, tail)
            return
        if self.slack == np.inf:
            self._add_exactly(x, got, g)
            return
        errors = ulp.errors(got, *self.exact(reference.LONG_DOUBLE, x, g))
        known = (errors <= max(self.worst.ulp - self.slack, self.slack)) & ~ulp.near_root(x, self.roots)
        self.worst.count += int(known.sum())
        self._add_exactly(x[~known], got[~known], g[~known])

    def _add_exactly(self, x, got, g):
        head, tail = self.exact(reference.MPFR, x, g)
        self.worst.add(x, got, head, tail, self.roots, g)
        return head, tail

    def _difference(self, x, g, head, tail):
        try:
            rough, rest = self.exact(reference.LONG_DOUBLE, x, g)
        except TypeError:  # its erf is None
            return np.inf
        with np.errstate(all="ignore"):
            apart = np.abs((rough - head) / np.spacing(np.abs(head)) + rest - tail)
        return 4 * np.max(apart, initial=0.0, where=np.isfinite(head)) + GRAIN
