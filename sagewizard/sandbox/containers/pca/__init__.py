"""The PCA image: training and serving."""
