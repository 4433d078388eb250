from decnet.events import EventType
from decnet.services.accounts import Credential
from tests.service_testing.conftest import Serve, run

OPTIONS = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
USERS = {"users": (Credential("root", "toor"), Credential("deploy", "s3cret"))}


async def test_a_user_logs_in_with_the_password_and_runs_a_command(serve: Serve) -> None:
    running = await serve("ssh", USERS)
    ran = await run(
        "sshpass", "-p", "toor", "ssh", *OPTIONS, "-p", str(running.port), "root@127.0.0.1", "echo $((1+1)) | cat"
    )
    assert (ran.returncode, ran.stdout) == (0, b"2\n"), ran.stderr
    attempt = await running.event(EventType.AUTH)
    assert (attempt.data["principal"], attempt.data["secret"], attempt.data["outcome"]) == ("root", "toor", "accepted")
