"""Files and bodies made to harm a service that takes photos of strangers; `python -m tests.hostile DIR` writes them."""
