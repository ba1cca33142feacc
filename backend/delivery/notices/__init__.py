"""Notices and letters: written with the change they tell of, sent at least once."""
