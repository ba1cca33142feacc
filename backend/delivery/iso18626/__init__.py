"""ISO 18626: requests exchanged with libraries outside the consortium."""
