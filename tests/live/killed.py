"""``python -m tests.live.killed MOMENT NUMBER decnet-words…``: the command, killed at one act on the machine.

``before`` act NUMBER (its intent is in the journal), ``after`` it (nothing says yet that it is done), or ``between``
(when its effect has been written), ``within`` link NUMBER (made, and without its addresses), or as soon as what an
earlier kill left is ``resolved`` in the journal. SIGKILL, by the process itself: no handler runs, nothing is flushed.
With ``count`` for a moment nothing happens, and the number of acts is written to the file that NUMBER names.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from decnet import cli
from decnet.state.writer import Store
from decnet.world import links
from decnet.world.linux import LinuxWorld

moment, where, *words = sys.argv[1:]
acts = itertools.count()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def struck(act):
    def strike(self, *arguments, **named):
        number = next(acts)
        if moment == "before" and number == int(where):
            die()
        act(self, *arguments, **named)
        if moment == "after" and number == int(where):
            die()

    return strike


def recorded(finish):
    def record(self, effects, *rest):
        finish(self, effects, *rest)
        if moment == "between" and any(effect.op >= int(where) for effect in effects):
            die()

    return record


def halved(configure):
    numbers = itertools.count()

    def begin(link, *, fresh):
        if moment == "within" and next(numbers) == int(where):
            die()
        configure(link, fresh=fresh)

    return begin


def resolved(resolve):
    def settle(self, *arguments, **named):
        resolve(self, *arguments, **named)
        if moment == "resolved":
            die()

    return settle


for name in ("create", "update", "remove", "remove_all"):
    setattr(LinuxWorld, name, struck(getattr(LinuxWorld, name)))
Store.finish = recorded(Store.finish)
Store.resolve = resolved(Store.resolve)
links._configure = halved(links._configure)
sys.argv = ["decnet", *words]
try:
    cli.main()
finally:
    if moment == "count":
        Path(where).write_text(str(next(acts)))
