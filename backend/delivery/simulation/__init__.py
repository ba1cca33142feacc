"""What another routing rule would have meant: a synthetic year, or one's own history, replayed."""
