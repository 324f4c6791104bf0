"""Measurements on real photos: they print tables and assert nothing about time. `python -m tests.benchmarks --help`."""
