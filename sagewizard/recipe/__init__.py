"""Recipes: YAML files that name a dataset, an algorithm, the steps to take and the texts a learner reads."""
