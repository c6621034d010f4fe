"""A script for version 3 of the SageMaker SDK: ModelTrainer and the resources of sagemaker.core.

The last line on stdout is one JSON object with what was seen.
"""

import json
import random

import boto3
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig

session = Session()
role = get_execution_role()
bucket = session.default_bucket()
generator = random.Random(1)
rows = [f"{i % 2},{(i % 2) * 4 + generator.random()},{generator.random()}" for i in range(400)]
boto3.client("s3").put_object(Bucket=bucket, Key="v3/train/a.csv", Body="\n".join(rows).encode())
image = image_uris.retrieve("linear-learner", "us-east-1")

trainer = ModelTrainer(
    training_image=image,
    role=role,
    sagemaker_session=session,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={
        "predictor_type": "binary_classifier",
        "mini_batch_size": 50,
        "epochs": 5,
        "num_models": 2,
    },
    base_job_name="v3",
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/v3/out"),
)
source = InputData(channel_name="train", data_source=f"s3://{bucket}/v3/train/", content_type="text/csv")
trainer.train(input_data_config=[source], wait=True, logs=False)
found = [each for each in TrainingJob.get_all() if each.training_job_name.startswith("v3-")]
job = TrainingJob.get(found[0].training_job_name)

container = ContainerDefinition(image=image, model_data_url=job.model_artifacts.s3_model_artifacts)
model = Model.create(model_name="v3-model", primary_container=container, execution_role_arn=role)
variant = ProductionVariant(
    variant_name="A", model_name="v3-model", instance_type="ml.m5.large", initial_instance_count=1
)
config = EndpointConfig.create(endpoint_config_name="v3-config", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name="v3-endpoint", endpoint_config_name="v3-config")
endpoint.wait_for_status("InService")
reply = endpoint.invoke(body=b"4.5,0.2\n0.5,0.2", content_type="text/csv", accept="application/json")
answer = json.loads(reply.body.read())
endpoint.delete()
config.delete()
model.delete()

print()
print(json.dumps({"role": role, "status": job.training_job_status, "answer": answer}))
