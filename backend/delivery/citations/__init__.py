"""A citation in free text, read into its parts."""
