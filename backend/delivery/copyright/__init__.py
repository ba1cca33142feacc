"""The copyright ledger: what was copied of which work for whom, and the limits."""
