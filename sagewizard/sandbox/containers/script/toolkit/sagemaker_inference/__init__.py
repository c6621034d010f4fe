"""What scripts import of SageMaker's inference toolkit: content_types, encoder and decoder."""
