"""`python -m tryon`."""

from tryon.cli import main

main(prog_name="tryon")
