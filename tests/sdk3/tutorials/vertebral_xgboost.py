"""The vertebral column tutorial: XGBoost with version 3 of the SageMaker SDK, batch transform and threshold.

Started with the path of UCI's archive where it is already on this machine, or with `breast-cancer` for the
same flow over scikit-learn's bundled data; without an argument it downloads the archive.
"""

import io
import json
import sys
import zipfile

import boto3
import pandas as pd
import requests
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import EndpointConfig
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.core.transformer import Transformer
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from scipy.io import arff
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.model_selection import train_test_split

argument = sys.argv[1] if len(sys.argv) > 1 else ""
if argument == "breast-cancer":
    df = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "class"})
else:
    if argument:
        archive = zipfile.ZipFile(argument)
    else:
        url = "http://archive.ics.uci.edu/ml/machine-learning-databases/00212/vertebral_column_data.zip"
        archive = zipfile.ZipFile(io.BytesIO(requests.get(url, timeout=60).content))
    data, _ = arff.loadarff(io.StringIO(archive.read("column_2C_weka.arff").decode()))
    df = pd.DataFrame(data)
    df["class"] = df["class"].map({b"Abnormal": 1, b"Normal": 0}).astype(int)

# The label goes first; 80 % train, 10 % test, 10 % validation
cols = df.columns.tolist()
cols = cols[-1:] + cols[:-1]
df = df[cols]
train, test_and_validate = train_test_split(df, test_size=0.2, random_state=42, stratify=df["class"])
test, validate = train_test_split(
    test_and_validate, test_size=0.5, random_state=42, stratify=test_and_validate["class"]
)

session = Session()
bucket = session.default_bucket()
role = get_execution_role()
prefix = "lab3-v3"
s3_resource = boto3.Session().resource("s3")


def upload_s3_csv(filename, folder, dataframe):
    csv_buffer = io.StringIO()
    dataframe.to_csv(csv_buffer, header=False, index=False)
    key = f"{prefix}/{folder}/{filename}"
    s3_resource.Bucket(bucket).Object(key).put(Body=csv_buffer.getvalue())


upload_s3_csv("vertebral-train.csv", "train", train)
upload_s3_csv("vertebral-test.csv", "test", test)
upload_s3_csv("vertebral-validate.csv", "validate", validate)

container = image_uris.retrieve("xgboost", session.boto_region_name, "1.0-1")
xgb_trainer = ModelTrainer(
    training_image=container,
    role=role,
    sagemaker_session=session,
    base_job_name="vertebral",
    compute=Compute(instance_count=1, instance_type="ml.m4.xlarge"),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/{prefix}/output/"),
    hyperparameters={"num_round": "42", "eval_metric": "auc", "objective": "binary:logistic"},
)
train_channel = InputData(
    channel_name="train", data_source=f"s3://{bucket}/{prefix}/train/", content_type="text/csv"
)
validate_channel = InputData(
    channel_name="validation", data_source=f"s3://{bucket}/{prefix}/validate/", content_type="text/csv"
)
xgb_trainer.train(input_data_config=[train_channel, validate_channel], logs=False)

xgb_builder = ModelBuilder(model=xgb_trainer, image_uri=container, role_arn=role, sagemaker_session=session)
xgb_model = xgb_builder.build(model_name="vertebral-model")
xgb_endpoint = xgb_builder.deploy(
    endpoint_name="vertebral-endpoint", instance_type="ml.m4.xlarge", initial_instance_count=1
)
row = test.iloc[0:1, 1:]
batch_x_csv_buffer = io.StringIO()
row.to_csv(batch_x_csv_buffer, header=False, index=False)
reply = xgb_endpoint.invoke(body=batch_x_csv_buffer.getvalue(), content_type="text/csv")
one = float(reply.body.read())
configuration = EndpointConfig.get(xgb_endpoint.endpoint_config_name)
xgb_endpoint.delete()
configuration.delete()

batch_x = test.iloc[:, 1:]
upload_s3_csv("batch-in.csv", "batch-in", batch_x)
xgb_transformer = Transformer(
    model_name="vertebral-model",
    instance_count=1,
    instance_type="ml.m4.xlarge",
    strategy="MultiRecord",
    assemble_with="Line",
    output_path=f"s3://{bucket}/{prefix}/batch-out/",
    sagemaker_session=session,
)
xgb_transformer.transform(
    data=f"s3://{bucket}/{prefix}/batch-in/batch-in.csv",
    data_type="S3Prefix",
    content_type="text/csv",
    split_type="Line",
    wait=False,
)
xgb_transformer.wait(logs=False)

obj = boto3.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/batch-out/batch-in.csv.out")
target_predicted = pd.read_csv(io.BytesIO(obj["Body"].read()), header=None, names=["class"])
binary = (target_predicted["class"] > 0.65).astype(int)
target = test.iloc[:, 0]
print(confusion_matrix(target, binary).tolist())
xgb_model.delete()
print()
scores = target_predicted["class"]
print(json.dumps([one, float(scores.iloc[0]), float(roc_auc_score(target, scores)), len(target)]))
