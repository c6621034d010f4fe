"""What every test stands on: generated cases are the same in each run, and none fails for being slow."""

from __future__ import annotations

from hypothesis import settings

# Without derandomize a case that only a rare example breaks would stop an unrelated change; a deadline would
# do the same on a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
