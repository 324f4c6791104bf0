"""The commands of `python -m models.training`, by what they make."""
