"""The process that ships a network's events to its sinks."""
