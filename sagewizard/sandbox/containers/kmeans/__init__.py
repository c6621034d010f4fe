"""The K-Means image: training and serving."""
