"""What all tests share: a bounded hypothesis profile, and one way to say that a system part is missing."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "evolve", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "evolve"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """EVOLVE_NO_SKIPS=1: a missing system part is a failure, so that no check can go missing unseen."""
    report = yield
    if report.skipped and os.environ.get("EVOLVE_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but EVOLVE_NO_SKIPS is set: {report.longrepr}"
    return report
