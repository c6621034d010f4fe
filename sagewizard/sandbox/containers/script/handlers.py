"""The functions a user's serving script may have, and the toolkit's defaults for those it has not.

    model_fn(model_dir)                     loads the model; scikit-learn and XGBoost have no default for it
    input_fn(body, content_type)            body is text for JSON and CSV, bytes for everything else
    predict_fn(data, model)                 default: model.predict(data)
    output_fn(prediction, accept)           returns the body, or (body, content type)
    transform_fn(model, body, content_type, accept)   in the place of the last three

Defaults read and write application/x-npy, text/csv and application/json; what came as text becomes float32.
XGBoost's read text/csv, text/libsvm and RecordIO as a DMatrix; PyTorch's are in `torch_defaults`.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sagewizard.sandbox.containers.payloads import CSV, JSON, media_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

NPY = "application/x-npy"
TEXTS = (JSON, CSV)
_SEVERAL = (
    "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn "
    "implementation"
)


class UnsupportedFormatError(Exception):
    """A content type the defaults do not read (415), or an accept type they do not write (406)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class PayloadFormatError(ValueError):
    """A request body that is not what its content type says."""


def decode(body: str | bytes, content_type: str) -> Any:
    """Read a request body as the toolkit's default does; CSV of one row is an array of one dimension."""
    media = media_type(content_type)
    try:
        if media == NPY:
            raw = body if isinstance(body, bytes) else body.encode("latin-1")
            return np.load(io.BytesIO(raw), allow_pickle=False)
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
        if media == JSON:
            return np.array(json.loads(text)).astype(np.float32)
        if media == CSV:
            return np.genfromtxt(io.StringIO(text), delimiter=",").astype(np.float32)
    except (ValueError, TypeError, EOFError, RecursionError) as error:
        raise PayloadFormatError(f"The body cannot be read as {media}: {error}") from None
    raise UnsupportedFormatError(f"Content type {content_type} is not supported by this framework.", 415)


def encode(prediction: Any, accept: str) -> bytes:
    """Write a prediction as the toolkit's default does."""
    media = media_type(accept)
    if media == NPY:
        buffer = io.BytesIO()
        np.save(buffer, np.asarray(prediction), allow_pickle=False)
        return buffer.getvalue()
    if media == JSON:
        return json.dumps(prediction, default=_plain).encode()
    if media == CSV:
        stream = io.StringIO()
        np.savetxt(stream, np.atleast_1d(np.asarray(prediction)), delimiter=",", fmt="%s")
        return stream.getvalue().encode()
    raise UnsupportedFormatError(f"Accept type {accept} is not supported by this framework.", 406)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def no_model_fn(model_dir: str) -> Any:
    """Stand in for a model_fn that is not there."""
    raise NotImplementedError("Please provide a model_fn implementation. It loads the model from model_dir.")


def predict(data: Any, model: Any) -> Any:
    """Predict as the default does."""
    return model.predict(data)


@dataclass(frozen=True, slots=True)
class Handlers:
    """The four functions in force; `transform` takes (model, body, content type, accept)."""

    load: Callable[[str], Any]
    transform: Callable[[Any, Any, str, str], Any]


def of(module: ModuleType, framework: str, model_dir: str = "") -> Handlers:
    """Return a script's handlers with the framework's defaults; ValueError when they exclude each other."""
    chosen: dict[str, Callable[..., Any]] = {
        name: getattr(module, name, default) for name, default in _defaults(framework).items()
    }
    whole = getattr(module, "transform_fn", None)
    if whole is not None and any(hasattr(module, name) for name in list(chosen)[1:]):
        raise ValueError(_SEVERAL)
    if framework == "pytorch":
        return _of_torch(module, chosen, whole, model_dir)
    return Handlers(chosen["model_fn"], whole or _in_turn(*list(chosen.values())[1:]))


def _in_turn(
    read: Callable[..., Any], answer: Callable[..., Any], write: Callable[..., Any]
) -> Callable[[Any, Any, str, str], Any]:
    def transform(model: Any, body: Any, content_type: str, accept: str) -> Any:
        return write(answer(read(body, content_type), model), accept)

    return transform


def _of_torch(
    module: ModuleType,
    chosen: Mapping[str, Callable[..., Any]],
    whole: Callable[..., Any] | None,
    model_dir: str,
) -> Handlers:
    """Return handlers that give a context to those that take it, pre_model_fn and model_warmup_fn too."""
    from sagewizard.sandbox.containers.script.torch_defaults import Context, reply, with_context

    context = Context(model_dir)
    load, *three = (
        with_context(function, 1 if name == "model_fn" else 2, context) for name, function in chosen.items()
    )
    before, after = (getattr(module, name, None) for name in ("pre_model_fn", "model_warmup_fn"))
    transform = with_context(whole, 4, context) if whole is not None else _in_turn(*three)

    def load_all(folder: str) -> Any:
        if before is not None:
            with_context(before, 1, context)(folder)
        model = load(folder)
        if after is not None:
            with_context(after, 2, context)(folder, model)
        return model

    def answer(model: Any, body: Any, content_type: str, accept: str) -> Any:
        context.request = {"Content-Type": content_type, "Accept": accept}
        context.response = {}
        found = reply(transform(model, body, content_type, accept))
        kind = context.response.get("Content-Type")
        return (found, kind) if kind is not None and not isinstance(found, tuple) else found

    return Handlers(load_all, answer)


def _defaults(framework: str) -> dict[str, Callable[..., Any]]:
    functions: tuple[Callable[..., Any], ...]
    if framework == "pytorch":
        from sagewizard.sandbox.containers.script import torch_defaults

        functions = (torch_defaults.load, torch_defaults.read, torch_defaults.predict, torch_defaults.write)
    elif framework == "xgboost":
        from sagewizard.sandbox.containers.script import xgboost_defaults

        functions = (no_model_fn, xgboost_defaults.read, xgboost_defaults.predict, encode)
    else:
        functions = (no_model_fn, decode, predict, encode)
    return dict(zip(("model_fn", "input_fn", "predict_fn", "output_fn"), functions, strict=True))


def reply_of(result: Any, accept: str) -> tuple[bytes, str]:
    """Return body and content type of what output_fn or transform_fn answered; TypeError for other things.

    A dictionary is answered as the images' web framework, Flask 1.1, answers one: as JSON with sorted keys.
    """
    content_type = media_type(accept)
    if isinstance(result, tuple) and len(result) == 2:
        result, content_type = result
    elif hasattr(result, "get_data"):  # a flask or werkzeug Response
        content_type = getattr(result, "mimetype", None) or content_type
        result = result.get_data()
    if isinstance(result, dict):
        return json.dumps(result, sort_keys=True, separators=(",", ":")).encode() + b"\n", JSON
    if isinstance(result, str):
        return result.encode(), str(content_type)
    if isinstance(result, bytes | bytearray | memoryview):
        return bytes(result), str(content_type)
    raise TypeError(
        f"output_fn must return text, bytes or a dictionary, or a pair with the content type; it returned a "
        f"{type(result).__name__}."
    )
