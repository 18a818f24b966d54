"""Which stocks the risk officer forbids, day by day [T, N]."""

from __future__ import annotations

import numpy as np

from substrates.finance.directives.tree import Every, VetoWhere, VetoWorst
from substrates.finance.signals.frame import Frame
from substrates.finance.signals.measures import measure, passes
from substrates.finance.signals.position import Bools

REVIEW: Every = "weekly"  # assumption: a veto that flickers daily costs more in trades than it saves


def veto(frame: Frame, directive: VetoWorst | VetoWhere) -> Bools:
    """The forbidden stocks [T, N], reviewed on the first trading day of each week and kept until the next."""
    return frame.remember(("veto", directive), lambda: _reviewed(frame, directive)[frame.segments((REVIEW,))])


def _reviewed(frame: Frame, directive: VetoWorst | VetoWhere) -> Bools:
    if isinstance(directive, VetoWhere):
        return passes(frame, directive.test, REVIEW)
    value = measure(frame, directive.measure, REVIEW)
    worst = -value if directive.order == "highest" else value
    order = np.argsort(np.where(np.isfinite(worst), worst, np.inf), axis=1, kind="stable")
    forbidden = np.zeros(value.shape, dtype=bool)
    np.put_along_axis(forbidden, order[:, : directive.count], True, axis=1)
    return forbidden & np.isfinite(value)
