"""The model file xgboost-model: written as the image's version does, read without trusting it.

Up to 1.2-2 it is a Python pickle of a Booster, from 1.3-1 on what `Booster.save_model` writes. XGBoost 3.1 no
longer writes the binary format of images before 3.0, so both hold UBJSON here: a pickle is read by
`pickle.load`, a saved model by `Booster.load_model`, with the XGBoost that is installed. What AWS itself has
written in the old form is read by `binary_model`.
"""

from __future__ import annotations

import json
import pickle
import pickletools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.xgb import binary_model, model_check, ubjson
from sagewizard.sandbox.containers.xgb.matrices import plain

if TYPE_CHECKING:
    from pathlib import Path

    from sagewizard.sandbox.containers.xgb.image import Image

NAME = "xgboost-model"
_PROTOCOL = 3
_LARGEST = 4 << 30
_OPCODES = 2_000_000
"""More than a model with a million feature names needs."""
# fmt: off
_HARMLESS = frozenset((
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE", "INT",
    "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "SHORT_BINSTRING",
    "BINSTRING", "STRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8", "UNICODE", "EMPTY_LIST", "APPEND", "APPENDS", "LIST", "EMPTY_TUPLE",
    "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "GET",
    "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL",
    "REDUCE", "BUILD", "NEWOBJ",
))
# fmt: on
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


class ModelError(Exception):
    """A model file that cannot be served; the text is for the log and the caller."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A booster, the features it was trained on, and whether it was pickled: then widths are checked."""

    booster: Any
    features: int
    pickled: bool
    rounds: tuple[int, int]

    @property
    def objective(self) -> str:
        """Name the objective it was trained for."""
        return str(json.loads(self.booster.save_config())["learner"]["objective"]["name"])

    @property
    def classes(self) -> int:
        """How many classes a multi-class model has, 0 for another."""
        learner = json.loads(self.booster.save_config())["learner"]["learner_model_param"]
        return int(learner.get("num_class", 0))


def write(image: Image, booster: Any, path: Path) -> None:
    """Write a model the way the version does; nothing is left of a file that cannot be finished."""
    fresh = path.with_name(f".{path.name}.new")
    if image.pickles_models:
        fresh.write_bytes(pickle.dumps(booster, protocol=_PROTOCOL))
    else:
        fresh.write_bytes(bytes(booster.save_raw("ubj")))
    fresh.replace(path)


def read_all(folder: Path, *, ensemble: bool) -> list[LoadedModel]:
    """Load every model file of a folder, in the order of their names, or only the first of them."""
    names = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not names:
        raise ModelError(f"No valid model file found in {folder}")
    return [read(path) for path in (names if ensemble else names[:1])]


def read(path: Path) -> LoadedModel:
    """Load a model; ModelError with the reasons of both ways to read it."""
    import xgboost

    if path.stat().st_size > _LARGEST:
        raise ModelError(f"Model at {path} cannot be loaded:\nit is larger than {_LARGEST >> 30} GiB")
    data = path.read_bytes()
    booster = xgboost.Booster({"nthread": 1})
    try:
        try:
            handle = bytearray(_handle_of(data))
            pickled = True
        except pickle.UnpicklingError as error:
            reason, handle, pickled = str(error), bytearray(data), False
        booster.load_model(bytearray(_checked(handle)))
    except (xgboost.core.XGBoostError, ModelError) as error:
        first = "" if pickled else f"\n{reason}"
        raise ModelError(f"Model at {path} cannot be loaded:{first}\n{plain(error)}") from None
    booster.set_param({"nthread": 1})
    best = booster.attr("best_iteration")
    rounds = (0, int(best) + 1) if best is not None and best.isdecimal() else (0, 0)
    return LoadedModel(booster, booster.num_features(), pickled, rounds)


def checked_bytes(path: Path) -> bytearray:
    """Read a saved model for `Booster.load_model`; ModelError unless it is sound."""
    return bytearray(_checked(bytearray(path.read_bytes())))


def _checked(data: bytearray) -> bytes:
    """Return a model XGBoost may be given; ModelError says what is wrong with these bytes.

    A pickled state is {"Config": .., "Model": ..}; of that only the model is taken.
    """
    try:
        if data[:1] != b"{":
            document = binary_model.read(data)
        else:
            text = bytes(data[1:2]).strip() in (b'"', b"")
            document = json.loads(data) if text else ubjson.Decoder(data).decode()
        if isinstance(document, dict) and "Model" in document:
            document = document["Model"]
        return ubjson.encode(model_check.sound(document))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"It is no sound XGBoost model: {error}") from None


def _handle_of(data: bytes) -> bytes:
    """Return the bytes inside a pickled Booster; UnpicklingError when it is none, or holds more.

    Two passes: the first looks at the opcodes without running anything, the second runs those that are left
    with stand-ins for the few names a Booster's pickle has.
    """
    if data[:1] not in (b"\x80", b"c"):
        raise pickle.UnpicklingError("it is no pickle")
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > _OPCODES or opcode.name not in _HARMLESS:
                raise pickle.UnpicklingError(f"a model has no use for the opcode {opcode.name}")
            if opcode.name in _PUTS and isinstance(argument, int) and argument > _OPCODES:
                raise pickle.UnpicklingError(f"a model has no memo entry {argument}")
        found = _Unpickler(data).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        raise pickle.UnpicklingError(f"it is no pickle of a Booster: {repr(error)[:200]}") from None
    state = found.state if isinstance(found, _Booster) else None
    handle = state.get("handle") if isinstance(state, dict) else None
    if not isinstance(handle, bytes | bytearray) or not handle:
        raise pickle.UnpicklingError("it is no pickle of a trained Booster")
    return bytes(handle)


class _Booster:
    """Stands for xgboost.core.Booster: it keeps its state and does nothing."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _StandIn:
    """Stands for a function that a Booster's pickle calls; it has no attribute that could be changed."""

    __slots__ = ("_name",)
    _name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError("a stand-in cannot be changed")

    def __call__(self, *arguments: Any) -> Any:
        """Do what the function does, with the arguments that a Booster's pickle gives."""
        if self._name == "copyreg._reconstructor" and arguments[:1] == (_Booster,):
            return _Booster()
        if self._name == "builtins.bytearray" and len(arguments) <= 2:
            first = arguments[0] if arguments else b""
            if isinstance(first, bytes) and len(arguments) < 2:
                return first
            if isinstance(first, str) and arguments[1:] in (("latin-1",), ("latin1",)):
                return first.encode("latin-1")
        if self._name == "_codecs.encode" and len(arguments) == 2 and isinstance(arguments[0], str):
            return arguments[0].encode("latin-1")
        raise pickle.UnpicklingError(f"a model has no use for {self._name} with these arguments")


_NAMES: dict[tuple[str, str], Any] = {
    ("xgboost.core", "Booster"): _Booster,
    ("builtins", "bytearray"): _StandIn("builtins.bytearray"),
    ("__builtin__", "bytearray"): _StandIn("builtins.bytearray"),
    ("copyreg", "_reconstructor"): _StandIn("copyreg._reconstructor"),
    ("copy_reg", "_reconstructor"): _StandIn("copyreg._reconstructor"),
    ("builtins", "object"): _StandIn("builtins.object"),
    ("__builtin__", "object"): _StandIn("builtins.object"),
    ("_codecs", "encode"): _StandIn("_codecs.encode"),
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        import io

        # Strings of Python 2 are bytes, and latin1 keeps them.
        super().__init__(io.BytesIO(data), encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"a model has no use for {module}.{name}")
        return found
