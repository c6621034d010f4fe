"""Owns how what several hosts of a job leave in a folder of the same name becomes one folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def merge(folders: Sequence[Path]) -> list[str]:
    """Move into the first folder what the others have; of files with the same name the first folder's stays.

    Folders of the same name become one; a file and a folder of the same name count as the same name. Links
    are moved as they are. All folders lie in one file system; one that is not there is empty. Returns the
    names, with slashes, that more than one folder had.
    """
    clashes: set[str] = set()
    for other in folders[1:]:
        if other.is_dir():
            folders[0].mkdir(parents=True, exist_ok=True)
            _move(other, folders[0], "", clashes)
    return sorted(clashes)


def _move(source: Path, target: Path, above: str, clashes: set[str]) -> None:
    for entry in sorted(os.scandir(source), key=lambda item: item.name):
        place = target / entry.name
        name = f"{above}{entry.name}"
        if not os.path.lexists(place):
            os.rename(entry.path, place)  # noqa: PTH104
        elif entry.is_dir(follow_symlinks=False) and place.is_dir() and not place.is_symlink():
            _move(source / entry.name, place, f"{name}/", clashes)
        else:
            clashes.add(name)
