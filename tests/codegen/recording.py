"""Runs a script and writes each AWS call it makes as a JSON line: service, operation, parameters.

python recording.py CALLS SCRIPT
"""

import io
import json
import runpy
import sys
from pathlib import Path


def record(client_class, calls):
    """Patch botocore's client class so that `calls` gets a tuple for every call; return a way back."""
    original = client_class._make_api_call

    def called(self, operation, parameters):
        calls.append((self.meta.service_model.service_name, operation, plain(parameters)))
        return original(self, operation, parameters)

    client_class._make_api_call = called

    def undo():
        client_class._make_api_call = original

    return undo


def plain(value):
    """Return parameters as JSON has them; a stream as nothing, since it can be read only once."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, io.BytesIO):
        return None
    return None if hasattr(value, "read") else str(value)


if __name__ == "__main__":
    from botocore.client import BaseClient

    target, script = Path(sys.argv[1]), sys.argv[2]
    seen = []
    record(BaseClient, seen)
    sys.argv = [script]
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        target.write_text("".join(json.dumps(call) + "\n" for call in seen), encoding="utf-8")
