"""A serving process can open no file and import nothing: every device works after the server has been imported."""

import subprocess
import sys

SCRIPT = """
import asyncio, socket, sys
from decnet.decoy.fleet import handler
from decnet.decoy.listener import Limits, Listener, Place
from decnet.services.accounts import Credential
from tests.service_testing.conftest import rendered
from tests.service_testing.telnet_client import Client
armed, seen = False, []
def hook(event, args):
    if armed and event in ("open", "import", "subprocess.Popen", "os.exec", "os.fork"):
        seen.append((event, args[0]))
sys.addaudithook(hook)
TYPED = {"linux": b"id; ls -l /etc", "busybox": b"id", "cisco": b"show clock", "printer": b"/"}
async def main():
    global armed
    for device, typed in TYPED.items():
        persona = {"device": device, "users": (Credential("root", "toor"),)}
        bundle = rendered("telnet", persona)
        listening, made = socket.create_server(("127.0.0.1", 0)), handler(bundle)
        listener = Listener(Place("n", "d", "telnet"), [listening], made, lambda event: None, Limits())
        armed = True
        client = await Client.to(listening.getsockname()[1], (24, 31), (1, 3))
        for word in (b"root", b"toor", typed, b"exit"):
            await client.settle(0.5)
            client.type(word + b"\\r\\n")
        await client.rest()
        client.writer.close()
        armed = False
        await listener.stop()
asyncio.run(main())
print(seen)
"""


def test_no_device_opens_a_file_or_imports_anything() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=100, check=False
    )
    assert ran.stdout.strip() == "[]", ran.stderr[-2000:]
