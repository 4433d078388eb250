"""What stays behind after `apply`: one small process per network that keeps it as it was applied.

It holds a connection to every decoy process and duplicates of their listening sockets, hears what changes in the
namespaces, and has `decnet repair` put right what is wrong. It reads no byte of an attacker (what custom services print,
and what comes to their ports, it moves on unread) and loads neither the state nor the engine: those run in the repair's
own process, and end with it.
"""
