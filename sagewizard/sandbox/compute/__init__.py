"""The compute plane: container processes, the training runner, model servers and batch transform."""
