"""A decoy process with the real control socket and privileges, whose every service says its name and then echoes.

A client that sends ``die`` makes it end as a crash does.
"""

import os

from decnet.decoy import __main__ as process
from decnet.decoy import fleet


class Echo:
    def __init__(self, bundle):
        self.greeting = f"{bundle.decoy} {bundle.service} {bundle.persona.decode()}\n".encode()

    async def handle(self, session):
        reader, writer = await session.streams()
        writer.write(self.greeting)
        while line := await reader.readline():
            if line == b"die\n":
                os._exit(9)
            writer.write(line)


process.preload = lambda: None
fleet.handler = lambda bundle, previous=None: Echo(bundle)
process.main()
