"""The sections `dataset` and `preview` of every flavor: the run's data, from where it came, divided alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import assign, literal, quoted

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

_LOADERS = {
    "digits": "load_digits",
    "breast-cancer": "load_breast_cancer",
    "iris": "load_iris",
    "wine": "load_wine",
    "diabetes": "load_diabetes",
}
_TWO_CLASSES = {"breast-cancer": ("malignant", "benign"), "vertebral": ("Abnormal", "Normal")}
_PICTURES = {"digits": (8, 16), "mnist": (28, 1)}
"""Side of a picture in pixels, and the value of full ink."""

_FETCHING = "The data is downloaded once, and its SHA-256 says whether it is the file that the run had."

FETCH = """\
def fetch(url, name, sha256):
    \"\"\"Return the path of a file in DATA, downloaded if need be; it must be the known one.\"\"\"
    path = DATA / name
    if not path.exists():
        print("Downloading", url)
        path.parent.mkdir(parents=True, exist_ok=True)
        urllib.request.urlretrieve(url, path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} is another file: its SHA-256 is {found}")
    return path"""


def sections(run: Reading) -> list[Section]:
    """Return the sections that get the data, divide it, and show some rows."""
    listed = []
    if run.recipe.file.dataset.name in ("mnist", "vertebral", "abalone"):
        listed.append(_fetching())
    listed.append(_dataset(run))
    if "preview" in run.steps:
        listed.append(_preview(run))
    return listed


def _fetching() -> Section:
    code = (
        "# A copy of the file on this machine is used when there is one in this folder.",
        'DATA = Path(os.environ.get("SAGEWIZARD_DATA", "data"))',
        "",
        "",
        *FETCH.split("\n"),
    )
    return Section(
        "A download, checked", code, provides=("fetch",), text=(_FETCHING,),
        imports=("import hashlib", "import os", "import urllib.request", "from pathlib import Path"),
    )  # fmt: skip


def _dataset(run: Reading) -> Section:
    name = run.recipe.file.dataset.name
    imports = ["import numpy as np"]
    needs: tuple[str, ...] = ()
    packages = ["numpy", "scikit-learn"]
    if name in _LOADERS:
        code = _bundled(run, name)
        imports.append(f"from sklearn.datasets import {_LOADERS[name]}")
    elif name == "mnist":
        code, needs = _mnist(run), ("fetch",)
        imports += ["import gzip", "import pickle"]
    elif name == "vertebral":
        code, needs = _vertebral(run), ("fetch",)
        imports += ["import io", "import zipfile", "import pandas as pd", "from scipy.io import arff"]
        packages += ["pandas", "scipy"]
    elif name == "abalone":
        code, needs = _abalone(), ("fetch",)
        imports += ["import pandas as pd"]
        packages.append("pandas")
    else:
        from sagewizard.codegen.own_csv import code_of

        code = code_of(run)
        imports += ["import pandas as pd"]
        packages.append("pandas")
    if name != "mnist":
        code += ["", *_division(run)]
        imports.append("from sklearn.model_selection import train_test_split")
    if not any("np." in line for line in code):
        imports.remove("import numpy as np")
    provides = [f"{part}_{kind}" for part in run.parts for kind in "xy"]
    if any(line.startswith(("classes = ", "classes, ")) for line in code):
        provides.append("classes")
    if any(line.startswith("columns = ") for line in code):
        provides.append("columns")
    return Section(
        run.title("dataset"), tuple(code), step="dataset", text=run.lesson("dataset"),
        imports=tuple(imports), provides=tuple(provides), needs=needs, packages=tuple(packages),
    )  # fmt: skip


def positive_of(run: Reading) -> str | None:
    """Return the label that counts as yes, as text; None without one."""
    value = run.recipe.value("dataset.positive_label")
    return None if value is None else str(value)


def _pair(run: Reading, name: str) -> list[str]:
    """Return the names of the two sides of a yes-or-no question: no, yes."""
    positive = str(positive_of(run))
    found = _TWO_CLASSES.get(name)
    if found:
        return [next(label for label in found if label != positive), positive]
    return [f"not {positive}", positive]


def _bundled(run: Reading, name: str) -> list[str]:
    positive = positive_of(run)
    code = [f"data = {_LOADERS[name]}()", 'rows = data.data.astype("float32")']
    if positive is not None:
        asked = f"data.target == {positive}" if name == "digits" else (
            f"data.target_names[data.target] == {quoted(positive)}")  # fmt: skip
        code += [f"labels = ({asked}).astype(int)", *assign("classes", _pair(run, name))]
    elif name == "diabetes":
        code.append("labels = data.target")
    else:
        code += ["labels = data.target", "classes = [str(name) for name in data.target_names]"]
    if name not in _PICTURES:
        code.append("columns = data.feature_names")
    return code


def _mnist(run: Reading) -> list[str]:
    from sagewizard.data.mnist import FILE

    code = [
        *_fetch("archive", FILE.addresses[0].url, "mnist/mnist.pkl.gz", next(iter(FILE.digests))),
        "# A pickle can run code when it is read: the SHA-256 above says that this one is the known file.",
        'with gzip.open(archive) as file:',
        '    train, validation, test = pickle.load(file, encoding="latin1")',
        "",
        "train_x, train_y = train",
        "validation_x, validation_y = validation",
        "test_x, test_y = test",
    ]  # fmt: skip
    positive = positive_of(run)
    if positive is None:
        return [*code, 'classes = list("0123456789")']
    code += ["", f"# The question is: is it a {positive}?"]
    code += [f"{part}_y = ({part}_y == {positive}).astype(int)" for part in ("train", "validation", "test")]
    return [*code, *assign("classes", _pair(run, "mnist"))]


def _fetch(result: str, url: str, name: str, digest: str) -> list[str]:
    """Return lines that fetch a file; its address stands before them where it is long."""
    given = quoted(url)
    before: tuple[str, ...] = ()
    if len(given) > 90:
        given, before = "url", assign("url", url)
    return [
        *before,
        f"{result} = fetch(",
        f"    {given},",
        f"    {quoted(name)},",
        f"    {quoted(digest)},",
        ")",
    ]


def _vertebral(run: Reading) -> list[str]:
    from sagewizard.data.vertebral import FILE, LABEL, MEMBER

    classes = _pair(run, "vertebral") if positive_of(run) else list(_TWO_CLASSES["vertebral"])
    return [
        *_fetch(
            "archive", FILE.addresses[0].url, "vertebral/vertebral_column_data.zip", next(iter(FILE.digests))
        ),
        "with zipfile.ZipFile(archive) as files:",
        f"    text = files.read({quoted(MEMBER)}).decode()",
        "table = pd.DataFrame(arff.loadarff(io.StringIO(text))[0])",
        "",
        f'verdicts = table.pop({quoted(LABEL)}).str.decode("ascii").to_numpy(str)',
        'rows = table.to_numpy("float32")',
        "columns = list(table.columns)",
        *assign("classes", classes),
        f"labels = (verdicts == {quoted(classes[1])}).astype(int)",
    ]


def _abalone() -> list[str]:
    from sagewizard.data.abalone import FILE, MEASURES, SEXES

    return [
        *_fetch("file", FILE.addresses[0].url, "abalone/abalone.csv", next(iter(FILE.digests))),
        *assign("measures", list(MEASURES)),
        'table = pd.read_csv(file, names=["sex", *measures, "rings"])',
        "",
        "# One column of 0 and 1 for each letter: the letters have no order.",
        f'sexes = pd.DataFrame({{f"sex_{{sex}}": table["sex"] == sex for sex in {literal(list(SEXES))}}})',
        'rows = pd.concat([sexes, table[measures]], axis=1).to_numpy("float32")',
        "columns = [*sexes.columns, *measures]",
        'labels = table["rings"].to_numpy()',
    ]


def _strata(run: Reading) -> str:
    """Return the array whose values every part gets in the same shares; "" when rows are drawn freely."""
    stratified = bool(run.recipe.step_values("dataset").get("stratified", True))
    name = run.recipe.file.dataset.name
    if not stratified or name in ("diabetes", "abalone"):
        return ""
    if name in _LOADERS:
        return "data.target"
    if name == "vertebral":
        return "verdicts"
    from sagewizard.codegen.own_csv import strata_of

    return strata_of(run)


def _division(run: Reading) -> list[str]:
    values = run.recipe.step_values("dataset")
    given = [values.get(name) for name in ("train", "validation", "test")]
    shares = [None if value is None else float(value) for value in given]
    if all(share is None for share in shares):
        shares = [0.6, 0.2, 0.2]
    if shares.count(None) == 1:
        left = max(0.0, 1.0 - sum(share for share in shares if share is not None))
        shares = [left if share is None else share for share in shares]
    _train, validation, test = (share or 0.0 for share in shares)
    seed, strata = int(values.get("seed", 0)), _strata(run)

    def draw(result: str, pool: str, size: object) -> list[str]:
        rows = "np.arange(len(rows))" if pool == "" else pool
        arguments = f"test_size={size}, random_state={seed}"
        if strata:
            arguments += f", stratify={strata}" + (f"[{pool}]" if pool else "")
        line = f"{result} = train_test_split({rows}, {arguments})"
        if len(line) <= 100:
            return [line]
        return [f"{result} = train_test_split(", f"    {rows}, {arguments}", ")"]

    code = ["# Row numbers are divided, so that a row keeps its label."]
    if values.get("method") == "train-first" and validation and test:
        held = round(validation + test, 12)
        code += draw("train_rows, held_back", "", f"{held:g}")
        code += draw("test_rows, validation_rows", "held_back", f"{round(validation / held, 12):g}")
    else:
        rest = "train_rows" if not validation else "rest"
        code += draw(f"{rest}, test_rows", "", f"{test:g}")
        if validation:
            total = sum(run.rows.values())
            size = math.ceil(round(total * validation, 6)) if total else validation
            code += draw("train_rows, validation_rows", "rest", size)
    for part in run.parts:
        code.append(f"{part}_x, {part}_y = rows[{part}_rows], labels[{part}_rows]")
    counts = ", ".join(f"{{len({part}_x):,}} {part}" for part in run.parts)
    return [*code, f'print(f"Rows: {counts}")']


def _preview(run: Reading) -> Section:
    count = run.number("rows", "preview") or 5
    name = run.recipe.file.dataset.name or ""
    if name in _PICTURES:
        side, ink = _PICTURES[name]
        count = min(count, 3)
        scale = f"row / {ink} * 9" if ink != 1 else "row * 9"
        code = (
            'shades = np.array(list(" .:-=+*#%@"))',
            f"for picture, label in zip(train_x[:{count}], train_y[:{count}]):",
            '    print(f"label {classes[label]}")',
            f"    for row in picture.reshape({side}, {side}):",
            f'        print("".join(shades[({scale}).astype(int)]))',
        )
        return Section(
            run.title("preview"), code, step="preview", text=run.lesson("preview"),
            imports=("import numpy as np",), needs=("train_x", "train_y", "classes"), packages=("numpy",),
        )  # fmt: skip
    shown = (
        f"first = pd.DataFrame(train_x[:{count}], columns=columns)",
        f'print(first.assign(label=train_y[:{count}]).to_string())',
    )  # fmt: skip
    return Section(
        run.title("preview"), shown, step="preview", text=run.lesson("preview"),
        imports=("import pandas as pd",), needs=("train_x", "train_y", "columns"), packages=("pandas",),
    )  # fmt: skip
