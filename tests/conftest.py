"""A skipped test is a failure where every test can run (LIANWEN_NO_SKIPS=1, set by CI)."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import pytest

# The browser journey has an extra of its own; CI installs it and asks for these tests by name.
collect_ignore = [] if importlib.util.find_spec("playwright") else ["browser"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and os.environ.get("LIANWEN_NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report
