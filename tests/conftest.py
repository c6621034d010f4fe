"""What every test stands on: generated cases are the same in each run, and none fails for being slow.

A process of tests reads what botocore knows of a service once: each of some hundred clients would read it
again, a tenth of a second of work for SageMaker's.
"""

from __future__ import annotations

import functools

from botocore.loaders import JSONFileLoader
from hypothesis import settings

# Without derandomize a case that only a rare example breaks would stop an unrelated change; a deadline would
# do the same on a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

_read = functools.lru_cache(maxsize=None)(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
JSONFileLoader.load_file = lambda _self, file_path: _read(file_path)
