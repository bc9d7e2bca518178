"""``python -m caseindex``."""

from caseindex.cli.main import main

main()
