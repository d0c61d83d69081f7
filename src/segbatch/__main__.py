"""`python -m segbatch`."""

from segbatch.cli import main

main()
