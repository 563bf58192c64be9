"""RabbitMQ and Redis for the tests: those of this machine, or private ones that go away again.

As root on Debian and Ubuntu they are installed where they are missing.

``python -m realtoms.brokers COMMAND...`` runs a command with their addresses in ``SHARECORE_TEST_RABBITMQ``
and ``SHARECORE_TEST_REDIS``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from realtoms.debian import install
from realtoms.service import Service, TomError, free_port, tail

RABBITMQ, REDIS = "SHARECORE_TEST_RABBITMQ", "SHARECORE_TEST_REDIS"
_START = 90.0
"""Seconds that RabbitMQ may take to start on a busy machine."""


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def _private(
    program: str, command: list[str], port: int, more: dict[str, str], folder: Path
) -> Iterator[None]:
    if shutil.which(program) is None and not install(program):
        raise TomError(
            f"{program} is not there, and nothing answers at its usual port. "
            "Debian, Ubuntu: apt-get install rabbitmq-server redis-server"
        )
    log = folder / f"{program}.log"
    service = Service([program, *command], folder, log, os.environ | more)
    service.start()
    try:
        deadline = time.monotonic() + _START
        while not _answers(port):
            if not service.running or time.monotonic() > deadline:
                raise TomError(f"{program} did not start:\n{tail(log.read_text())}")
            time.sleep(0.2)
        yield
    finally:
        service.stop()


@contextmanager
def rabbitmq() -> Iterator[str]:
    """Yield the address of a RabbitMQ server."""
    with ExitStack() as stack:
        port = 5672
        if not _answers(port):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sharecore-rabbitmq-")))
            folder.chmod(0o777)  # started by root, it becomes a user of its own
            port = free_port()
            config = folder / "rabbitmq.conf"
            config.write_text(
                f"listeners.tcp.1 = 127.0.0.1:{port}\ndistribution.listener.interface = 127.0.0.1\n"
            )
            more = {
                "RABBITMQ_CONFIG_FILE": str(config),
                "RABBITMQ_NODENAME": f"sharecore{port}@localhost",
                "RABBITMQ_DIST_PORT": str(free_port()),
                "RABBITMQ_MNESIA_BASE": str(folder / "data"),
                "RABBITMQ_LOG_BASE": str(folder / "log"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            }
            stack.enter_context(_private("rabbitmq-server", [], port, more, folder))
        yield f"amqp://guest:guest@127.0.0.1:{port}//"


@contextmanager
def redis() -> Iterator[str]:
    """Yield the address of a database of a Redis server."""
    with ExitStack() as stack:
        port = 6379
        if not _answers(port):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sharecore-redis-")))
            port = free_port()
            command = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
            stack.enter_context(_private("redis-server", command, port, {}, folder))
        yield f"redis://127.0.0.1:{port}/5"


def main(command: list[str]) -> int:
    """Run a command with both brokers; return its exit status."""
    if not command:
        print("usage: python -m realtoms.brokers COMMAND...", file=sys.stderr)
        return 2
    offers = {RABBITMQ: rabbitmq, REDIS: redis}
    try:
        with ExitStack() as stack:
            addresses = {
                name: os.environ.get(name) or stack.enter_context(offer()) for name, offer in offers.items()
            }
            return subprocess.run(command, env=os.environ | addresses, check=False).returncode
    except TomError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
