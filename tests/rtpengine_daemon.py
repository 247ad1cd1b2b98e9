"""An rtpengine of the tests' own, in user space, on free ports of loopback."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS = 20
_PING = b"1 d7:command4:pinge"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class Rtpengine:
    """One instance; `interfaces` carry the sound, `digits` is the port that is told of digits."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: tuple[int, int],
        interfaces: Sequence[str] = ("127.0.0.1",),
        digits: int | None = None,
    ) -> None:
        self._log = folder / "rtpengine.log"
        # In place of Debian's, which opens more ports than are wanted here.
        configuration = folder / "rtpengine.conf"
        configuration.write_text("[rtpengine]\n")
        self.port = free_port()
        self._digits = digits
        self._options = [
            f"--config-file={configuration}",
            "--foreground",
            "--log-stderr",
            "--log-level=6",
            "--table=-1",
            "--no-fallback",
            f"--listen-ng=127.0.0.1:{self.port}",
            f"--port-min={ports[0]}",
            f"--port-max={ports[1]}",
            "--num-threads=2",
            *(f"--interface={each}" for each in interfaces),
            *([f"--dtmf-log-dest=127.0.0.1:{digits}"] if digits else []),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"udp://127.0.0.1:{self.port}"

    @property
    def digits_url(self) -> str | None:
        return f"udp://127.0.0.1:{self._digits}" if self._digits else None

    def start(self) -> None:
        """Raises RuntimeError when it does not answer."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(["rtpengine", *self._options], stderr=log, stdout=log)
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"rtpengine failed: {self.output()}")

    def stop(self) -> None:
        """Take it away without a word to its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(SECONDS)
            self._process = None

    def output(self) -> str:
        return self._log.read_text(errors="replace")[-5000:] if self._log.exists() else ""

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.05)
            asking.connect(("127.0.0.1", self.port))
            try:
                asking.send(_PING)
                return b"pong" in asking.recv(1024)
            except OSError:
                return False


@contextmanager
def rtpengine(
    *,
    ports: tuple[int, int],
    interfaces: Sequence[str] = ("127.0.0.1",),
    digits: int | None = None,
) -> Iterator[Rtpengine]:
    folder = Path(tempfile.mkdtemp(prefix="wsphone-rtpengine-"))
    daemon = Rtpengine(folder, ports=ports, interfaces=interfaces, digits=digits)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
        shutil.rmtree(folder)
