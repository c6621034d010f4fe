"""The PyTorch image's defaults for a user's serving script, and what its functions may ask for besides.

Tensors in, plain numbers out: a request in JSON or CSV becomes float32, one in npy keeps its type, and a
reply holds what the tensor's numbers are as Python's floats, so an npy reply is float64. A function that
takes one argument more than it must gets a context, as TorchServe has it.

Torch is imported when one of them is called: a script that has all four functions may need none of it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.payloads import CSV, JSON, media_type
from sagewizard.sandbox.containers.script.handlers import NPY, UnsupportedFormatError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "model.pt"
_ENDINGS = (".pt", ".pth")


class ModelLoadError(Exception):
    """A model file that is no TorchScript."""


def _torch() -> Any:
    return importlib.import_module("torch")


def load(model_dir: str) -> Any:
    """Stand in for a model_fn that is not there: TorchScript in model.pt, or in the only .pt or .pth."""
    path = Path(model_dir) / MODEL
    if not path.exists():
        files = sorted(name for name in os.listdir(model_dir) if name.endswith(_ENDINGS))  # noqa: PTH208
        if len(files) != 1:
            raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {files}")
        path = Path(model_dir) / files[0]
    try:
        return _torch().jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        message = f"Failed to load {path}. Please ensure model is saved using torchscript."
        raise ModelLoadError(message) from error


def read(body: str | bytes, content_type: str) -> Any:
    """Stand in for an input_fn that is not there."""
    if media_type(content_type) not in (JSON, CSV, NPY):
        raise unsupported(content_type)
    return _torch().from_numpy(decode(body, content_type))


def predict(data: Any, model: Any) -> Any:
    """Stand in for a predict_fn that is not there."""
    torch = _torch()
    with torch.no_grad():
        model = model.to("cpu")
        model.eval()
        return model(data.to("cpu"))


def write(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Stand in for an output_fn that is not there; the first type of several that can be written is."""
    if hasattr(prediction, "detach"):  # a tensor
        prediction = prediction.detach().cpu().numpy().tolist()
    for kind in map(str.strip, accept.split(",")):
        if media_type(kind) in (JSON, CSV, NPY):
            return encode(prediction, kind), media_type(kind)
    raise unsupported(accept)


def unsupported(kind: str) -> UnsupportedFormatError:
    """Return the toolkit's error for a media type that it neither reads nor writes; a 500, as all of its."""
    return UnsupportedFormatError(
        f"Content type {kind} is not supported by this framework.\n\n"
        "Please implement input_fn to to deserialize the request data or an output_fn to\n"
        "serialize the response. For more information, see the SageMaker Python SDK README.",
        500,
    )


def reply(result: Any) -> Any:
    """Return what a script's functions answered as it goes out: TorchServe writes other things as JSON."""
    if isinstance(result, str | bytes | bytearray | memoryview | tuple) or hasattr(result, "get_data"):
        return result
    return json.dumps(result, indent=2)


class Context:
    """What a function may ask about its model and the request that it answers."""

    def __init__(self, model_dir: str) -> None:
        self.system_properties = {
            "model_dir": model_dir,
            "gpu_id": None,
            "batch_size": 1,
            "server_name": "MMS",
        }
        self.request: dict[str, str] = {}
        self.response: dict[str, str] = {}

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        """Return the request's Content-Type and Accept."""
        return dict(self.request)

    def get_request_header(self, idx: int, key: str) -> str | None:
        """Return one of the request's headers by its name, in whatever case."""
        return next((text for name, text in self.request.items() if name.lower() == key.lower()), None)

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the type of the reply."""
        self.response["Content-Type"] = value


def with_context(function: Callable[..., Any], number: int, context: Context) -> Callable[..., Any]:
    """Return a function of `number` arguments that gives `function` the context if it takes one more."""

    def call(*arguments: Any) -> Any:
        takes = len(inspect.signature(function).parameters)
        if takes == number:
            return function(*arguments)
        if takes == number + 1:
            return function(*arguments, context)
        raise TypeError(f"{function.__name__} takes {takes} arguments but {number} were given.")

    return call
