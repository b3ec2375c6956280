"""Load by HTTP, from one thread that costs little: it shares the machine with what it measures.

A lane is a generator that yields a request and hears its answer, on a connection of its own. All lanes run at once.
"""

import selectors
import socket

# Longest silence of all lanes together, in seconds: longer means that something hangs.
SILENCE_MAX = 120


def request(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n"
    return f"{head}content-type: application/json\r\n{headers}\r\n".encode() + body


def drive(port: int, lanes: list) -> None:
    """Runs all lanes to their ends."""
    with selectors.DefaultSelector() as ready:
        for lane in lanes:
            connection = Connection(port, lane)
            ready.register(connection.socket, selectors.EVENT_READ, connection)
        while ready.get_map():
            events = ready.select(SILENCE_MAX)
            if not events:
                raise TimeoutError(f"nothing was heard for {SILENCE_MAX} s")
            for key, _ in events:
                if not key.data.heard():
                    ready.unregister(key.fileobj)
                    key.fileobj.close()


def ask(port: int, wanted: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    answers = []

    def lane():
        answers.append((yield wanted))

    drive(port, [lane()])
    return answers[0]


class Connection:
    """One connection and the lane on it; small requests are sent whole."""

    def __init__(self, port: int, lane) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lane = lane
        self.buffer = b""
        self.socket.sendall(next(lane))

    def heard(self) -> bool:
        """Reads what came; returns whether the lane goes on."""
        data = self.socket.recv(256 * 1024)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return True
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return True
        self.buffer = b""
        try:
            self.socket.sendall(self.lane.send((int(head[9:12]), body)))
        except StopIteration:
            return False
        return True
