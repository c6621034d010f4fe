"""The process that serves with a user's functions; `serve.py` starts it where the model stands at /opt/ml."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers import serving
from sagewizard.sandbox.containers.contract import base_folder
from sagewizard.sandbox.containers.payloads import JSON, media_type
from sagewizard.sandbox.containers.script import handlers, model_builder
from sagewizard.sandbox.containers.serving import Reply, error_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE_VARIABLE, PROGRAM_VARIABLE, FRAMEWORK_VARIABLE = (
    "SAGEWIZARD_CODE",
    "SAGEMAKER_PROGRAM",
    "SAGEWIZARD_FRAMEWORK",
)


TRY_VARIABLE = "SAGEWIZARD_TRY"
MODULE_IS_MISSING = 75  # the exit code when something cannot be imported, and it was only to be tried


class ScriptApplication:
    """Answers requests with the functions of a script, one request at a time as a worker of the toolkit."""

    def __init__(self, script: handlers.Handlers, model: Any) -> None:
        self.script, self.model = script, model
        self._lock = threading.Lock()

    def ping(self) -> bool:
        """Answer that the model is loaded."""
        return True

    def execution_parameters(self) -> Mapping[str, Any]:
        """Tell batch transform how to call: one request at a time."""
        return {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}

    def invoke(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Predict for a request; an error of the user's code is a 500 with its text, and is logged whole."""
        accept = JSON if accept in ("", "*/*") else accept.split(",")[0].strip()
        try:
            text = body.decode("utf-8") if media_type(content_type) in handlers.TEXTS else body
            with self._lock:
                result = self.script.transform(self.model, text, content_type, accept)
            data, kind = handlers.reply_of(result, accept)
        except handlers.UnsupportedFormatError as error:
            return error_reply(error.status, str(error))
        except (handlers.PayloadFormatError, UnicodeDecodeError) as error:
            return error_reply(400, str(error))
        except Exception as error:
            sys.stdout.write(f"Exception on /invocations [POST]\n{traceback.format_exc()}")
            sys.stdout.flush()
            return error_reply(500, f"{type(error).__name__}: {error}")
        return Reply(200, kind, data)


def load(environ: Mapping[str, str]) -> ScriptApplication:
    """Import the script, load the model with its model_fn; whatever they raise goes through.

    Where there is no script, the framework's own functions are all.
    """
    program, code = environ[PROGRAM_VARIABLE], Path(environ[CODE_VARIABLE])
    sys.path.insert(0, str(code))
    model_builder.provide(code)
    if (code / program).is_file():
        module = importlib.import_module(program.removesuffix(".py").replace("/", "."))
    else:
        module = ModuleType("inference")
    script = handlers.of(module, environ[FRAMEWORK_VARIABLE])
    model = script.load(str(base_folder(environ) / "model"))
    return ScriptApplication(script, model)


def main() -> int:
    """Serve until told to stop; MODULE_IS_MISSING where that was asked for and an import fails."""

    def loaded() -> ScriptApplication:
        if isinstance(found, Exception):
            raise found
        return found

    found: ScriptApplication | Exception
    try:
        found = load(os.environ)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and os.environ.get(TRY_VARIABLE):
            sys.stdout.write(f"Sandbox: {error}; requirements.txt is installed.\n")
            sys.stdout.flush()
            return MODULE_IS_MISSING
        found = error
    return serving.serve(loaded)


if __name__ == "__main__":
    sys.exit(main())
