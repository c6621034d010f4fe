"""Gives programs back what numpy, pandas and scikit-learn have dropped since they were written.

SageMaker's images have these libraries as they were years ago, and so had the notebooks that people follow.
Here the newest ones are installed. What went by another name, or is easily said in other words, is brought
back; all else fails as the installed library fails. Each library is changed when it is loaded, and only a
program's own code sees numpy's old names: libraries find out from them which numpy they have.

Any Python from 3.8 on must be able to run this folder: standard library only, nothing of the package.
"""

from __future__ import annotations

import functools
import sys
from importlib.machinery import PathFinder

# typing costs 5 ms at every start of Python, and its names stand in annotations only.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# numpy's name of today for each old one; `isin` and the like are reached as attributes of numpy.
_RENAMED = {
    "float_": "float64", "complex_": "complex128", "unicode_": "str_", "string_": "bytes_",
    "Inf": "inf", "Infinity": "inf", "infty": "inf", "PINF": "inf", "NaN": "nan", "NAN": "nan",
    "product": "prod", "cumproduct": "cumprod", "alltrue": "all", "sometrue": "any", "round_": "round",
    "trapz": "trapezoid", "mat": "asmatrix", "row_stack": "vstack",
}  # fmt: skip
_PLAIN = {"int": int, "float": float, "complex": complex, "object": object, "str": str}
# Statistics of a table that left columns of text out before pandas 2.
_STATISTICS = ("corr", "cov", "mean", "median", "std", "var")
_LIBRARIES = ("site-packages", "dist-packages")


def install(framework: str, version: str) -> None:
    """Change what a script of a framework image imports; `version` is that of the image's tag, as 0.23-1."""
    number = tuple(int(part) for part in version.replace("-", ".").split(".") if part.isdigit())
    patches = dict(numbers(before_pandas_2=_has_pandas_1(framework, number)))
    if framework == "sklearn":
        import _sagewizard_sklearn  # type: ignore[import-not-found]  # beside this file

        patches.update(_sagewizard_sklearn.patches(number))
    sys.meta_path.insert(0, Finder(patches))


def _has_pandas_1(framework: str, version: Sequence[int]) -> bool:
    """Tell whether an image has a pandas before version 2."""
    return tuple(version) < {"sklearn": (1, 4), "xgboost": (3, 0)}.get(framework, (2, 1))


def numbers(*, before_pandas_2: bool) -> dict[str, Callable[[ModuleType], None]]:
    """Return the changes to numpy and pandas, by the name of the module."""
    older = before_pandas_2
    return {
        "numpy": _old_names,
        "pandas.core.generic": lambda module: _as_pandas_2(module.NDFrame),
        "pandas.core.frame": lambda module: _of_frames(module.DataFrame, older),
        "pandas.core.series": lambda module: _of_series(module.Series, older),
        "pandas.core.reshape.encoding": lambda module: _dummies(module) if older else None,
    }


def _old_names(numpy: Any) -> None:
    """Answer for the names that numpy has dropped, when a program asks that is no library."""
    original = numpy.__dict__.get("__getattr__")

    def find(name: str) -> Any:
        known = name in _RENAMED or name in _PLAIN or name in ("in1d", "asfarray")
        asking = sys._getframe(1).f_code.co_filename if known else ""  # noqa: SLF001
        if known and not any(part in asking for part in _LIBRARIES):
            if name in _PLAIN:
                return _PLAIN[name]
            if name == "in1d":
                return lambda ar1, ar2, **options: numpy.isin(ar1, ar2, **options).ravel()
            if name == "asfarray":
                return lambda a, dtype=float: numpy.asarray(a, dtype=dtype)
            return getattr(numpy, _RENAMED[name])
        if original is None:
            raise AttributeError(f"module 'numpy' has no attribute {name!r}")
        return original(name)

    numpy.__getattr__ = find


def _as_pandas_2(frame: Any) -> None:
    """Give pandas 3 back what tables and series of pandas 2 could.

    `numpy.split` of a DataFrame asks for `swapaxes`, and splits plain arrays without it. `replace` left
    numbers where it had replaced the last text; in pandas 3 they stay objects, which scikit-learn refuses.
    `fillna` took the way to fill as `method`.
    """
    if hasattr(frame, "swapaxes"):
        return  # this is pandas 2

    def swapaxes(self: Any, axis1: Any, axis2: Any, copy: Any = None) -> Any:
        same = self._get_axis_number(axis1) == self._get_axis_number(axis2)
        return self.copy() if same else self.transpose()

    replace, fillna = frame.replace, frame.fillna

    @functools.wraps(replace)
    def replaced(self: Any, *args: Any, **options: Any) -> Any:
        result = replace(self, *args, **options)
        return result.infer_objects() if result is not None and result is not self else result

    @functools.wraps(fillna)
    def filled(self: Any, *args: Any, **options: Any) -> Any:
        if options.get("method") is None:
            options.pop("method", None)
            return fillna(self, *args, **options)
        fill = self.ffill if options.pop("method") in ("ffill", "pad") else self.bfill
        options.pop("value", None)
        return fill(**options)

    frame.swapaxes, frame.replace, frame.fillna = swapaxes, replaced, filled


def _of_frames(frame: Any, older: bool) -> None:
    """Give tables their `applymap` back, and what they could before pandas 2."""
    if not hasattr(frame, "applymap"):
        frame.applymap = frame.map
    if not older or hasattr(frame, "append"):
        return

    def append(self: Any, other: Any, ignore_index: bool = False, sort: bool = False) -> Any:
        import pandas  # type: ignore[import-untyped, unused-ignore]

        if isinstance(other, dict):
            if not ignore_index:
                raise TypeError("Can only append a dict if ignore_index=True")
            other = pandas.Series(other)
        if isinstance(other, pandas.Series):
            if not ignore_index and other.name is None:
                raise TypeError("Can only append a Series if ignore_index=True or if the Series has a name")
            other = other.to_frame().T.infer_objects()
        elif isinstance(other, list) and other and not isinstance(other[0], (pandas.Series, frame)):
            other = frame(other)
        parts = [self, *other] if isinstance(other, list) else [self, other]
        return pandas.concat(parts, ignore_index=ignore_index, sort=sort)

    frame.append, frame.iteritems, frame.as_matrix = append, frame.items, frame.to_numpy
    for name in _STATISTICS:
        setattr(frame, name, _of_numbers(getattr(frame, name)))


def _of_numbers(statistic: Callable[..., Any]) -> Callable[..., Any]:
    """Let a statistic leave out the columns that it cannot be computed for, unless it is told which."""

    @functools.wraps(statistic)
    def computed(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return statistic(self, *args, **options)
        except (TypeError, ValueError):
            if args or "numeric_only" in options:
                raise
            return statistic(self, numeric_only=True, **options)

    return computed


def _of_series(series: Any, older: bool) -> None:
    if not older or hasattr(series, "append"):
        return

    def append(self: Any, to_append: Any, ignore_index: bool = False) -> Any:
        import pandas

        more = to_append if isinstance(to_append, (list, tuple)) else [to_append]
        return pandas.concat([self, *more], ignore_index=ignore_index)

    series.append, series.iteritems, series.as_matrix = append, series.items, series.to_numpy


def _dummies(module: Any) -> None:
    """Let `get_dummies` give 0 and 1, as before pandas 2: algorithms read False and True as text."""
    original = module.get_dummies

    @functools.wraps(original)
    def get_dummies(data: Any, *args: Any, **options: Any) -> Any:
        if len(args) < 7 and options.get("dtype") is None:
            options["dtype"] = "uint8"
        return original(data, *args, **options)

    module.get_dummies = get_dummies


class Finder:
    """Finds the modules to be changed as everybody does, and changes them once they are loaded.

    `below` is the change to every module whose name begins with one of `prefixes`.
    """

    def __init__(
        self,
        patches: dict[str, Callable[[ModuleType], None]],
        prefixes: tuple[str, ...] = (),
        below: Callable[[ModuleType], None] | None = None,
    ) -> None:
        self._patches, self._prefixes, self._below = patches, prefixes, below

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        below = self._below if name.startswith(self._prefixes) else None
        changes = [change for change in (self._patches.get(name), below) if change is not None]
        if not changes:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        spec.loader = _Loader(spec.loader, changes)  # type: ignore[assignment]
        return spec


class _Loader:
    """Loads a module with its own loader, then applies the changes."""

    def __init__(self, loader: Any, changes: Sequence[Callable[[ModuleType], None]]) -> None:
        self._loader, self._changes = loader, changes

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        for change in self._changes:
            change(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
