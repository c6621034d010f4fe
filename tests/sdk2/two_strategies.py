"""A script for SDK 2 that does in one minute what takes an hour on AWS: tuning twice, then an A/B test.

UCI's abalone from the public bucket of examples; the last line on stdout is one JSON object with what it saw.
"""

import json
import random
from collections import Counter

import boto3
import sagemaker
from botocore.exceptions import ClientError
from sagemaker import get_execution_role, image_uris
from sagemaker.debugger import Rule, rule_configs
from sagemaker.inputs import TrainingInput
from sagemaker.session import production_variant
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

session = sagemaker.Session()
bucket, region, role = session.default_bucket(), session.boto_region_name, get_execution_role()
prefix = "sdk2-abalone"
seen = {}

boto3.client("s3").download_file(
    f"sagemaker-example-files-prod-{region}", "datasets/tabular/uci_abalone/abalone.libsvm", "abalone"
)
with open("abalone") as file:  # noqa: PTH123 (as people write it)
    rows = file.readlines()
random.Random(5).shuffle(rows)
channels = {}
for channel, part in (("train", rows[:3000]), ("validation", rows[3000:4000])):
    body = "".join(part).encode()
    boto3.resource("s3").Bucket(bucket).Object(f"{prefix}/{channel}/abalone").put(Body=body)
    channels[channel] = TrainingInput(f"s3://{bucket}/{prefix}/{channel}", content_type="libsvm")
seen["rows"] = len(rows)

image = image_uris.retrieve("xgboost", region, "1.7-1")


def new_estimator(**more):
    return sagemaker.estimator.Estimator(
        image,
        role,
        instance_count=1,
        instance_type="ml.m5.xlarge",
        output_path=f"s3://{bucket}/{prefix}/output",
        sagemaker_session=session,
        hyperparameters={"objective": "reg:squarederror", "num_round": 20, "eval_metric": "rmse"},
        **more,
    )


names, best = [], []
for strategy in ("Random", "Bayesian"):
    tuner = HyperparameterTuner(
        new_estimator(),
        "validation:rmse",
        {"eta": ContinuousParameter(0.1, 0.5), "max_depth": IntegerParameter(2, 6)},
        objective_type="Minimize",
        max_jobs=2,
        max_parallel_jobs=2,
        strategy=strategy,
    )
    tuner.fit(channels)
    names.append(tuner.latest_tuning_job.name)
    best.append(tuner.analytics().dataframe()["FinalObjectiveValue"].min())
seen["different"], seen["rmse"] = len(set(names)) == 2, best

watched = new_estimator(rules=[Rule.sagemaker(rule_configs.loss_not_decreasing())])
watched.fit(channels, logs=False)
seen["rules"] = [each["RuleEvaluationStatus"] for each in watched.latest_training_job.rule_job_summary()]

client, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
variants = []
for number, data in enumerate((tuner.best_estimator().model_data, watched.model_data), 1):
    session.create_model(f"abalone-{number}", role, {"Image": image, "ModelDataUrl": data})
    variants.append(production_variant(f"abalone-{number}", "ml.m5.large", variant_name=f"Variant{number}"))
session.endpoint_from_production_variants("abalone-ab", variants)
payload = rows[4000].encode()


def ask(**more):
    reply = runtime.invoke_endpoint(
        EndpointName="abalone-ab", ContentType="text/libsvm", Body=payload, **more
    )
    return reply["InvokedProductionVariant"], float(reply["Body"].read())


seen["even"] = Counter(ask()[0] for _ in range(10))
seen["target"] = [ask(TargetVariant=f"Variant{number}")[0] for number in (1, 2)]
client.update_endpoint_weights_and_capacities(
    EndpointName="abalone-ab",
    DesiredWeightsAndCapacities=[
        {"VariantName": "Variant1", "DesiredWeight": 1},
        {"VariantName": "Variant2", "DesiredWeight": 4},
    ],
)
client.get_waiter("endpoint_in_service").wait(EndpointName="abalone-ab")
seen["uneven"] = Counter(ask()[0] for _ in range(10))
seen["rings"] = [float(rows[4000].split()[0]), ask()[1]]

iam = boto3.client("iam")
for policy in ("AmazonSageMakerFullAccess", "AmazonS3FullAccess"):
    iam.attach_role_policy(RoleName=role.split("/")[-1], PolicyArn=f"arn:aws:iam::aws:policy/{policy}")

absent = {
    "CreateModelPackageGroup": lambda: client.create_model_package_group(ModelPackageGroupName="group"),
    "CreateAutoMLJob": lambda: sagemaker.automl.automl.AutoML(role, "rings", sagemaker_session=session).fit(
        f"s3://{bucket}/{prefix}/train", wait=False
    ),
    "ListMonitoringSchedules": lambda: sagemaker.Predictor("abalone-ab").list_monitors(),
}
seen["absent"] = {}
for operation, call in absent.items():
    try:
        call()
    except ClientError as error:
        said = error.response["Error"]
        seen["absent"][operation] = [said["Code"], operation in said["Message"]]

session.delete_endpoint("abalone-ab")
session.delete_endpoint_config("abalone-ab")

print()
print(json.dumps(seen))
