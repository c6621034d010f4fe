"""The sections that every flavor shares behind the model: reading its answers, and judging them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagewizard.codegen.plan import Section
from sagewizard.codegen.pretty import call, literal
from sagewizard.engine.formats import CSV, natural_threshold
from sagewizard.recipe.tasks import BINARY, CLUSTERING, MULTICLASS, REGRESSION

if TYPE_CHECKING:
    from sagewizard.codegen.reading import Reading

TO_CSV = """\
def to_csv(rows, labels=None):
    \"\"\"Return rows as CSV without a header, the label first where there is one.\"\"\"
    table = pd.DataFrame(rows)
    if labels is not None:
        table.insert(0, "label", labels)
    return table.to_csv(header=False, index=False)"""

_BINARY = {
    "accuracy": "accuracy_score(test_y, predicted)",
    "precision": "precision_score(test_y, predicted, zero_division=0)",
    "recall": "recall_score(test_y, predicted, zero_division=0)",
    "f1": "f1_score(test_y, predicted, zero_division=0)",
    "mcc": "matthews_corrcoef(test_y, predicted)",
    "roc_auc": "roc_auc_score(test_y, scores)",
    "pr_auc": "average_precision_score(test_y, scores)",
    "log_loss": "log_loss(test_y, scores)",
}
_MULTICLASS = {
    "accuracy": "accuracy_score(test_y, predicted)",
    **{
        f"{average}_{short}": f'{name}(test_y, predicted, average="{average}", zero_division=0)'
        for average in ("macro", "weighted")
        for short, name in (("precision", "precision_score"), ("recall", "recall_score"), ("f1", "f1_score"))
    },
    "mcc": "matthews_corrcoef(test_y, predicted)",
    "top_k_accuracy": "top_k_accuracy_score(test_y, scores, k={k}, labels=range(len(classes)))",
    "log_loss": "log_loss(test_y, scores, labels=range(len(classes)))",
}
_REGRESSION = {
    "rmse": "root_mean_squared_error(test_y, predicted)",
    "mae": "mean_absolute_error(test_y, predicted)",
    "r2": "r2_score(test_y, predicted)",
    "mape": "mean_absolute_percentage_error(test_y, predicted)",
}
_CLUSTERING = {
    "silhouette": "silhouette_score(test_x, clusters)",
    "adjusted_rand": "adjusted_rand_score(test_y, clusters)",
    "purity": "counts.max(axis=0).sum() / counts.to_numpy().sum()",
}
_BY_TASK = {
    BINARY: _BINARY, MULTICLASS: _MULTICLASS, REGRESSION: _REGRESSION, CLUSTERING: _CLUSTERING,
}  # fmt: skip


def to_csv() -> Section:
    """Return the section with the function that writes rows as CSV."""
    return Section(
        "Rows as CSV", tuple(TO_CSV.split("\n")), provides=("to_csv",), imports=("import pandas as pd",),
        packages=("pandas",),
        text=("As text a row is a line, its numbers separated by commas, without a line of names.",),
    )  # fmt: skip


def one_a_row(run: Reading) -> bool:
    """Tell whether an answer is one number: not so for a probability of each of several classes."""
    return run.recipe.effective_hyperparameters().get("objective") != "multi:softprob"


def reads_csv(run: Reading) -> bool:
    """Tell whether the model answers in CSV, and not in JSON."""
    return run.wire.answers == CSV


def from_endpoint(run: Reading, body: str) -> str:
    """Return an expression for the answers in a reply of the endpoint: a list."""
    return f"read_numbers({body})" if reads_csv(run) else f'json.loads({body})["predictions"]'


def from_transform(run: Reading, body: str) -> str:
    """Return an expression for the answers in the output of a batch transform: a list."""
    if reads_csv(run):
        return f"read_numbers({body})"
    return f"[json.loads(line) for line in {body}.splitlines()]"


def answer_imports(run: Reading) -> tuple[str, ...]:
    """Return what the two expressions import."""
    return () if reads_csv(run) else ("import json",)


def answer_needs(run: Reading) -> tuple[str, ...]:
    """Return what the two expressions need of other sections."""
    return ("read_numbers",) if reads_csv(run) else ()


def reading_answers(run: Reading) -> list[Section]:
    """Return the section with the function that reads answers in CSV; none where they are JSON."""
    if not reads_csv(run):
        return []
    code = [
        "def read_numbers(body):",
        '    """Return the numbers of a reply in CSV; old images write them all on one line."""',
        '    numbers = [float(cell) for cell in body.replace("\\n", ",").split(",") if cell.strip()]',
    ]
    if one_a_row(run):
        code.append("    return numbers")
    else:
        classes = run.recipe.effective_hyperparameters().get("num_class", "")
        code[1] = '    """Return the probability of each class for each row of a reply in CSV."""'
        code.append(f"    return [numbers[i : i + {classes}] for i in range(0, len(numbers), {classes})]")
    text = ("The model answers with numbers as text; this makes numbers of them again.",)
    return [Section("Answers in CSV", tuple(code), provides=("read_numbers",), text=text)]


def source_of(run: Reading) -> str:
    """Return whose answers are evaluated: `endpoint` or `transform`."""
    found = run.outputs("evaluate").get("source")
    if found:
        return str(found)
    wanted = run.text("source", "evaluate")
    if wanted != "auto":
        return wanted
    asked = "predict" in run.steps and run.number("requests", "predict") > 0
    return "endpoint" if asked else "transform"


def answers_name(source: str) -> str:
    """Return the name that the answers have in the script."""
    return "answers" if source == "endpoint" else "batch_answers"


def known_answers(run: Reading, name: str) -> dict[str, tuple[str, ...]]:
    """Return lines that read the answers of the run's endpoint from the run's folder."""
    file = run.outputs("predict").get("file")
    many = run.task == MULTICLASS and not reads_csv(run)
    if not file or many or (reads_csv(run) and not one_a_row(run)):
        return {}
    path = run.folder / "results" / str(file)
    if reads_csv(run):
        read = call("pd.read_csv", {"filepath_or_buffer": str(path)}, result="table")
        return {name: (*read, f'{name} = table["score"].tolist()')}
    names = {"predicted": "predicted_label"}
    if run.task == CLUSTERING:
        names = {"predicted": "closest_cluster", "score": "distance_to_cluster"}
    return {
        name: (
            *call("pd.read_csv", {"filepath_or_buffer": str(path)}, result="table"),
            f'{name} = table.rename(columns={literal(names)}).to_dict("records")',
        )
    }


def threshold_of(run: Reading) -> float | None:
    """Return the threshold that the script applies itself; None where the model has the last word."""
    if run.task != BINARY or run.recipe.algorithm.script_mode:
        return None
    if run.recipe.threshold is not None:
        return run.recipe.threshold
    return natural_threshold(run.recipe) if run.algorithm == "xgboost" else None


def evaluate(run: Reading) -> Section:
    """Return the section that compares answers with labels, with the measures that the run had."""
    measured = run.outputs("evaluate").get("metrics")
    wanted = _BY_TASK.get(run.task, {})
    measures = {name: code for name, code in wanted.items() if not measured or name in measured}
    if run.task == MULTICLASS and (reads_csv(run) and one_a_row(run)):
        measures = {name: code for name, code in measures.items() if "scores" not in code}
    answers = answers_name(source_of(run))
    code = _predicted(run, answers, any("scores" in line for line in measures.values()))
    classes = len(run.outputs("evaluate").get("labels", ())) or 3
    if measures:
        code += ["", "measures = {"]
        for name, text in measures.items():
            code.append(f'    "{name}": {text.format(k=min(3, classes)) if "{k}" in text else text},')
        code += ["}", "for name, value in measures.items():", '    print(f"{name:16} {value:.4f}")']
    if threshold_of(run) not in (None, natural_threshold(run.recipe)):
        code += _beside(natural_threshold(run.recipe))
    text = "\n".join(code)
    needs = [answers, "test_y"]
    needs += ["classes"] if "classes" in text else []
    needs += ["test_x"] if "test_x" in text else []
    functions = sorted({word for word in _FUNCTIONS if f"{word}(" in text})
    imports = ["import pandas as pd", "import numpy as np"]
    imports = [line for line in imports if f"{line.split()[-1]}." in text]
    imports += [f"from sklearn.metrics import {name}" for name in functions]
    return Section(
        run.title("evaluate"), tuple(code), step="evaluate", text=run.lesson("evaluate"),
        imports=tuple(imports), needs=tuple(needs), packages=("pandas", "numpy", "scikit-learn"),
    )  # fmt: skip


_FUNCTIONS = (
    "accuracy_score", "precision_score", "recall_score", "f1_score", "matthews_corrcoef", "roc_auc_score",
    "average_precision_score", "log_loss", "top_k_accuracy_score", "root_mean_squared_error",
    "mean_absolute_error", "r2_score", "mean_absolute_percentage_error", "silhouette_score",
    "adjusted_rand_score", "confusion_matrix",
)  # fmt: skip


def _predicted(run: Reading, answers: str, scored: bool) -> list[str]:
    """Return lines that turn the answers into `predicted` and, where there are some, `scores`."""
    if run.task == CLUSTERING:
        return [
            f'clusters = [int(answer["closest_cluster"]) for answer in {answers}]',
            "# How many rows of each label are in each cluster.",
            "counts = pd.crosstab(np.array(classes)[test_y], np.array(clusters))",
            'print(counts.rename_axis(index="label", columns="cluster").to_string())',
        ]
    table = ["", "matrix = confusion_matrix(test_y, predicted, labels=range(len(classes)))",
             'print("Rows are what is true, columns what was predicted:")',
             "print(pd.DataFrame(matrix, index=classes, columns=classes).to_string())"]  # fmt: skip
    if run.task == REGRESSION:
        if reads_csv(run):
            return [f"predicted = {answers}"]
        return [f'predicted = [answer["score"] for answer in {answers}]']
    cut = threshold_of(run)
    if reads_csv(run):
        if run.task == BINARY and cut is not None:
            return [
                f"scores = np.array({answers})",
                f"predicted = (scores > {cut:g}).astype(int)",
                *table,
            ]
        if not one_a_row(run):
            return [f"scores = np.array({answers})", "predicted = scores.argmax(axis=1)", *table]
        return [f"predicted = [int(answer) for answer in {answers}]", *table]
    scores = [f'scores = np.array([answer["score"] for answer in {answers}])'] if scored or cut else []
    if cut is not None:
        return [*scores, f"predicted = (scores > {cut:g}).astype(int)", *table]
    return [*scores, f'predicted = [int(answer["predicted_label"]) for answer in {answers}]', *table]


def _beside(natural: float) -> list[str]:
    return [
        "",
        f"# What the threshold {natural:g} would have given.",
        f"otherwise = (scores > {natural:g}).astype(int)",
        f'print(f"accuracy at {natural:g} {{accuracy_score(test_y, otherwise):.4f}}")',
    ]
