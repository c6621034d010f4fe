"""The handwritten digit tutorial: is it a zero? For version 2 of the SageMaker SDK, as people have it."""

import gzip
import io
import pickle

import boto3
import numpy as np
import sagemaker
import sagemaker.amazon.common as smac
from sagemaker import get_execution_role, image_uris
from sagemaker.deserializers import JSONDeserializer
from sagemaker.serializers import CSVSerializer

region = boto3.Session().region_name
sess = sagemaker.Session()
bucket = sess.default_bucket()
prefix = "sagemaker/DEMO-linear-mnist"
role = get_execution_role()

# The data
fobj = (
    boto3.client("s3")
    .get_object(Bucket=f"sagemaker-example-files-prod-{region}", Key="datasets/image/MNIST/mnist.pkl.gz")[
        "Body"
    ]
    .read()
)
with open("mnist.pkl.gz", "wb") as f:  # noqa: PTH123 (as its readers have it)
    f.write(fobj)
with gzip.open("mnist.pkl.gz", "rb") as f:
    train_set, valid_set, test_set = pickle.load(f, encoding="latin1")

vectors = np.array([t.tolist() for t in train_set[0]]).astype("float32")
labels = np.where(np.array([t.tolist() for t in train_set[1]]) == 0, 1, 0).astype("float32")
buf = io.BytesIO()
smac.write_numpy_to_dense_tensor(buf, vectors, labels)
buf.seek(0)

key = "recordio-pb-data"
boto3.resource("s3").Bucket(bucket).Object(f"{prefix}/train/{key}").upload_fileobj(buf)
s3_train_data = f"s3://{bucket}/{prefix}/train/{key}"
print(f"uploaded training data location: {s3_train_data}")
output_location = f"s3://{bucket}/{prefix}/output"

# The training
container = image_uris.retrieve(region=region, framework="linear-learner")
linear = sagemaker.estimator.Estimator(
    container,
    role,
    instance_count=1,
    instance_type="ml.c4.xlarge",
    output_path=output_location,
    sagemaker_session=sess,
)
linear.set_hyperparameters(feature_dim=784, predictor_type="binary_classifier", mini_batch_size=200)
linear.fit({"train": s3_train_data})

# The endpoint
linear_predictor = linear.deploy(
    initial_instance_count=1,
    instance_type="ml.m4.xlarge",
    serializer=CSVSerializer(),
    deserializer=JSONDeserializer(),
)
result = linear_predictor.predict(train_set[0][30:31])
print(result)

predictions = []
for array in np.array_split(test_set[0], 100):
    result = linear_predictor.predict(array)
    predictions += [r["predicted_label"] for r in result["predictions"]]
predictions = np.array(predictions)
test_labels = np.where(test_set[1] == 0, 1, 0)
print((predictions == test_labels).mean())

linear_predictor.delete_model()
linear_predictor.delete_endpoint()
print()
print(f"[{(predictions == test_labels).mean()}, {len(predictions)}]")
