"""Linear Learner: the training and the serving program behind the image `linear-learner:1`."""
