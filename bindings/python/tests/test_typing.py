"""The types that the package promises: `mypy --strict` on a program that uses it, and the stub against the native half."""

from __future__ import annotations

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_program_with_types_is_accepted(tmp_path: pathlib.Path) -> None:
    run("mypy", "--strict", "--cache-dir", str(tmp_path), str(HERE / "typed_program.py"))


def test_a_program_with_wrong_types_is_not(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(
        "import jump\n"
        "async def main() -> None:\n"
        "    async with jump.connect() as rep, rep.shell('web-1') as shell:\n"
        "        status: str = (await shell.run('true')).exit_status\n"
        "        shell.keyboard\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Incompatible types in assignment" in done.stdout
    assert '"Shell" has no attribute "keyboard"' in done.stdout


def test_the_stub_says_what_is_there() -> None:
    assert "Success" in run("mypy.stubtest", "jump._jump", "--ignore-disjoint-bases")
