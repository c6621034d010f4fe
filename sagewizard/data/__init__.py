"""Datasets and their formats: where data comes from, how it is read, checked, split and written."""
