"""Runs at the start of every Python below `sagewizard sandbox exec`: sends AWS clients to the sandbox.

Python imports the first `sitecustomize` on its path; this one stands first, so it looks for the next one and
runs that too. Any Python from 3.8 on must be able to run this folder: standard library only, nothing of the
package.
"""

from __future__ import annotations

import sys

import _sagewizard_redirect  # type: ignore[import-not-found]  # beside this file, and on no other path


def _run_the_next_one() -> None:
    """Run the sitecustomize that this one hides, in its place."""
    import importlib.util
    import os
    from importlib.machinery import PathFinder

    own = os.path.realpath(os.path.dirname(__file__))  # noqa: PTH120 (no pathlib at every start)
    path = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != own]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_sagewizard_redirect.install()
_run_the_next_one()
