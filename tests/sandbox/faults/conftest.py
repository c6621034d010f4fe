"""Servers of these tests run hardly a job: they do without the process that jobs are forked from."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_warm_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers start jobs as plain processes, which needs nothing beforehand."""
    monkeypatch.setenv("SAGEWIZARD_SANDBOX_NO_FORK", "1")
