"""A serving process can open no file and import nothing: every command works after the shell has been imported."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, sys
from tests.service_testing.shell_testing import boot, run
from decnet.services.shell.family import FAMILIES
for distro in ("debian", "rocky9", "alpine", "arch"):
    boot(distro)
seen = []
armed = False
def hook(event, args):
    if armed and event in ("open", "import", "subprocess.Popen", "os.system", "os.exec", "os.fork", "socket.connect", "compile", "exec"):
        if event != "exec" or getattr(args[0], "co_name", "") == "<module>":
            seen.append((event, args[0]))
sys.addaudithook(hook)
LINES = '''
date -d 2024-01-01; TZ=Europe/Amsterdam date; TZ=../../etc/passwd date; cal
echo x > /tmp/a; tar czf /tmp/t.tgz /tmp/a; tar xzf /tmp/t.tgz -C /var/tmp; zip /tmp/z.zip /tmp/a; unzip /tmp/z.zip; gzip -c /tmp/a | zcat
sed -n l /tmp/a; printf '%b' '\\\\u00e9'; echo abc | awk '{print toupper($0), sqrt(2)}'; sort -R /etc/passwd; grep -oP r /etc/passwd
md5sum /tmp/a; sha512sum /tmp/a; b2sum /tmp/a; base64 /tmp/a; xxd /tmp/a; openssl rand -hex 4
find / -name passwd; ls -laR /var; ps aux; top -bn1; w; last; df; free; ip a; ss -tlnp; netstat -rn; arp -a; dmesg; lscpu
python3 -c 'print(1)'; perl -e 'print "x"'; diff /etc/passwd /etc/group; systemctl; dpkg -l; su - -c id; sudo id; crontab -l
cat /proc/*/status /proc/net/*; [[ abc =~ a(.)c ]]; x=$(echo y); echo {1..3} $((3*4)) ${x^^}; foo; cat <<< z; cat <(echo q)
'''
async def main():
    for distro in ("debian", "rocky9", "alpine", "arch"):
        machine = boot(distro)
        for line in LINES.strip().splitlines():
            async with asyncio.timeout(30):
                await run(line, machine=machine)
async def armed_main():
    global armed
    armed = True
    await main()
    armed = False
asyncio.run(armed_main())
print(seen)
"""


def test_no_command_opens_a_file_or_imports_anything() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=100, check=False
    )
    assert ran.stdout.strip() == "[]", ran.stderr[-2000:]
