"""Finds recipes by name or path: the packaged ones, those of a checkout, or any file."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.errors import UsageError
from sagewizard.recipe.loading import load_file

if TYPE_CHECKING:
    from sagewizard.recipe.recipe import Recipe


def folders() -> list[Path]:
    """Return the folders of shipped recipes: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    found = [package / "recipes", package.parent / "recipes"]
    # Beside an installed package lies site-packages: only a checkout has pyproject.toml there.
    return [
        folder for folder in found
        if folder.is_dir() and (folder.parent == package or (package.parent / "pyproject.toml").is_file())
    ]  # fmt: skip


def shipped() -> dict[str, Path]:
    """Return the shipped recipes by name, sorted."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in folder.glob("*.yaml"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(wanted: str) -> Path:
    """Return the file of a recipe by its name or its path. Raises UsageError with the nearest names."""
    looks_like_path = wanted.endswith((".yaml", ".yml")) or os.sep in wanted or "/" in wanted
    if looks_like_path:
        path = Path(wanted).expanduser()
        if not path.exists():
            raise UsageError(
                f"There is no file {wanted}.",
                remedy="Give the path of a recipe, or a name that `sagewizard recipes list` shows.",
            )
        return path
    known = shipped()
    if wanted in known:
        return known[wanted]
    near = get_close_matches(wanted.lower().replace("_", "-"), known, n=2, cutoff=0.4)
    near += [name for name in known if name not in near and wanted and wanted.lower() in name]
    hint = f"Did you mean {' or '.join(near[:3])}?" if near else f"The recipes are {', '.join(known)}."
    raise UsageError(f"There is no recipe named {wanted!r}.", remedy=hint)


def load(wanted: str | Path) -> Recipe:
    """Find and load a recipe by name or path. Raises UsageError or RecipeError."""
    return load_file(wanted if isinstance(wanted, Path) else find(wanted))
