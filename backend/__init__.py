"""Lianwen (联问): the reference service of a regional library consortium."""
