"""A script for SDK 2: the LinearLearner class with record sets, and everything that goes wrong on purpose.

Bundled digits; the last line on stdout is one JSON object with what was seen.
"""

import json
import time

import numpy as np
import sagemaker
from botocore.exceptions import ClientError
from sagemaker import LinearLearner, LinearLearnerModel, get_execution_role
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.predictor import Predictor
from sklearn.datasets import load_digits

session = sagemaker.Session()
pixels, digits = load_digits(return_X_y=True)
pixels = (pixels / 16).astype("float32")
is_zero = (digits == 0).astype("float32")

learner = LinearLearner(
    role=get_execution_role(),
    instance_count=1,
    instance_type="ml.c4.xlarge",
    predictor_type="binary_classifier",
    output_path=f"s3://{session.default_bucket()}/sdk2-class/output",
    binary_classifier_model_selection_criteria="f_beta",
    num_models=4,
    epochs=5,
    sagemaker_session=session,
)
records = learner.record_set(pixels[:1500], labels=is_zero[:1500])
learner.fit(records, mini_batch_size=100, wait=True, logs=False)

predictor = learner.deploy(initial_instance_count=1, instance_type="ml.m4.xlarge")
found = predictor.predict(pixels[1500:1600])
labels = [record.label["predicted_label"].float32_tensor.values[0] for record in found]
scores = [record.label["score"].float32_tensor.values[0] for record in found]

model = LinearLearnerModel(learner.model_data, role=get_execution_role(), sagemaker_session=session)
second = model.deploy(initial_instance_count=1, instance_type="ml.m4.xlarge", endpoint_name="sdk2-second")
same = [record.label["score"].float32_tensor.values[0] for record in second.predict(pixels[1500:1600])]
second.update_endpoint(initial_instance_count=2, instance_type="ml.m4.xlarge", wait=True)
counts = session.sagemaker_client.describe_endpoint(EndpointName="sdk2-second")["ProductionVariants"]

problems = {}
try:
    # The wrong width: the container says no, and the client sees what it said.
    predictor.predict(pixels[:2, :10])
except ClientError as error:
    problems["predict"] = error.response["Error"]["Code"]
broken = LinearLearner(
    role=get_execution_role(),
    instance_count=1,
    instance_type="ml.c4.xlarge",
    predictor_type="binary_classifier",
    sagemaker_session=session,
)
three = broken.record_set(pixels[:300], labels=(digits[:300] % 3).astype("float32"))
try:
    broken.fit(three, mini_batch_size=100, logs=False)
except UnexpectedStatusException as error:
    problems["fit"] = [error.actual_status, str(error)]
try:
    Predictor("no-such-endpoint", sagemaker_session=session).predict(b"1")
except ClientError as error:
    problems["missing"] = error.response["Error"]["Message"]

for each in (predictor, second):
    each.delete_model()
    each.delete_endpoint()
time.sleep(0.2)

print()
print(
    json.dumps(
        {
            "channel": [records.num_records, records.feature_dim, records.channel],
            "accuracy": float(np.mean(np.array(labels) == is_zero[1500:1600])),
            "same": scores == same,
            "counts": [[each["VariantName"], each["CurrentInstanceCount"]] for each in counts],
            "problems": problems,
            "configs": len(session.sagemaker_client.list_endpoint_configs()["EndpointConfigs"]),
        }
    )
)
