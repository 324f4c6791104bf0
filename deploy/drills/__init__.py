"""Faults on purpose, as repeatable commands: `python -m deploy.drills --help`."""
