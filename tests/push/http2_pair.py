"""Our end of HTTP/2 and a server's, joined in memory."""

from hyperframe.frame import SettingsFrame

from push.http2 import Connection, Ended, Request
from tests.push.fake_http2 import FakeConnection, Heard, Rules

HELLO = SettingsFrame(0, {SettingsFrame.MAX_CONCURRENT_STREAMS: 10}).serialize()


def request(body: bytes = b"{}", number: int = 0) -> Request:
    return Request(
        b"/3/device/%064d" % number,
        ((b"apns-topic", b"org.example.phone" + 200 * b"x"),),
        ((b"apns-id", b"%036d" % number), (b"authorization", b"secret")),
        body,
    )


class Pair:
    """The client and its server; what the server writes lies in `written` until it is read."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.client = Connection("push.example", now=0.0)
        self.server = FakeConnection(rules or Rules(), lambda connection: None, self.on_request)
        self.heard: list[Heard] = []
        self.written = b""
        self.server.connection_made(self)  # type: ignore[arg-type]
        self.exchange()

    def on_request(self, connection: FakeConnection, heard: Heard) -> None:
        self.heard.append(heard)

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def to_server(self) -> None:
        self.server.data_received(self.client.outgoing())

    def to_client(self, now: float = 0.0) -> list[Ended]:
        data, self.written = self.written, b""
        return self.client.receive(data, now)

    def exchange(self, now: float = 0.0) -> list[Ended]:
        """Deliver both ways until nobody has anything to say."""
        ended = self.to_client(now)
        while data := self.client.outgoing():
            self.server.data_received(data)
            ended += self.to_client(now)
        return ended

    def start(self, count: int = 1, body: bytes = b"{}") -> list[int]:
        streams = [self.client.start(request(body, number)) for number in range(count)]
        self.exchange()
        return streams
