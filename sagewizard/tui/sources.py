"""Owns the words for where a dataset can come from, in the order in which the places are tried."""

from __future__ import annotations

from typing import Final

FETCHED: Final = {
    "mnist": ("SageMaker's example bucket", "a public copy"),
    "vertebral": ("the UCI repository",),
    "abalone": ("the UCI repository",),
}
"""The addresses of what scikit-learn does not ship, as `sagewizard.data` calls them.

Written here once more, because the modules of the data import numpy; a test holds the two equal.
"""


def sources_of(name: str) -> list[str]:
    """Return the places of a dataset by its name; those that scikit-learn ships have one."""
    if name in FETCHED:
        return ["the local cache", "the folder SAGEWIZARD_DATA names", *FETCHED[name]]
    return ["scikit-learn, which ships it: nothing to download"]
