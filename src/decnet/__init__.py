"""decnet: a declarative deployer of deception networks."""

__version__ = "0.1.0"
