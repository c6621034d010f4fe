"""The sandbox's front door: who may come in, which part answers, and S3 and CloudWatch Logs themselves."""
