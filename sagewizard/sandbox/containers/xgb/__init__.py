"""XGBoost in algorithm mode: the programs behind the images `xgboost:1` and `sagemaker-xgboost`."""
