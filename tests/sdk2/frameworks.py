"""A script for SDK 2: scikit-learn preprocessing, XGBoost script mode, and an inference pipeline of both.

The steps of the abalone tutorials over a table made here; the last line on stdout is one JSON object.
"""

# ruff: noqa: PTH100, PTH118, PTH120, PTH123 (written as tutorials are)
import json
import os

import numpy as np
import pandas as pd
import sagemaker
from sagemaker import get_execution_role, image_uris
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.transformer import Transformer
from sagemaker.xgboost import XGBoost, XGBoostModel

CODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "code")
session = sagemaker.Session()
role, bucket, region = get_execution_role(), session.default_bucket(), session.boto_region_name
random = np.random.default_rng(7)
length, weight = random.uniform(0.1, 0.8, 400), random.uniform(0.1, 2.0, 400)
sex = random.choice(["F", "I", "M"], 400)
rings = np.round(10 * length + 3 * weight - 2 * (sex == "I") + random.normal(0, 0.2, 400), 3)
table = pd.DataFrame({"sex": sex, "length": length.round(4), "weight": weight.round(4), "rings": rings})
table.to_csv("abalone.csv", header=False, index=False)
table.drop(columns="rings").head(5).to_csv("rows.csv", header=False, index=False)
raw = session.upload_data("abalone.csv", key_prefix="frameworks/raw")
rows = session.upload_data("rows.csv", key_prefix="frameworks/rows")
seen = {}

# Preprocessing as a training job, then a batch transform that keeps the label in the first column.
features = SKLearn(
    entry_point=os.path.join(CODE, "abalone_features.py"), role=role, framework_version="1.2-1",
    instance_type="ml.c4.xlarge", instance_count=1, sagemaker_session=session,
)  # fmt: skip
features.fit({"train": raw})
transformer = features.transformer(
    instance_count=1, instance_type="ml.m5.large", assemble_with="Line", accept="text/csv"
)
transformer.transform(raw, content_type="text/csv")
transformer.wait()
prepared = transformer.output_path
client = session.sagemaker_client
s3 = session.boto_session.client("s3")
key = f"{prepared.split('/', 3)[3]}/abalone.csv.out"
lines = s3.get_object(Bucket=prepared.split("/")[2], Key=key)["Body"].read().decode().splitlines()
seen["prepared"] = [len(lines), lines[0].count(",")]

# XGBoost in script mode on what came out.
boost = XGBoost(
    entry_point="abalone_boost.py", source_dir=CODE, framework_version="1.7-1", role=role,
    hyperparameters={"max_depth": 4, "eta": 0.3, "objective": "reg:squarederror", "num_round": 30},
    instance_count=1, instance_type="ml.m5.xlarge", output_path=f"s3://{bucket}/frameworks/boost",
    metric_definitions=[
        {"Name": "validation:rmse", "Regex": r".*\[[0-9]+\].*#011validation-rmse:([-+]?[0-9]*\.?[0-9]+).*"}
    ],
)  # fmt: skip
channel = TrainingInput(prepared, content_type="text/csv")
boost.fit({"train": channel, "validation": channel})
job = client.describe_training_job(TrainingJobName=boost.latest_training_job.name)
seen["metrics"] = {item["MetricName"]: item["Value"] for item in job["FinalMetricDataList"]}
seen["definitions"] = [item["Name"] for item in job["AlgorithmSpecification"]["MetricDefinitions"]]
predictor = boost.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
first = np.array([[float(x) for x in line.split(",")[1:]] for line in lines[:5]])
found = predictor.predict(first)
seen["script"] = [row[0] for row in found]
seen["sums"] = [abs(sum(row[1:]) - row[0]) < 1e-3 for row in found]
again = XGBoost.attach(boost.latest_training_job.name)
seen["attached"] = [again.entry_point, again.hyperparameters()["num_round"], again.framework_version]
own = XGBoostModel(
    model_data=boost.model_data, role=role, entry_point=os.path.join(CODE, "abalone_boost.py"),
    framework_version="1.7-1",
)  # fmt: skip
second = own.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=CSVDeserializer())
seen["from model"] = [float(row[0]) for row in second.predict(first)]

# Raw rows in, rings out: both containers behind one endpoint.
image = image_uris.retrieve("xgboost", region, "1.7-1")
algorithm = Estimator(
    image, role, instance_count=1, instance_type="ml.m4.xlarge", sagemaker_session=session,
    output_path=f"s3://{bucket}/frameworks/algorithm",
)  # fmt: skip
algorithm.set_hyperparameters(objective="reg:squarederror", num_round=30, max_depth=4, eta=0.3)
algorithm.fit({"train": channel, "validation": channel}, logs=False)
features_model = features.create_model(env={"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"})
pipeline = PipelineModel(
    name="abalone-pipeline", role=role, models=[features_model, algorithm.create_model()],
    sagemaker_session=session,
)  # fmt: skip
pipeline.deploy(initial_instance_count=1, instance_type="ml.c4.xlarge", endpoint_name="abalone-pipeline")
whole = Predictor("abalone-pipeline", session, CSVSerializer(), CSVDeserializer())
with open("rows.csv") as file:
    seen["pipeline"] = [float(row[0]) for row in whole.predict(file.read())]
seen["kinds"] = [
    len(client.describe_model(ModelName="abalone-pipeline")["Containers"]),
    float(whole.predict([["M", 0.3, 1.0]])[0][0]),
]
batch = Transformer(
    model_name="abalone-pipeline", instance_count=1, instance_type="ml.m5.large", assemble_with="Line",
    output_path=f"s3://{bucket}/frameworks/batch", accept="text/csv", sagemaker_session=session,
)  # fmt: skip
batch.transform(rows, content_type="text/csv", split_type="Line")
batch.wait()
seen["batch"] = [float(x) for x in session.read_s3_file(bucket, "frameworks/batch/rows.csv.out").split()]
seen["true"] = rings[:5].tolist()
for each in (predictor, second, whole):
    each.delete_endpoint()

print()
print(json.dumps(seen))
