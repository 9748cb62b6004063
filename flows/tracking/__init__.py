"""What MLflow and Prefect are told about runs."""
