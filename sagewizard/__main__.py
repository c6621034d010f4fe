"""Makes `python -m sagewizard` the same as `sagewizard`."""

from __future__ import annotations

import sys

from sagewizard.cli import main

if __name__ == "__main__":
    sys.exit(main())
