"""What shuts a program of the host in as a custom service, and keeps it running: one process for each of them.

It is the first process of a process namespace, so whatever the program started ends with it. It holds no privilege by
the time the program runs: what the program prints, and a visitor has a say in, is read without any.
"""
