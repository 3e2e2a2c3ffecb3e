"""`python -m tfae`, the same as the command `tfae`."""

from tfae.cli import main

main(prog_name="tfae")
