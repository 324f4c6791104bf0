"""Photos from URLs: off until hosts are named, and then from nowhere else."""
