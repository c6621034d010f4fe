"""The SageMaker API of the sandbox: validation, resources, operations, job supervisors and InvokeEndpoint."""
