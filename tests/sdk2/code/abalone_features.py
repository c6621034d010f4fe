"""A preprocessing script for the scikit-learn image, in the manner of the abalone tutorials."""

# ruff: noqa: PTH118, PTH208 (written as tutorials are)
from __future__ import annotations

import argparse
import io
import json
import os

import joblib
import numpy as np
import pandas as pd
from sagemaker_containers.beta.framework import encoders, worker
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NAMES = ["sex", "length", "weight"]
LABEL = "rings"


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(body, content_type):
    if content_type != "text/csv":
        raise ValueError(f"{content_type} is not supported")
    table = pd.read_csv(io.StringIO(body), header=None)
    table.columns = NAMES if table.shape[1] == len(NAMES) else [*NAMES, LABEL]
    return table


def predict_fn(table, model):
    features = model.transform(table)
    return np.insert(features, 0, table[LABEL], axis=1) if LABEL in table else features


def output_fn(prediction, accept):
    if accept == "application/json":
        rows = [{"features": row} for row in prediction.tolist()]
        return worker.Response(json.dumps({"instances": rows}), mimetype=accept)
    if accept in ("text/csv", "*/*"):
        return worker.Response(encoders.encode(prediction, "text/csv"), mimetype="text/csv")
    raise RuntimeError(f"{accept} accept type is not supported by this script.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--output-data-dir", default=os.environ["SM_OUTPUT_DATA_DIR"])
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
    arguments = parser.parse_args()
    files = [os.path.join(arguments.train, name) for name in os.listdir(arguments.train)]
    table = pd.concat([pd.read_csv(file, header=None, names=[*NAMES, LABEL]) for file in files])
    model = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NAMES[1:]),
            ("kinds", OneHotEncoder(handle_unknown="ignore", sparse_output=False), NAMES[:1]),
        ]
    ).fit(table)
    joblib.dump(model, os.path.join(arguments.model_dir, "model.joblib"))
