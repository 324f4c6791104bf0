"""Bulk work: uploads of many lines, worked through beside checks and after them."""
