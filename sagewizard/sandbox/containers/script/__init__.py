"""The framework images: they run a person's own training script and serve with its functions."""
