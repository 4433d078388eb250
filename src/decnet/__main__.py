"""``python -m decnet``: the command, where its script is not on the path."""

from decnet.cli import main

main()
