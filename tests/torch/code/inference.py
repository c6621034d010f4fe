"""Functions of one's own for serving, with TorchServe's context; the model was saved whole."""

# ruff: noqa: PTH118 (written as tutorials are)
import json
import os

import torch


def model_fn(model_dir, context):
    assert context.system_properties["model_dir"] == model_dir
    return torch.load(os.path.join(model_dir, "model.pth")).eval()


def input_fn(request_body, request_content_type):
    assert request_content_type == "application/json"
    return torch.tensor(json.loads(request_body)["inputs"], dtype=torch.float32)


def predict_fn(data, model):
    with torch.no_grad():
        return model(data)


def output_fn(prediction, content_type):
    return {"scores": prediction.tolist(), "type": content_type}
