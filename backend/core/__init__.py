"""What every domain stands on: settings, errors, database, callers, limits, events, leased work."""
