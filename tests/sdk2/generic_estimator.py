"""A script for SDK 2: the generic Estimator with Linear Learner's image, from its data to its deletion.

Bundled breast-cancer data; the last line on stdout is one JSON object with what was seen.
"""

import json

import numpy as np
import sagemaker
from sagemaker import get_execution_role, image_uris
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer, JSONLinesDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sklearn.datasets import load_breast_cancer

features, labels = load_breast_cancer(return_X_y=True)
order = np.random.default_rng(3).permutation(len(labels))
features, labels = features[order], labels[order]
table = np.column_stack([labels, features])
np.savetxt("train.csv", table[:400], delimiter=",", fmt="%.6g")
np.savetxt("validation.csv", table[400:480], delimiter=",", fmt="%.6g")
np.savetxt("batch.csv", features[480:], delimiter=",", fmt="%.6g")

session = sagemaker.Session()
role = get_execution_role()
bucket = session.default_bucket()
prefix = "sdk2-generic"
train = session.upload_data("train.csv", bucket=bucket, key_prefix=f"{prefix}/train")
validation = session.upload_data("validation.csv", bucket=bucket, key_prefix=f"{prefix}/validation")
batch = session.upload_data("batch.csv", bucket=bucket, key_prefix=f"{prefix}/batch")

estimator = Estimator(
    image_uris.retrieve("linear-learner", session.boto_region_name),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/{prefix}/output",
    sagemaker_session=session,
    tags=[{"Key": "project", "Value": "sdk2"}],
)
estimator.set_hyperparameters(
    predictor_type="binary_classifier", feature_dim=30, mini_batch_size=50, epochs=8, num_models=4
)
estimator.fit(
    {
        "train": TrainingInput(train, content_type="text/csv"),
        "validation": TrainingInput(validation, content_type="text/csv"),
    },
    logs="All",
)
job = estimator.latest_training_job.name

attached = Estimator.attach(job, sagemaker_session=session)
analytics = TrainingJobAnalytics(job, ["train:objective_loss", "validation:objective_loss"]).dataframe()

rows = features[480:483]
predictor = attached.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=CSVSerializer(),
    deserializer=JSONDeserializer(),
)
answers = {"csv": predictor.predict(rows)["predictions"]}
predictor.serializer = JSONSerializer()
answers["json"] = predictor.predict({"instances": [{"features": list(row)} for row in rows]})["predictions"]
predictor.deserializer = CSVDeserializer()
predictor.serializer = CSVSerializer()
answers["to_csv"] = predictor.predict(rows)
predictor.deserializer = JSONLinesDeserializer()
answers["to_json_lines"] = predictor.predict(rows)

transformer = attached.transformer(
    instance_count=1,
    instance_type="ml.m5.large",
    strategy="MultiRecord",
    assemble_with="Line",
    accept="text/csv",
    output_path=f"s3://{bucket}/{prefix}/batch-out",
)
transformer.transform(batch, content_type="text/csv", split_type="Line", logs=True)
transformer.wait(logs=False)
lines = session.read_s3_file(bucket, f"{prefix}/batch-out/batch.csv.out").splitlines()
predicted = np.array([int(float(line.split(",")[0])) for line in lines])

predictor.delete_model()
predictor.delete_endpoint(delete_endpoint_config=True)
transformer.delete_model()
client = session.sagemaker_client

print()
print(
    json.dumps(
        {
            "role": role,
            "bucket": bucket,
            "attached": attached.hyperparameters()["predictor_type"],
            "artifact": attached.model_data,
            "tags": client.list_tags(
                ResourceArn=client.describe_training_job(TrainingJobName=job)["TrainingJobArn"]
            )["Tags"],
            "columns": list(analytics.columns),
            "metrics": sorted(analytics["metric_name"].unique()),
            "answers": answers,
            "accuracy": float(np.mean(predicted == labels[480:])),
            # Deleting is a status of its own, here as on AWS.
            "endpoints": len(client.list_endpoints(StatusEquals="InService")["Endpoints"]),
            "models": len(client.list_models()["Models"]),
        }
    )
)
