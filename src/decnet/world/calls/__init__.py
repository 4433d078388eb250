"""What a real sshd does, heard from outside by its system calls: nothing of this is in its container.

Two small programs (`decnet.world.calls.program`) look at what processes called ``sshd`` in one pid namespace read,
write and run, and put it into a ring that whoever has its descriptor can read (`decnet.decoy.ring`). They are gone
when their descriptors are closed. Visitors are not held up: what finds no room in the ring is lost.
"""

from __future__ import annotations

from decnet.world.calls.attach import Hearing, check, hear

__all__ = ["Hearing", "check", "hear"]
