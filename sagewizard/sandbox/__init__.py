"""The embedded SageMaker: one server process on this machine that really trains and really serves."""
