"""The consortium: its members, their agreements, its staff accounts and its ISO 18626 peers."""
