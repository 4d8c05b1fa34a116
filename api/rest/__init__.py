"""The REST routes, with their request and response models."""
