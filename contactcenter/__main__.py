"""``python -m contactcenter``."""

from contactcenter.cli import main

main()
