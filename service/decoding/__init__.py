"""Photos are decoded apart: headers first, then in a process that may crash."""
