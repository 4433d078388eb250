"""What decnet did last: one SQLite database, read without a trace and written op by op.

SQLAlchemy takes 0.2 s to import, so it is loaded by `read` and `store` only, and by `read` only where a database is.
"""

from decnet.state.access import directory, networks, read, store
from decnet.state.lock import Holder, is_held, lock
from decnet.state.model import About, Effect, Entry, Failure, Saved, Snapshot

__all__ = [
    "About",
    "Effect",
    "Entry",
    "Failure",
    "Holder",
    "Saved",
    "Snapshot",
    "directory",
    "is_held",
    "lock",
    "networks",
    "read",
    "store",
]
