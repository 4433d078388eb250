"""What a router and a printer show over telnet."""

import re

from decnet.events import EventType
from decnet.services.accounts import Credential
from decnet.services.telnet.ios import grammar
from decnet.services.telnet.ios.screens import uptime
from tests.service_testing.conftest import Running, Serve
from tests.service_testing.telnet_client import Client

ROUTER = {"device": "cisco", "users": (Credential("admin", "cisco"),), "enable": "s3cret"}
AS = {"os": "cisco", "distro": None, "hostname": "rtr01"}


async def entered(running: Running) -> Client:
    client = await Client.to(running.port)
    assert await client.until(b"Username: ") == b"\r\n\r\nUser Access Verification\r\n\r\nUsername: "
    client.type(b"admin\r\n")
    await client.until(b"Password: ")
    client.type(b"cisco\r\n")
    assert await client.until(b"rtr01>") == b"\r\nrtr01>"
    return client


async def enabled(running: Running) -> Client:
    client = await entered(running)
    client.type(b"en\r\n")
    await client.until(b"Password: ")
    client.type(b"s3cret\r\n")
    await client.until(b"rtr01#")
    assert "% Invalid" not in await asked(client, "terminal length 0")
    return client


async def asked(client: Client, command: str, prompt: bytes = b"rtr01#") -> str:
    client.type(command.encode() + b"\r\n")
    return (await client.until(prompt)).decode()


async def test_a_router_opens_as_ios_does_and_asks_for_the_terminal_type(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await Client.to(running.port, (24, 31), (1, 3))
    await client.until(b"Username: ")
    assert client.heard[:4] == ["WILL ECHO", "WILL SGA", "DO TTYPE", "DO NAWS"]
    await client.settle(0.2)
    assert client.heard[-1] == "SB TTYPE 01"
    client.writer.close()
    assert (await running.event(EventType.FINGERPRINT)).data["terminal"] == "xterm"


async def test_three_wrong_passwords_are_too_many(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await Client.to(running.port)
    for _ in range(3):
        await client.until(b"Username: ")
        client.type(b"admin\r\n")
        await client.until(b"Password: ")
        client.type(b"admin\r\n")
    assert await client.rest() == b"\r\n% Login invalid\r\n\r\n"
    client.writer.close()
    told = [event.data["outcome"] for event in running.events if event.type == EventType.AUTH]
    assert told == ["refused"] * 3


async def test_what_a_router_says_agrees_with_what_it_is(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await enabled(running)
    version = await asked(client, "show version")
    assert re.search(r"rtr01 uptime is (\d+ \w+, )*\d+ minutes?\r\n", version)
    serial = re.search(r"Processor board ID (\w{11})\r\n", version)
    assert serial
    config = await asked(client, "show running-config")
    assert f"sn {serial[1]}" in config
    assert "hostname rtr01\r\n" in config
    assert "ip address 198.51.100.10 255.255.255.0" in config
    assert re.search(
        r"GigabitEthernet0/0 +198\.51\.100\.10 +YES NVRAM +up", await asked(client, "sh ip int br")
    )
    assert "address is 0050.5611.2233 (bia 0050.5611.2233)" in await asked(client, "show int gi0/0")
    assert re.search(r"Internet  198\.51\.100\.10 +-   0050\.5611\.2233  ARPA", await asked(client, "sh arp"))
    assert re.search(r"\*388 vty 0  admin +idle +00:00:00 127\.0\.0\.1", await asked(client, "show users"))
    client.writer.close()


async def test_two_routers_share_no_number(serve: Serve) -> None:
    async def numbers(name: str) -> set[str]:
        client = await enabled(await serve("telnet", ROUTER, **AS, name=name))
        shown = await asked(client, "show inventory") + await asked(client, "show run | i secret")
        client.writer.close()
        return set(re.findall(r"SN: (\w+)|secret 5 (\S+)", shown))

    one, other = await numbers("a"), await numbers("b")
    assert one
    assert not one & other


async def test_mistakes_are_answered_as_ios_does(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await enabled(running)
    wrong = "% Invalid input detected at '^' marker.\r\n\r\nrtr01#"
    assert await asked(client, "wget x") == f"wget x\r\n{' ' * 7}^\r\n{wrong}"
    assert await asked(client, "show versoin") == f"show versoin\r\n{' ' * 15}^\r\n{wrong}"
    assert await asked(client, "s") == 's\r\n% Ambiguous command:  "s"\r\nrtr01#'
    assert await asked(client, "terminal length") == "terminal length\r\n% Incomplete command.\r\n\r\nrtr01#"
    assert await asked(client, "show") == 'show\r\n% Type "show ?" for a list of subcommands\r\nrtr01#'
    client.writer.close()


async def test_a_user_without_the_secret_sees_no_configuration(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await entered(running)
    assert "Invalid input" in await asked(client, "show running-config", b"rtr01>")
    client.type(b"enable\r\n")
    for _ in range(3):
        await client.until(b"Password: ")
        client.type(b"guess\r\n")
    assert (await client.until(b"rtr01>")).endswith(b"% Bad secrets\r\n\r\nrtr01>")
    client.writer.close()
    tried = [event.data for event in running.events if event.data.get("method") == "enable"]
    assert [(one["secret"], one["outcome"]) for one in tried] == [("guess", "refused")] * 3


async def test_help_and_completion_act_at_once(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await enabled(running)
    client.type(b"show ver?")
    assert await client.until(b"#show ver") == b"show ver?\r\nversion\r\n\r\nrtr01#show ver"
    client.type(b"\t")
    assert await client.until(b"#show version ") == b"\r\nrtr01#show version "
    client.type(b"\x15show ip ?")
    shown = await client.until(b"#show ip ")
    assert b"  arp        IP ARP table\r\n" in shown
    client.writer.close()


async def test_a_long_output_stops_after_each_screen(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await enabled(running)
    await asked(client, "terminal length 10")
    client.type(b"show version\r\n")
    assert (await client.until(b" --More-- ")).count(b"\r\n") == 10
    client.type(b" ")
    assert (await client.until(b" --More-- ")).count(b"\r\n") == 9
    client.type(b"q")
    assert (await client.until(b"rtr01#")).endswith(b"\r\nrtr01#")
    client.writer.close()


async def test_a_configuration_is_kept_for_the_session(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    client = await enabled(running)
    assert "End with CNTL/Z." in await asked(client, "conf t", b"(config)#")
    await asked(client, "username evil privilege 15 secret pw", b"(config)#")
    await asked(client, "int gi0/1", b"(config-if)#")
    await asked(client, "no shutdown", b"(config-if)#")
    await asked(client, "hostname owned", b"owned(config)#")
    client.type(b"\x1a")
    await client.until(b"owned#")
    config = await asked(client, "show run", b"owned#")
    assert "hostname owned\r\n" in config
    assert "username evil privilege 15 secret pw\r\n" in config
    client.writer.close()
    told = [event.data["command"] for event in running.events if event.type == EventType.COMMAND]
    assert "username evil privilege 15 secret pw" in told


async def test_a_sixth_visitor_finds_no_free_line(serve: Serve) -> None:
    running = await serve("telnet", ROUTER, **AS)
    clients = [await Client.to(running.port) for _ in range(6)]
    for client in clients[:5]:
        await client.until(b"Username: ")
    assert await clients[5].rest() == b""
    for client in clients:
        client.writer.close()


async def test_a_printer_has_no_password_and_keeps_what_is_set(serve: Serve) -> None:
    running = await serve(
        "telnet", os="embedded", distro=None, hostname="prn01", persona={"device": "printer"}
    )
    client = await Client.to(running.port, (), (1, 3))
    assert (await client.until(b"> ")).startswith(
        b"\x07HP JetDirect\r\nPassword is not set\r\n\r\nPlease type"
    )
    client.type(b"host-name: OWNED\r\n")
    await client.until(b"> ")
    client.type(b"/\r\n")
    shown = await client.until(b"> ")
    assert b"Host Name\t: OWNED\r\n" in shown
    assert b"IP Address\t: 198.51.100.10\r\n" in shown
    client.type(b"menu\r\n3\r\n0\r\nquit\r\n")
    assert b"Status\t\t: Ready" in await client.rest()
    client.writer.close()
    assert (await running.event(EventType.COMMAND)).data["command"] == "host-name: OWNED"


async def test_a_printer_with_accounts_asks_for_them(serve: Serve) -> None:
    running = await serve("telnet", {"device": "printer", "users": (Credential("admin", "admin"),)})
    client = await Client.to(running.port, (), (1, 3))
    await client.until(b"Enter username: ")
    client.type(b"admin\r\n")
    await client.until(b"Enter password: ")
    client.type(b"admin\r\n")
    await client.until(b"> ")
    client.writer.close()
    assert (await running.event(EventType.AUTH)).data["outcome"] == "accepted"


def test_every_command_of_the_tree_can_be_cut_short_or_written_out() -> None:
    root = grammar.tree("user", "priv")
    assert grammar.resolve(root, "sh ip int br") == ("screen brief", (), "show ip interface brief")
    assert grammar.resolve(root, "term len 0") == ("length", ("0",), "terminal length 0")
    assert grammar.resolve(root, "copy tftp: running-config")[0] == "transfer"
    assert grammar.resolve(grammar.tree("user"), "conf t") == ("invalid", 3, "")


def test_an_uptime_is_spelled_as_ios_does() -> None:
    assert uptime(0) == "0 minutes"
    assert uptime(86400 * 2 + 3600 * 13) == "2 days, 13 hours, 0 minutes"
    assert uptime(86400 * 8 + 3600 + 60) == "1 week, 1 day, 1 hour, 1 minute"
