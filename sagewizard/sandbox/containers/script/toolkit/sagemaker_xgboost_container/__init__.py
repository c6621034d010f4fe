"""What scripts import of the XGBoost image: encoder, data_utils and distributed."""
