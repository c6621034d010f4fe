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
    from types import TracebackType

CODE_VARIABLE, PROGRAM_VARIABLE, FRAMEWORK_VARIABLE = (
    "SAGEWIZARD_CODE",
    "SAGEMAKER_PROGRAM",
    "SAGEWIZARD_FRAMEWORK",
)


_PACKAGE = Path(__file__).resolve().parents[3]
TRY_VARIABLE = "SAGEWIZARD_TRY"
MODULE_IS_MISSING = 75  # the exit code when something cannot be imported, and it was only to be tried


class ScriptApplication:
    """Answers requests with the functions of a script, one request at a time as a worker of the toolkit.

    With `torchserve` every error is a 500 with its text and traceback, as TorchServe answers in PyTorch's
    image; otherwise a body that cannot be read is a 400, and the traceback is in the log only.
    """

    def __init__(self, script: handlers.Handlers, model: Any, *, torchserve: bool = False) -> None:
        self.script, self.model, self.torchserve = script, model, torchserve
        self._lock = threading.Lock()

    def ping(self) -> bool:
        """Answer that the model is loaded."""
        return True

    def execution_parameters(self) -> Mapping[str, Any]:
        """Tell batch transform how to call: one request at a time."""
        return {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}

    def invoke(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Predict for a request; an error of the user's code is a 500 with its text, and is logged whole."""
        if accept in ("", "*/*"):
            accept = JSON
        elif not self.torchserve:
            accept = accept.split(",")[0].strip()
        try:
            text = body.decode("utf-8") if media_type(content_type) in handlers.TEXTS else body
            with self._lock:
                result = self.script.transform(self.model, text, content_type, accept)
            data, kind = handlers.reply_of(result, accept)
        except Exception as error:
            return self._error(error)
        return Reply(200, kind, data)

    def _error(self, error: Exception) -> Reply:
        if not self.torchserve:
            if isinstance(error, handlers.UnsupportedFormatError):
                return error_reply(error.status, str(error))
            if isinstance(error, handlers.PayloadFormatError | UnicodeDecodeError):
                return error_reply(400, str(error))
        trace = "".join(traceback.format_exception(type(error), error, _of_the_script(error.__traceback__)))
        sys.stdout.write(f"Exception on /invocations [POST]\n{trace}")
        sys.stdout.flush()
        return error_reply(
            500, f"{error}\n{trace}" if self.torchserve else f"{type(error).__name__}: {error}"
        )


def _of_the_script(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the calls in this package that led to somebody else's code."""
    while trace is not None and Path(trace.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE):
        trace = trace.tb_next
    return trace


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
    framework, model_dir = environ[FRAMEWORK_VARIABLE], str(base_folder(environ) / "model")
    script = handlers.of(module, framework, model_dir)
    return ScriptApplication(script, script.load(model_dir), torchserve=framework == "pytorch")


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
