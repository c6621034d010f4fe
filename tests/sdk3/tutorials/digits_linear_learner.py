"""The handwritten digit tutorial: is it a zero? For version 3 of the SageMaker SDK, as people have it.

The digits are scikit-learn's, 8x8 pixels. Version 3 has no RecordIO writer, so they travel as CSV.
"""

import io
import json

import boto3
import numpy as np
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import EndpointConfig
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

region = boto3.Session().region_name
sess = Session()
bucket = sess.default_bucket()
prefix = "sagemaker/DEMO-linear-digits"
role = get_execution_role()

# The data: the label in the first column, no header
images, digits = load_digits(return_X_y=True)
labels = np.where(digits == 0, 1, 0)
train_x, test_x, train_y, test_y = train_test_split(
    images, labels, test_size=0.2, random_state=42, stratify=labels
)
buf = io.StringIO()
np.savetxt(buf, np.column_stack([train_y, train_x]), delimiter=",", fmt="%g")
key = f"{prefix}/train/digits.csv"
boto3.resource("s3").Bucket(bucket).Object(key).put(Body=buf.getvalue())
s3_train_data = f"s3://{bucket}/{prefix}/train/"
print(f"uploaded training data location: {s3_train_data}")

# The training
container = image_uris.retrieve(framework="linear-learner", region=region)
trainer = ModelTrainer(
    training_image=container,
    role=role,
    sagemaker_session=sess,
    base_job_name="linear-digits",
    compute=Compute(instance_type="ml.c4.xlarge", instance_count=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/{prefix}/output"),
    hyperparameters={"feature_dim": 64, "predictor_type": "binary_classifier", "mini_batch_size": 100},
)
trainer.train(
    input_data_config=[InputData(channel_name="train", data_source=s3_train_data, content_type="text/csv")]
)

# The endpoint
builder = ModelBuilder(
    model=trainer, image_uri=container, role_arn=role, sagemaker_session=sess, instance_type="ml.m4.xlarge"
)
model = builder.build(model_name="linear-digits-model")
endpoint = builder.deploy(endpoint_name="linear-digits-endpoint", initial_instance_count=1)


def predict(rows):
    body = "\n".join(",".join(f"{value:g}" for value in row) for row in rows)
    reply = endpoint.invoke(body=body, content_type="text/csv", accept="application/json")
    return json.loads(reply.body.read())["predictions"]


print(predict(test_x[:1]))
predictions = []
for array in np.array_split(test_x, 10):
    predictions += [each["predicted_label"] for each in predict(array)]
accuracy = float((np.array(predictions) == test_y).mean())
print(accuracy)

configuration = EndpointConfig.get(endpoint.endpoint_config_name)
endpoint.delete()
configuration.delete()
model.delete()
print()
print(json.dumps([accuracy, len(predictions)]))
