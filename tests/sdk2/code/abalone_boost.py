"""A training and serving script for the XGBoost image, in the manner of the abalone tutorials."""

# ruff: noqa: PTH118, PTH123 (written as tutorials are)
from __future__ import annotations

import argparse
import json
import logging
import os
import pickle as pkl

import xgboost as xgb
from sagemaker_containers import entry_point  # noqa: F401 - tutorials import it and do not use it
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container import encoder as xgb_encoders
from sagemaker_xgboost_container.data_utils import get_dmatrix


def _train(params, dtrain, evals, num_round, model_dir, is_master):
    booster = xgb.train(params=params, dtrain=dtrain, evals=evals, num_boost_round=num_round)
    if is_master:
        with open(model_dir + "/xgboost-model", "wb") as file:
            pkl.dump(booster, file)


def model_fn(model_dir):
    with open(os.path.join(model_dir, "xgboost-model"), "rb") as file:
        return pkl.load(file)


def input_fn(request_body, request_content_type):
    if request_content_type == "text/libsvm":
        return xgb_encoders.libsvm_to_dmatrix(request_body)
    if request_content_type == "text/csv":
        return xgb_encoders.csv_to_dmatrix(request_body)
    raise ValueError(f"Content type {request_content_type} is not supported.")


def predict_fn(input_data, model):
    # The second half: what each feature contributes, which algorithm mode cannot answer.
    prediction = model.predict(input_data)
    contributions = model.predict(input_data, pred_contribs=True, validate_features=False)
    return [[float(a), *map(float, b)] for a, b in zip(prediction, contributions, strict=True)]


def output_fn(predictions, content_type):
    if content_type == "text/csv":
        return "\n".join(",".join(str(x) for x in row) for row in predictions)
    return json.dumps(predictions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_depth", type=int)
    parser.add_argument("--eta", type=float)
    parser.add_argument("--objective", type=str)
    parser.add_argument("--num_round", type=int)
    parser.add_argument("--model_dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--validation", type=str, default=os.environ.get("SM_CHANNEL_VALIDATION"))
    parser.add_argument("--sm_hosts", type=str, default=os.environ.get("SM_HOSTS"))
    parser.add_argument("--sm_current_host", type=str, default=os.environ.get("SM_CURRENT_HOST"))
    args, _ = parser.parse_known_args()
    logging.basicConfig(level=logging.INFO)
    hosts = json.loads(args.sm_hosts)
    dtrain = get_dmatrix(args.train, "csv")
    dval = get_dmatrix(args.validation, "csv") if args.validation else None
    given = {
        "params": {"max_depth": args.max_depth, "eta": args.eta, "objective": args.objective},
        "dtrain": dtrain,
        "evals": [(dtrain, "train")] + ([(dval, "validation")] if dval else []),
        "num_round": args.num_round,
        "model_dir": args.model_dir,
    }
    if len(hosts) > 1:
        distributed.rabit_run(
            exec_fun=_train, args=given, include_in_training=dtrain is not None, hosts=hosts,
            current_host=args.sm_current_host, update_rabit_args=True,
        )  # fmt: skip
    else:
        _train(**given, is_master=True)
