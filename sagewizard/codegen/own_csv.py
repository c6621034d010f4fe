"""A CSV of one's own, read as the run read it: what was decided for its columns, written out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.codegen.pretty import assign, literal, quoted
from sagewizard.recipe.tasks import REGRESSION

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading
    from sagewizard.data.csvio import CsvTable


def _table(run: Reading) -> tuple[CsvTable, int]:
    from sagewizard.data.csvio import read_csv
    from sagewizard.engine.steps.dataset import specification

    asked = specification(run.recipe)
    table = read_csv(Path(asked.path or ""), header=asked.header, delimiter=asked.delimiter)
    assert asked.label_column is not None
    return table, table.find(asked.label_column)


def strata_of(run: Reading) -> str:
    """Return the array by which the rows are stratified; "" for numbers to predict."""
    from sagewizard.data.owncsv import MOST_CLASSES

    table, label = _table(run)
    column = table.frame.iloc[:, label].dropna()
    if run.recipe.file.dataset.task == REGRESSION and column.dtype.kind in "iuf":
        return ""
    if column.dtype.kind == "f" and not (column == column.round()).all():
        return ""
    if column.dtype.kind in "iuf" and column.nunique() > MOST_CLASSES:
        return ""
    return "values"


def code_of(run: Reading) -> list[str]:
    """Return lines that define rows, labels, columns and, for classes, their names."""
    table, label = _table(run)
    frame = table.frame
    arguments = [quoted(str(table.file))]
    if not table.header:
        arguments.append("header=None")
    if table.delimiter != ",":
        arguments.append(f"sep={quoted(table.delimiter)}")
    arguments += ["skipinitialspace=True", 'na_values=["?"]']
    code = ["table = pd.read_csv(", f"    {', '.join(arguments)}", ")"]
    one_line = f"table = pd.read_csv({', '.join(arguments)})"
    if len(one_line) <= 100:
        code = [one_line]
    if table.header and [str(name) for name in frame.columns] != list(table.columns):
        code.append("table.columns = table.columns.str.strip()")

    def key(position: int) -> str:
        return quoted(table.columns[position]) if table.header else str(position)

    if frame.iloc[:, label].isna().any():
        kept = f"table.dropna(subset=[{key(label)}])"
        code.append(f"table = {kept}  # rows without a label teach nothing")
    code += ["", *_features(run, table, label, key)]
    code += ["", *_labels(run, table, label, key(label))]
    return code


def _features(run: Reading, table: CsvTable, label: int, key: Any) -> list[str]:
    frame = table.frame
    positions = [position for position in range(len(table.columns)) if position != label]
    if not run.recipe.file.dataset.encode:
        listed = [Named(key(position)) for position in positions]
        return [
            *assign("columns", [table.columns[position] for position in positions]),
            f'rows = table[{_keys(listed)}].to_numpy("float32")',
        ]
    from sagewizard.data.owncsv import encode

    names = set(encode(table, label).names)
    filled: list[str] = []
    code: list[str] = ["columns = {}"]
    numbers: list[int] = []

    def flush() -> None:
        if not numbers:
            return
        if table.header:
            listed = literal([table.columns[position] for position in numbers], before=len("for name in :"))
            code.extend([*f"for name in {listed}:".split("\n"), "    columns[name] = table[name]"])
        else:
            listed = literal(list(numbers), before=len("for number in :"))
            code.extend([*f"for number in {listed}:".split("\n"),
                         '    columns[f"column {number + 1}"] = table[number]'])  # fmt: skip
        numbers.clear()

    for position in positions:
        name = table.columns[position]
        column = frame.iloc[:, position]
        if name in names and column.dtype.kind in "biuf":
            if column.isna().any():
                median = float(column.median())
                filled.append(f"table[{key(position)}] = table[{key(position)}].fillna({median!r})")
            numbers.append(position)
            continue
        categories = sorted({str(cell).strip() for cell in column.dropna()})
        if not categories or f"{name}={categories[0]}" not in names:
            continue
        flush()
        code += [
            *f"for text in {literal(categories, before=len('for text in :'))}:".split("\n"),
            f'    columns[f"{name}={{text}}"] = table[{key(position)}].str.strip() == text',
        ]
    flush()
    code += ["features = pd.DataFrame(columns)", "columns = list(features.columns)",
             'rows = features.to_numpy("float32")']  # fmt: skip
    if filled:
        code = ["# A missing number becomes the median of its column.", *filled, *code]
    return code


class Named(str):
    """A key of a column as source."""

    __slots__ = ()


def _keys(listed: list[Named]) -> str:
    return "[" + ", ".join(listed) + "]"


def _labels(run: Reading, table: CsvTable, label: int, key: str) -> list[str]:
    from sagewizard.codegen.datasets import positive_of

    column = table.frame.iloc[:, label].dropna()
    if run.task == REGRESSION:
        whole = column.dtype.kind in "iu" or bool((column == column.round()).all())
        return [f"labels = table[{key}].to_numpy({'int' if whole else quoted('float32')})"]
    if column.dtype.kind in "iuf":
        code = [f"values = table[{key}].to_numpy(int)"]
        classes = [str(value) for value in sorted({int(value) for value in column})]
    else:
        code = [f"values = table[{key}].astype(str).str.strip().to_numpy(str)"]
        classes = sorted({str(cell).strip() for cell in column})
    positive = positive_of(run)
    if positive is None:
        return [*code, "classes, labels = np.unique(values, return_inverse=True)"]
    other = [name for name in classes if name != positive]
    shown = positive if column.dtype.kind in "iuf" else quoted(positive)
    names = [other[0] if len(other) == 1 else f"not {positive}", positive]
    return [*code, f"labels = (values == {shown}).astype(int)", *assign("classes", names)]
