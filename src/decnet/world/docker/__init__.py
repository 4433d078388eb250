"""The Docker Engine: where it is, and what is asked of it. The one package that loads its SDK."""
