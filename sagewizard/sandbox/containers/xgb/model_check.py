"""Takes a decoded XGBoost model apart, checks every part, and puts together what XGBoost may be given.

XGBoost follows the indices of a model without looking and believes the types of its members, so a model that
was damaged, or made on purpose, reads memory that is not its own. The result holds the known members only,
each of its own type, with every index inside its array and every tree a tree. The layout is that of XGBoost's
model schema (doc/model.schema).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TREE = {
    "base_weights": ">f4",
    "default_left": "u1",
    "left_children": ">i4",
    "loss_changes": ">f4",
    "parents": ">i4",
    "right_children": ">i4",
    "split_conditions": ">f4",
    "split_indices": ">i4",
    "split_type": "u1",
    "sum_hessian": ">f4",
}
_CATEGORIES = {
    "categories": ">i4",
    "categories_nodes": ">i4",
    "categories_segments": ">i8",
    "categories_sizes": ">i8",
}
_MOST = (1 << 31) - 1
_MOST_CATEGORIES = 1 << 24
_BASE_SCORE = re.compile(r"\[?[-+0-9.eE]{1,40}(,[-+0-9.eE]{1,40})*\]?")
_NAME = re.compile(r"[a-z0-9_:]{1,64}")


class ModelCheckError(ValueError):
    """A model that contradicts itself; the text says where."""


def sound(document: Any) -> dict[str, Any]:
    """Return the model as XGBoost writes it; ModelCheckError unless it can be predicted with."""
    try:
        return _model(document)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        kind = type(error).__name__
        raise ModelCheckError(f"it is no XGBoost model ({kind}: {str(error)[:100]})") from None
    except (ValueError, OverflowError) as error:
        if isinstance(error, ModelCheckError):
            raise
        raise ModelCheckError(f"it is no XGBoost model ({str(error)[:100]})") from None


def _model(document: Any) -> dict[str, Any]:
    learner = document["learner"]
    given = learner["learner_model_param"]
    features, classes = _count(given["num_feature"]), _count(given["num_class"])
    targets = _count(given.get("num_target", 1))
    base = str(given["base_score"])
    if not _BASE_SCORE.fullmatch(base):
        raise ModelCheckError("the base score is no number")
    outputs = max(classes, 1) * max(targets, 1)
    parameters = {
        "base_score": base,
        "boost_from_average": str(_count(given.get("boost_from_average", 1))),
        "num_class": str(classes),
        "num_feature": str(features),
        "num_target": str(targets),
    }
    names = [str(name) for name in learner.get("feature_names", [])]
    kinds = [str(name) for name in learner.get("feature_types", [])]
    if (names and len(names) != features) or (kinds and len(kinds) != features):
        raise ModelCheckError("there are names for another number of features")
    objective = learner["objective"]
    return {
        "learner": {
            "attributes": _texts(learner.get("attributes", {})),
            "feature_names": names,
            "feature_types": kinds,
            "gradient_booster": _booster(learner["gradient_booster"], features, outputs),
            "learner_model_param": parameters,
            "objective": {
                "name": _named(objective["name"]),
                **{_named(name): _texts(value) for name, value in objective.items() if name != "name"},
            },
        },
        "version": [_count(part) for part in list(document["version"])[:3]],
    }


def _count(value: Any) -> int:
    number = int(value)
    if not 0 <= number <= _MOST:
        raise ModelCheckError(f"{str(value)[:20]} is no count")
    return number


def _named(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ModelCheckError(f"there is nothing named {str(value)[:40]!r}")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not all(isinstance(key, str) and isinstance(text, str) for key, text in value.items()):
        raise ModelCheckError("a setting is not a text")
    return dict(value)


def _array(value: Any, form: str) -> NDArray[Any]:
    """Return a list of numbers in the type it must have, if all of them fit."""
    found = np.asarray(value)
    wanted = np.dtype(form)
    if not found.size:
        return np.empty(0, wanted)
    if found.ndim != 1 or found.dtype.kind not in "biuf" or (wanted.kind != "f" and found.dtype.kind == "f"):
        raise ModelCheckError("a list of numbers is something else")
    with np.errstate(over="ignore", invalid="ignore"):
        fitted = found.astype(wanted)
    if wanted.kind != "f" and not np.array_equal(fitted, found):
        raise ModelCheckError("a number is too large")
    return fitted


def _booster(booster: Any, features: int, outputs: int) -> dict[str, Any]:
    name = booster["name"]
    if name == "gblinear":
        weights = _array(booster["model"]["weights"], ">f4")
        if len(weights) != (features + 1) * outputs:
            raise ModelCheckError("the linear model has another number of weights than features")
        rounds = _count(booster["model"].get("boosted_rounds", 0))
        return {"model": {"boosted_rounds": rounds, "weights": weights}, "name": name}
    if name == "gbtree":
        return {"model": _trees(booster["model"], features, outputs), "name": name}
    if name != "dart":
        raise ModelCheckError(f"there is no booster {str(name)[:40]!r}")
    model = _trees(booster["gbtree"]["model"], features, outputs)
    weights = _array(booster["weight_drop"], ">f4")
    if len(weights) != len(model["trees"]):
        raise ModelCheckError("weight_drop has another number of entries than there are trees")
    return {"gbtree": {"model": model, "name": "gbtree"}, "name": name, "weight_drop": weights.tolist()}


def _trees(model: Any, features: int, outputs: int) -> dict[str, Any]:
    given = model["gbtree_model_param"]
    stated = _count(given["num_trees"])
    info = _array(model["tree_info"], ">i4")
    if not len(model["trees"]) == len(info) == stated:
        raise ModelCheckError("the model states another number of trees than it has")
    if len(info) and not (info.min() >= 0 and info.max() < outputs):
        raise ModelCheckError("a tree belongs to a class that does not exist")
    found: dict[str, Any] = {
        "gbtree_model_param": {
            "num_parallel_tree": str(max(_count(given.get("num_parallel_tree", 1)), 1)),
            "num_trees": str(stated),
        },
        "tree_info": info.tolist(),
    }
    if "cats" in model:
        if any(len(value) for value in model["cats"].values()):
            raise ModelCheckError("models that name categories are not served here")
        empty = np.empty(0, ">i4")
        found["cats"] = {"enc": [], "feature_segments": empty, "sorted_idx": empty}
    if "iteration_indptr" in model:
        ends = _array(model["iteration_indptr"], ">i8")
        if not len(ends) or ends[0] != 0 or ends[-1] != stated or (np.diff(ends) < 0).any():
            raise ModelCheckError("the rounds do not cover the trees")
        found["iteration_indptr"] = ends.tolist()
    found["trees"] = []
    for number, tree in enumerate(model["trees"]):
        try:
            found["trees"].append({**_tree(tree, features), "id": number})
        except ModelCheckError as error:
            raise ModelCheckError(f"tree {number}: {error}") from None
    return found


def _tree(tree: Any, features: int) -> dict[str, Any]:
    given = tree["tree_param"]
    nodes = _count(given["num_nodes"])
    if _count(given.get("size_leaf_vector", 1)) > 1:
        raise ModelCheckError("trees with several values in a leaf are not served here")
    arrays = {name: _array(tree[name], form) for name, form in _TREE.items()}
    for name, values in arrays.items():
        if len(values) != nodes or not nodes:
            raise ModelCheckError(f"{name} has another number of entries than there are nodes")
    if max(arrays["default_left"].max(), arrays["split_type"].max()) > 1:
        raise ModelCheckError("a flag is neither 0 nor 1")
    _follow(arrays, features)
    lists = {name: _array(tree.get(name, []), form) for name, form in _CATEGORIES.items()}
    _check_categories(arrays["split_type"], lists, nodes)
    parameters = {
        "num_deleted": "0",
        "num_feature": str(features),
        "num_nodes": str(nodes),
        "size_leaf_vector": "1",
    }
    return {**arrays, **lists, "tree_param": parameters}


def _follow(arrays: dict[str, NDArray[Any]], features: int) -> None:
    """Walk a tree from its root, level by level; every node must be met once at most."""
    left, right = arrays["left_children"], arrays["right_children"]
    nodes = len(left)
    seen = np.zeros(nodes, bool)
    level = np.zeros(1, np.int64)
    while len(level):
        if seen[level].any() or len(np.unique(level)) != len(level):
            raise ModelCheckError("two branches meet in a node")
        seen[level] = True
        inner = level[left[level] != -1]
        splits = arrays["split_indices"][inner]
        if len(splits) and not (splits.min() >= 0 and splits.max() < features):
            raise ModelCheckError("a split asks for a feature that does not exist")
        level = np.concatenate([left[inner], right[inner]]).astype(np.int64)
        if len(level) and not (level.min() > 0 and level.max() < nodes):
            raise ModelCheckError("a branch leads to a node that does not exist")
    # Nodes that were pruned away are never reached and need not make sense. They become leaves whose parent
    # is the root, since XGBoost looks every parent but the root's up.
    for name in ("left_children", "right_children"):
        arrays[name] = np.where(seen, arrays[name], -1).astype(">i4")
    arrays["right_children"] = np.where(arrays["left_children"] == -1, -1, right).astype(">i4")
    arrays["split_indices"] = np.where(seen & (left != -1), arrays["split_indices"], 0).astype(">i4")
    parents = np.zeros(nodes, ">i4")
    parents[0] = _MOST
    inner = np.flatnonzero(arrays["left_children"] != -1)
    parents[arrays["left_children"][inner]] = inner
    parents[arrays["right_children"][inner]] = inner
    arrays["parents"] = parents


def _check_categories(kinds: NDArray[Any], lists: dict[str, NDArray[Any]], nodes: int) -> None:
    """Check the lists of categorical splits, which a model of numbers leaves empty."""
    categories, owners = lists["categories"], lists["categories_nodes"]
    starts, sizes = lists["categories_segments"], lists["categories_sizes"]
    if not len(owners) == len(starts) == len(sizes):
        raise ModelCheckError("the categories do not cover their splits")
    if len(owners):
        if not (owners.min() >= 0 and owners.max() < nodes and (np.diff(owners) > 0).all()):
            raise ModelCheckError("categories belong to a node that does not exist")
        small = starts.min() >= 0 and sizes.min() >= 0 and max(starts.max(), sizes.max()) <= len(categories)
        if not small or (starts + sizes).max() > len(categories):
            raise ModelCheckError("categories are missing")
    if len(categories) and not (categories.min() >= 0 and categories.max() < _MOST_CATEGORIES):
        raise ModelCheckError("a category is no small number")
    if not np.isin(np.flatnonzero(kinds == 1), owners).all():
        raise ModelCheckError("a categorical split has no categories")
