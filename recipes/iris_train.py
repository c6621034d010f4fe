"""Trains a random forest on CSV rows, the class first; run and served by the scikit-learn image."""

import argparse
import os
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier


def rows(folder):
    """Read every CSV file of a channel: features (rows, columns) and classes (rows,)."""
    table = np.vstack(
        [np.loadtxt(path, delimiter=",", ndmin=2) for path in sorted(Path(folder).glob("*.csv"))]
    )
    return table[:, 1:], table[:, 0].astype(int)


def train():
    """Fit, report, save."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--max-depth", type=int, default=None)
    arguments = parser.parse_args()

    features, classes = rows(os.environ["SM_CHANNEL_TRAIN"])
    model = RandomForestClassifier(arguments.trees, max_depth=arguments.max_depth, random_state=0)
    model.fit(features, classes)
    # The recipe finds these two figures with regular expressions, as SageMaker does.
    print(f"train accuracy={model.score(features, classes):.4f}")
    if "SM_CHANNEL_VALIDATION" in os.environ:
        print(f"validation accuracy={model.score(*rows(os.environ['SM_CHANNEL_VALIDATION'])):.4f}")
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / "model.joblib")


def model_fn(model_dir):
    """Load the model that `train` has saved; SageMaker calls this once when the endpoint starts."""
    return joblib.load(Path(model_dir) / "model.joblib")


def predict_fn(rows, model):
    """Predict; the image hands over a single row as a flat array, and scikit-learn wants a table."""
    return model.predict(np.atleast_2d(rows))


if __name__ == "__main__":
    train()
