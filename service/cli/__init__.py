"""The command line `selvedge`: serve, add, check, doctor, demo, settings."""
