"""The read-only HTTP API. It alone imports the web framework, and only `decnet api` imports it."""
