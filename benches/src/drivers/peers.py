"""What other people's libraries take for the same, on the sshd itself: asyncssh and paramiko. Arguments: the library, the sshd's port,
the user, a file with its key, a folder."""

import asyncio
import pathlib
import sys
import time

from contextlib import contextmanager


@contextmanager
def clock():
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f'{{"wall": {wall:.9f}, "cpu": {cpu:.9f}}}', flush=True)


async def with_asyncssh(port, user, key, folder):
    import asyncssh

    def connect():
        # Whom it talks to is not what is measured.
        return asyncssh.connect(
            "127.0.0.1", port, username=user, client_keys=[key], known_hosts=None, config=None
        )

    async with connect() as connection, connection.start_sftp_client() as sftp:
        print("ready", flush=True)
        while line := sys.stdin.readline():
            word, place = line.split()
            with clock():
                if word == "commands":
                    for _ in range(int(place)):
                        assert (await connection.run("true")).exit_status == 0
                elif word == "cold":
                    for _ in range(int(place)):
                        async with connect() as again:
                            assert (await again.run("true")).exit_status == 0
                elif word == "file":
                    await sftp.get(place, folder / "asyncssh")
                else:
                    raise ValueError(word)


def with_paramiko(port, user, key, folder):
    import paramiko

    def connect():
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            "127.0.0.1", port, user, key_filename=key, look_for_keys=False, allow_agent=False
        )
        return client

    def run(client):
        _, out, _ = client.exec_command("true")
        out.read()
        assert out.channel.recv_exit_status() == 0

    with connect() as client, client.open_sftp() as sftp:
        print("ready", flush=True)
        for line in sys.stdin:
            word, place = line.split()
            with clock():
                if word == "commands":
                    for _ in range(int(place)):
                        run(client)
                elif word == "cold":
                    for _ in range(int(place)):
                        with connect() as again:
                            run(again)
                elif word == "file":
                    sftp.get(place, folder / "paramiko")
                else:
                    raise ValueError(word)


def main():
    library, port, user, key, folder = sys.argv[1:]
    given = (int(port), user, key, pathlib.Path(folder))
    if library == "asyncssh":
        asyncio.run(with_asyncssh(*given))
    else:
        with_paramiko(*given)


main()
