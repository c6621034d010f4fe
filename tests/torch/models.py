"""A script for SDK 2: PyTorchModel with the image's own functions and with one's own, and batch transform.

The last line on stdout is one JSON object with what was seen.
"""

# ruff: noqa: PTH100, PTH118, PTH120 (written as tutorials are)
import json
import os
import tarfile

import numpy as np
import sagemaker
import torch
from botocore.exceptions import ClientError
from sagemaker.deserializers import JSONDeserializer
from sagemaker.pytorch import PyTorchModel
from sagemaker.serializers import JSONSerializer

CODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "code")
session = sagemaker.Session()
role, bucket = sagemaker.get_execution_role(), session.default_bucket()
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.5), torch.nn.Softmax(dim=1)).eval()
x = np.eye(4, dtype="float32")[:2]
want = net(torch.tensor(x)).detach().numpy()
torch.jit.save(torch.jit.script(net), "script.pt")
torch.save(net, "whole.pth")
seen = {"want": want.tolist()}


def archive(name, files):
    with tarfile.open(name, "w:gz") as file:
        for member, path in files.items():
            file.add(path, member)
    return session.upload_data(name, key_prefix="torch/models")


def model(data, **options):
    given = {"role": role, "framework_version": "2.0.1", "py_version": "py310", "entry_point": None}
    return PyTorchModel(model_data=data, **{**given, **options})


with open("empty.py", "w"):  # noqa: PTH123
    pass
plain = model(archive("plain.tar.gz", {"model.pth": "script.pt", "code/inference.py": "empty.py"}))
predictor = plain.deploy(1, "ml.c5.large")
found = predictor.predict(x)
seen["npy"] = [found.tolist(), str(found.dtype)]


def invoke(body, kind, accept="application/json"):
    try:
        answer = session.sagemaker_runtime_client.invoke_endpoint(
            EndpointName=predictor.endpoint_name, Body=body, ContentType=kind, Accept=accept
        )
    except ClientError as error:
        return [error.response["OriginalStatusCode"], error.response["OriginalMessage"]]
    return [answer["ContentType"], answer["Body"].read().decode()]


seen["json"] = invoke(json.dumps(x.tolist()), "application/json")
seen["csv"] = invoke("1,0,0,0\n0,1,0,0\n", "text/csv", "image/png, text/csv")
seen["shape"] = invoke("[[1, 2]]", "application/json")
seen["type"] = invoke("1", "text/plain")
predictor.delete_endpoint()

np.savetxt("rows.csv", np.tile(x, (5, 1)), delimiter=",")
transformer = plain.transformer(
    1, "ml.c5.xlarge", accept="text/csv", assemble_with="Line", strategy="MultiRecord"
)
transformer.transform(
    session.upload_data("rows.csv", key_prefix="torch/rows"), content_type="text/csv", split_type="Line"
)
transformer.wait(logs=False)
key = transformer.output_path.split("/", 3)[3] + "/rows.csv.out"
seen["batch"] = [[float(v) for v in line.split(",")] for line in session.read_s3_file(bucket, key).split()]

own = model(
    archive("own.tar.gz", {"model.pth": "whole.pth"}), entry_point=os.path.join(CODE, "inference.py")
).deploy(1, "ml.c5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
seen["own"] = own.predict({"inputs": x.tolist()})
own.delete_endpoint()
inside = model(
    archive("code.tar.gz", {"model.pth": "whole.pth", "code/inference.py": f"{CODE}/inference.py"})
).deploy(1, "ml.c5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
seen["inside"] = inside.predict({"inputs": x.tolist()})
inside.delete_endpoint()

print()
print(json.dumps(seen))
