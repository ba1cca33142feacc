"""``python -m backend.cli``: the same as the command ``lianwen``."""

from backend.cli.main import main

main()
