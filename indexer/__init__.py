"""Sources → records → passages → index. Knows nothing of the web service that searches what it builds."""
