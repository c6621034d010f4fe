"""Owns what the code that ModelBuilder of SDK 3 packs with a model finds where that SDK is not installed.

ModelBuilder puts an `inference.py` of the SDK's and a `serve.pkl` into the archive: an InferenceSpec or a
model, and the SchemaBuilder that reads requests and writes replies. Both name classes of that version, half a
gigabyte when it is installed. These are as much of them as serving needs: attributes come out of the pickle,
so only what is called is here.
"""

from __future__ import annotations

import abc
import codecs
import csv
import enum
import hashlib
import hmac
import importlib
import io
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

PICKLE = "serve.pkl"
_SCRIPT, _ONLY_IN_3 = "inference.py", b"sagemaker.serve.constants"
_PACKAGE = "sagemaker-serve"  # on the index, the part of SDK 3 that these names belong to


def packed(code: Path) -> bool:
    """Tell whether ModelBuilder of SDK 3 packed a model's code."""
    try:
        return (code / PICKLE).is_file() and _ONLY_IN_3 in (code / _SCRIPT).read_bytes()
    except OSError:
        return False


def provide(code: Path) -> bool:
    """Let a model's code import these, if ModelBuilder of SDK 3 packed it and that SDK is not installed."""
    if not packed(code):
        return False
    try:
        version(_PACKAGE)
    except PackageNotFoundError:
        sys.modules.update(_modules())
        return True
    return False


class InferenceSpec(abc.ABC):
    """What a person derives from to load a model and to predict with it."""

    @abc.abstractmethod
    def load(self, model_dir: str) -> Any:
        """Load the model from a folder."""

    @abc.abstractmethod
    def invoke(self, input_object: Any, model: Any) -> Any:
        """Predict for what was read from a request."""

    def preprocess(self, input_data: Any) -> Any:  # noqa: B027 (it need not be there)
        """Change what was read; None leaves it as it is."""

    def postprocess(self, predictions: Any) -> Any:  # noqa: B027 (it need not be there)
        """Change what was predicted; None leaves it as it is."""

    def prepare(self, *args: Any, **options: Any) -> Any:  # noqa: B027 (it need not be there)
        """Do nothing: it is for the time of building."""

    def get_model(self) -> Any:  # noqa: B027 (it need not be there)
        """Name no model of a hub."""


class CustomPayloadTranslator(abc.ABC):
    """What a person derives from to read requests or to write replies."""

    def __init__(self, content_type: str = "application/custom", accept_type: str = "application/custom"):
        self._content_type, self._accept_type = content_type, accept_type

    @abc.abstractmethod
    def serialize_payload_to_bytes(self, payload: Any) -> bytes:
        """Write a payload."""

    @abc.abstractmethod
    def deserialize_payload_from_stream(self, stream: Any) -> Any:
        """Read a payload."""

    def serialize(self, payload: Any, content_type: str = "") -> bytes:
        """Write a payload, of whatever type."""
        return self.serialize_payload_to_bytes(payload)

    def deserialize(self, stream: Any, content_type: str = "") -> Any:
        """Read a payload, of whatever type."""
        return self.deserialize_payload_from_stream(stream)


class Framework(enum.Enum):
    """The frameworks whose models ModelBuilder saves in a form of their own; values are the SDK's."""

    XGBOOST = "XGBoost"
    LDA = "LDA"
    PYTORCH = "PyTorch"
    TENSORFLOW = "TensorFlow"
    MXNET = "MXNet"
    CHAINER = "Chainer"
    SKLEARN = "SKLearn"
    HUGGINGFACE = "HuggingFace"
    DJL = "DJL"
    SPARKML = "SparkML"
    NTM = "NTM"
    SMD = "SMD"


class SchemaBuilder:
    """Holds the (de)serializers that the sample input and output led to."""


class DeserializerWrapper:
    """Reads with the type that its deserializer was made for, whatever a request says of itself."""

    _deserializer: Any
    _accept: Any

    def deserialize(self, stream: Any, content_type: str | None = None) -> Any:
        """Read a request's body."""
        return self._deserializer.deserialize(stream, self._accept[0])


class NumpySerializer:
    """Writes npy."""

    dtype: Any = None

    def serialize(self, data: Any) -> bytes:
        """Write an array, or what can become one."""
        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, data if isinstance(data, np.ndarray) else np.array(data, self.dtype))
        return buffer.getvalue()


class JSONSerializerWrapper:
    """Writes JSON; arrays become lists."""

    def serialize(self, data: Any) -> bytes:
        """Write anything that JSON can say."""
        return json.dumps(data, default=lambda value: value.tolist()).encode()


class CSVSerializerWrapper:
    """Writes CSV without a header."""

    def serialize(self, data: Any) -> bytes:
        """Write a data frame, rows, one row, or text."""
        if hasattr(data, "to_csv"):
            return str(data.to_csv(header=False, index=False)).encode()
        if isinstance(data, str):
            return data.encode()
        rows = data if len(data) > 0 and hasattr(data[0], "__iter__") else [data]
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(rows)
        return buffer.getvalue().rstrip("\n").encode()


class DataSerializer:
    """Passes bytes on."""

    def serialize(self, data: Any) -> bytes:
        """Pass bytes on, or those of a dictionary's `data`."""
        return bytes(data["data"] if isinstance(data, dict) else data)


class StringSerializer:
    """Writes text."""

    def serialize(self, data: Any) -> bytes:
        """Write text as UTF-8."""
        return str(data).encode()


class TorchTensorSerializer:
    """Writes a tensor as npy."""

    def serialize(self, data: Any) -> bytes:
        """Write a tensor."""
        return NumpySerializer().serialize(data.detach().numpy())


class StringDeserializer:
    """Reads text."""

    encoding = "UTF-8"

    def deserialize(self, stream: Any, content_type: str) -> str:
        """Read text."""
        return str(stream.read().decode(self.encoding))


class BytesDeserializer:
    """Reads bytes."""

    def deserialize(self, stream: Any, content_type: str) -> bytes:
        """Read bytes."""
        return bytes(stream.read())


class JSONDeserializer:
    """Reads JSON."""

    def deserialize(self, stream: Any, content_type: str) -> Any:
        """Read JSON."""
        return json.load(codecs.getreader("utf-8")(stream))


class NumpyDeserializer:
    """Reads an array from npy, CSV or JSON."""

    dtype: Any = None

    def deserialize(self, stream: Any, content_type: str) -> Any:
        """Read an array; arrays of objects, which are pickles, are refused."""
        import numpy as np

        if content_type == "text/csv":
            return np.genfromtxt(codecs.getreader("utf-8")(stream), delimiter=",", dtype=self.dtype)
        if content_type == "application/json":
            return np.array(json.load(codecs.getreader("utf-8")(stream)), dtype=self.dtype)
        return np.load(io.BytesIO(stream.read()), allow_pickle=False)


class PandasDeserializer:
    """Reads a data frame from CSV or JSON."""

    def deserialize(self, stream: Any, content_type: str) -> Any:
        """Read a data frame."""
        import pandas as pd

        return pd.read_json(stream) if content_type == "application/json" else pd.read_csv(stream)


class TorchTensorDeserializer:
    """Reads a tensor from npy."""

    def deserialize(self, stream: Any, content_type: str) -> Any:
        """Read a tensor."""
        return importlib.import_module("torch").from_numpy(NumpyDeserializer().deserialize(stream, "npy"))


def perform_integrity_check(buffer: bytes, metadata_path: Path) -> None:
    """Compare the pickle with the checksum beside it; ValueError when they differ, or there is none."""
    if not Path(metadata_path).exists():
        raise ValueError("Path to metadata.json does not exist")
    expected = json.loads(Path(metadata_path).read_bytes()).get("sha256_hash") or ""
    if not hmac.compare_digest(expected, hashlib.sha256(buffer).hexdigest()):
        raise ValueError("Integrity check for the serialized function or data failed.")


def base_of(model: Any) -> type:
    """Return the class that says which framework a model is of."""
    kind = type(model)
    above = kind.__base__ or kind
    return kind if "xgboost" in kind.__module__ or above is object else above


def framework_and_version(model_base: str) -> tuple[str, str]:
    """Return the framework a class belongs to by its name; the version is not asked for while serving."""
    known = {
        "torch": "pytorch",
        "xgb": "xgboost",
        "keras": "tensorflow",
        "tensorflow": "tensorflow",
        "sklearn": "sklearn",
    }
    return next((name for part, name in known.items() if part in model_base), ""), ""


def load_xgboost_from_json(model_save_path: str, class_name: str) -> Any:
    """Load the model that ModelBuilder saved from an XGBoost object, by the full name of its class."""
    module, _, name = class_name.rpartition(".")
    model = getattr(importlib.import_module(module), name)()
    model.load_model(model_save_path)
    return model


def _modules() -> dict[str, ModuleType]:
    """Return the modules of the SDK that the packed code and its pickle name."""
    serializers = [NumpySerializer, DataSerializer, StringSerializer, TorchTensorSerializer]
    deserializers = [
        StringDeserializer, BytesDeserializer, JSONDeserializer, NumpyDeserializer, PandasDeserializer,
        TorchTensorDeserializer,
    ]  # fmt: skip
    wrappers = [SchemaBuilder, DeserializerWrapper, JSONSerializerWrapper, CSVSerializerWrapper]
    contents: dict[str, dict[str, Any]] = {
        "serve.spec.inference_spec": _named(InferenceSpec),
        "serve.marshalling.custom_payload_translator": _named(CustomPayloadTranslator),
        "serve.builder.schema_builder": _named(*wrappers),
        "serve.constants": _named(Framework),
        "serve.validations.check_integrity": _named(perform_integrity_check),
        "serve.detector.image_detector": {
            "_get_model_base": base_of,
            "_detect_framework_and_version": framework_and_version,
        },
        "serve.detector.pickler": _named(load_xgboost_from_json),
        "core.serializers.base": _named(*serializers),
        "core.deserializers.base": _named(*deserializers),
    }
    made: dict[str, ModuleType] = {}
    for path, names in contents.items():
        parts = ["sagemaker", *path.split(".")]
        for end in range(1, len(parts) + 1):
            name = ".".join(parts[:end])
            module = made.setdefault(name, ModuleType(name, "Stands in for version 3 of the SageMaker SDK."))
            if end < len(parts):
                module.__path__ = []
            if end > 1:
                setattr(made[".".join(parts[: end - 1])], parts[end - 1], module)
        made[".".join(parts)].__dict__.update(names)
    return made


def _named(*things: Any) -> dict[str, Any]:
    return {thing.__name__: thing for thing in things}
