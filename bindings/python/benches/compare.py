"""The package beside asyncssh and paramiko, on one sshd: many commands, and one large download.

    python benches/compare.py [--commands 1000] [--megabytes 1024] [--rounds 3]

Ours goes through a whole site (broker, relay, Jumpoint with its gate and recording); the others go to the sshd directly, with a
password, and check no host key. Each round measures all of them, in another order each time. What is printed is the best wall time, the CPU
time of this process in that round, and both as ratios to ours. The servers and the site run as other processes on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import pathlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import asyncssh
import paramiko

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))

import conftest  # noqa: E402

import jump  # noqa: E402

Work = Callable[[], None]


class Peers:
    """Each peer with a connection that is open before anything is measured."""

    def __init__(self, site: conftest.Site, folder: pathlib.Path, file: str) -> None:
        self.site, self.folder, self.file = site, folder, file
        self.ssh = site.servers.ssh

    def ours(self, count: int) -> dict[str, Work]:
        async def commands() -> None:
            async with jump.connect(self.site.ada) as rep, rep.shell("web-1") as shell:
                await timed(lambda: self._many(shell, count))

        async def download() -> None:
            async with jump.connect(self.site.ada) as rep, rep.shell("web-1") as shell:
                await timed(lambda: shell.download(self.file, self.folder / "ours"))

        def blocking() -> None:
            with jump.sync.connect(self.site.ada) as rep, rep.shell("web-1") as shell:
                with clock():
                    for _ in range(count):
                        shell.run("true")

        return {
            "commands: jump": lambda: asyncio.run(commands()),
            "commands: jump.sync": blocking,
            "download: jump": lambda: asyncio.run(download()),
        }

    async def _many(self, shell: jump.Shell, count: int) -> None:
        for _ in range(count):
            await shell.run("true")

    def asyncssh(self, count: int) -> dict[str, Work]:
        def connect() -> asyncssh.connection._SSHClientConnectionManager:
            return asyncssh.connect(
                "127.0.0.1",
                self.ssh["port"],
                username=self.ssh["user"],
                password=self.ssh["password"],
                known_hosts=None,
                config=None,
                client_keys=None,
            )

        async def commands() -> None:
            async with connect() as connection:

                async def many() -> None:
                    for _ in range(count):
                        await connection.run("true")

                await timed(many)

        async def download() -> None:
            async with connect() as connection, connection.start_sftp_client() as sftp:
                await timed(lambda: sftp.get(self.file, str(self.folder / "asyncssh")))

        return {
            "commands: asyncssh": lambda: asyncio.run(commands()),
            "download: asyncssh": lambda: asyncio.run(download()),
        }

    def paramiko(self, count: int) -> dict[str, Work]:
        def connect() -> paramiko.SSHClient:
            client = paramiko.SSHClient()
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                "127.0.0.1",
                self.ssh["port"],
                username=self.ssh["user"],
                password=self.ssh["password"],
                look_for_keys=False,
                allow_agent=False,
            )
            return client

        def commands() -> None:
            with connect() as client, clock():
                for _ in range(count):
                    _, out, _ = client.exec_command("true")
                    out.read()
                    out.channel.recv_exit_status()

        def download() -> None:
            with connect() as client, client.open_sftp() as sftp, clock():
                sftp.get(self.file, str(self.folder / "paramiko"))

        return {"commands: paramiko": commands, "download: paramiko": download}


measured: list[tuple[float, float]] = []


class clock:
    """Measures wall and CPU time of what is within."""

    def __enter__(self) -> None:
        self.started = (time.perf_counter(), time.process_time())

    def __exit__(self, *_: object) -> None:
        wall, cpu = self.started
        measured.append((time.perf_counter() - wall, time.process_time() - cpu))


async def timed(work: Callable[[], object]) -> None:
    with clock():
        await work()  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--commands", type=int, default=1000)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with conftest.running_servers() as servers, conftest.running_site(servers, folder) as site:
            with jump.sync.connect(site.ada) as rep, rep.shell("web-1") as shell:
                file = shell.run("mktemp").text.strip()
                made = f"head -c {arguments.megabytes << 20} /dev/urandom > {file}"
                assert shell.run(made).ok
            peers = Peers(site, folder, file)
            count = arguments.commands
            work = peers.ours(count) | peers.asyncssh(count) | peers.paramiko(count)
            results: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
            for _ in range(arguments.rounds):
                for name in random.sample(list(work), len(work)):
                    work[name]()
                    results[name].append(measured.pop())
            with jump.sync.connect(site.ada) as rep, rep.shell("web-1") as shell:
                shell.run(f"rm {file}")
    machine = subprocess.run(["nproc"], capture_output=True, text=True).stdout.strip()
    print(f"{count} commands, {arguments.megabytes} MiB, best of {arguments.rounds}, {machine} cores")
    print("| what | wall s | CPU s | wall to ours | CPU to ours |\n|---|---|---|---|---|")
    for name, runs in results.items():
        wall, cpu = min(runs)
        our_wall, our_cpu = min(results[name.split(":")[0] + ": jump"])
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {wall / our_wall:.2f} | {cpu / our_cpu:.2f} |")


if __name__ == "__main__":
    main()
