"""The programs in the "images": they know the container contract (/opt/ml, /ping) and nothing else."""
