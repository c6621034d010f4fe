"""Reads the binary model format of XGBoost before 3.1 into the document of its model schema.

All numbers are little-endian. The layout is that of the C++ structs as versions 0.7 to 3.0 wrote them:

    ["binf"]  136 bytes of the learner  objective: text  booster: text  the booster  [attributes]
    gbtree    160 bytes, the number of trees first; the trees; an int32 a tree, the class it belongs to
    tree      148 bytes, the number of nodes second; 20 bytes a node; 16 bytes of statistics a node
    dart      a gbtree, then the weights of its trees
    gblinear  136 bytes, then the weights
    text      a uint64, its length, and as many bytes; lists of anything are written the same way

A pickle of 1.0 and later may have "CONFIG-offset:" and the length of the model before it.
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PICKLED = b"CONFIG-offset:"
_LEARNER = struct.Struct("<fIiiiII108x")
_TREES = struct.Struct("<i156x")
_TREE = struct.Struct("<ii140x")
_LINEAR_BYTES = 136
_NODE = np.dtype([("parent", "<u4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
_STATISTICS = np.dtype([("loss", "<f4"), ("hessian", "<f4"), ("weight", "<f4"), ("leaves", "<i4")])
_HIGHEST_BIT = np.uint32(1 << 31)
_DELETED = np.uint32(0xFFFFFFFF)
_RENAMED = {"reg:linear": "reg:squarederror"}
_MOST_ATTRIBUTES = 100_000
_RAW_BASE_IS_RAW = (1, 3)  # from here on the base score of logitraw is no probability any more
# What a booster keeps among its attributes that is none of them.
_NO_ATTRIBUTES = ("SAVED_PARAM_", "objective", "metrics", "count_poisson_max_delta_step")


class BinaryModelError(ValueError):
    """Bytes that are no model in this format; the text says where."""


def read(data: bytes | bytearray) -> dict[str, Any]:
    """Return the model that these bytes are, for `model_check`; BinaryModelError when they are none."""
    try:
        return _Reader(bytes(data)).model()
    except (struct.error, UnicodeDecodeError, OverflowError) as error:
        raise BinaryModelError(f"the binary model breaks off or is damaged ({error})") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        if data.startswith(_PICKLED):
            self.at = len(_PICKLED) + 8
        if data.startswith(b"binf", self.at):
            self.at += 4

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise BinaryModelError(f"the binary model breaks off at byte {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def fields(self, form: struct.Struct) -> tuple[Any, ...]:
        return form.unpack(self.take(form.size))

    def array(self, kind: np.dtype[Any] | str, count: int | None = None) -> NDArray[Any]:
        form = np.dtype(kind)
        count = self.length() if count is None else count
        return np.frombuffer(self.take(count * form.itemsize), form)

    def length(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def text(self) -> str:
        return self.take(self.length()).decode()

    def model(self) -> dict[str, Any]:
        base, features, classes, has_attributes, _, major, minor = self.fields(_LEARNER)
        objective, booster = self.text(), self.text()
        made = self.booster(booster, features)
        attributes = self.attributes() if has_attributes else {}
        if major == 0:
            base = _to_output(objective, base)
        elif objective == "binary:logitraw" and (major, minor) < _RAW_BASE_IS_RAW and 0 < base < 1:
            base = math.log(base / (1 - base))
        return {
            "learner": {
                "attributes": {
                    name: value for name, value in attributes.items() if not name.startswith(_NO_ATTRIBUTES)
                },
                "gradient_booster": made,
                "learner_model_param": {
                    "base_score": repr(float(base)),
                    "num_class": classes,
                    "num_feature": features,
                },
                "objective": _objective(objective, classes, attributes),
            },
            # What XGBoost translates of older versions was translated here; it warns of anything before 1.6.
            "version": [1, 6, 0],
        }

    def attributes(self) -> dict[str, str]:
        count = self.length()
        if count > _MOST_ATTRIBUTES:
            raise BinaryModelError("the binary model has too many attributes")
        return {self.text(): self.text() for _ in range(count)}

    def booster(self, name: str, features: int) -> dict[str, Any]:
        if name == "gblinear":
            self.take(_LINEAR_BYTES)
            return {"name": name, "model": {"weights": self.array("<f4")}}
        if name not in ("gbtree", "dart"):
            raise BinaryModelError(f"the binary model has the unknown booster {name[:40]!r}")
        (count,) = self.fields(_TREES)
        trees = [self.tree(features) for _ in range(count)]
        model = {
            "gbtree_model_param": {"num_trees": count},
            "tree_info": self.array("<i4", count),
            "trees": trees,
        }
        if name == "gbtree":
            return {"name": name, "model": model}
        weights = self.array("<f4") if count else np.empty(0, "<f4")
        return {"name": name, "gbtree": {"name": "gbtree", "model": model}, "weight_drop": weights}

    def tree(self, features: int) -> dict[str, Any]:
        _, count = self.fields(_TREE)
        nodes, statistics = self.array(_NODE, count), self.array(_STATISTICS, count)
        leaf = (nodes["left"] == -1) | (nodes["split"] == _DELETED)
        return {
            "base_weights": statistics["weight"],
            "default_left": ((nodes["split"] & _HIGHEST_BIT) != 0).astype("u1"),
            "left_children": np.where(leaf, -1, nodes["left"]),
            "loss_changes": statistics["loss"],
            "parents": (nodes["parent"] & ~_HIGHEST_BIT).astype("<i4"),
            "right_children": np.where(leaf, -1, nodes["right"]),
            "split_conditions": nodes["value"],
            "split_indices": np.where(leaf, 0, nodes["split"] & ~_HIGHEST_BIT).astype("<i4"),
            "split_type": np.zeros(count, "u1"),
            "sum_hessian": statistics["hessian"],
            "tree_param": {"num_nodes": count, "num_feature": features},
        }


def _to_output(objective: str, margin: float) -> float:
    """Turn the base score of a model before 1.0, which is a margin, into the output it stands for."""
    if objective in ("binary:logistic", "reg:logistic"):
        return 1 / (1 + math.exp(-margin))
    if objective in ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox"):
        return math.exp(margin)
    return margin


def _objective(name: str, classes: int, attributes: dict[str, str]) -> dict[str, Any]:
    """Return what the model says of its objective, or what the installed XGBoost says of it by default."""
    try:
        kept = json.loads(attributes["objective"])
    except (KeyError, ValueError):
        kept = None
    if isinstance(kept, dict) and kept.get("name") in (name, _RENAMED.get(name)):
        return kept
    import xgboost

    parameters = {"objective": _RENAMED.get(name, name), "num_class": classes, "num_feature": 1}
    try:
        config = json.loads(xgboost.Booster(parameters).save_config())
    except xgboost.core.XGBoostError as error:
        raise BinaryModelError(f"the objective {name[:60]!r} is unknown ({str(error)[:100]})") from None
    found: dict[str, Any] = config["learner"]["objective"]
    return found
