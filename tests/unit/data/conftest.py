"""What the tests of the data package share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of test data, named by SAGEWIZARD_TEST_DATA or beside the checkout; else a skip."""
    folder = Path(os.environ.get("SAGEWIZARD_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; name its folder in SAGEWIZARD_TEST_DATA")
    return folder
