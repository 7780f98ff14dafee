"""
Runs in a node: asks CRI for its version every few milliseconds until stdin ends.

Prints a line when it has begun, and at the end the longest time between two answers, in milliseconds. A call
of gRPC is few bytes of HTTP/2; no library of it is on a node.
"""

import select
import socket
import sys
import time

SOCKET = "/run/containerd/containerd.sock"
METHOD = b"/runtime.v1.RuntimeService/Version"
PAUSE = 0.003
LIMIT = 10


def frame(kind, flags, stream, payload=b""):
    """
    Return a frame of HTTP/2.
    """
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def text(value):
    """
    Return a string of a header, as it is.
    """
    return bytes([len(value)]) + value


HEADERS = (
    *(b"\x83\x86\x04", text(METHOD), b"\x01", text(b"localhost")),
    *(b"\x0f\x10", text(b"application/grpc"), b"\x00", text(b"te"), text(b"trailers")),
)
# The preface with no settings, the headers, and an empty message that ends the stream.
FRAMES = (frame(4, 0, 0), frame(1, 4, 1, b"".join(HEADERS)), frame(0, 1, 1, bytes(5)))
REQUEST = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(FRAMES)


def answers():
    """
    Tell whether CRI answers with a message: an error is headers alone.
    """
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(LIMIT)
            link.connect(SOCKET)
            link.sendall(REQUEST)
            stream = link.makefile("rb")
            while True:
                head = stream.read(9)
                if len(head) < 9:
                    return False
                length, kind, number = (
                    int.from_bytes(head[:3], "big"),
                    head[3],
                    int.from_bytes(head[5:], "big"),
                )
                stream.read(length)
                if number == 1 and (kind == 0 or head[4] & 1):
                    return kind == 0 and length > 5
    except OSError:
        return False


def main():
    """
    Poll, and print.
    """
    while not answers():
        time.sleep(PAUSE)
    last, longest = time.perf_counter(), 0
    print("polls", flush=True)
    ended = answered = False
    # Not before it answers again.
    while not ended or not answered:
        answered = answers()
        if answered:
            now = time.perf_counter()
            last, longest = now, max(longest, now - last)
        ended = ended or bool(select.select([sys.stdin], [], [], PAUSE)[0])
    print(longest * 1000)


if __name__ == "__main__":
    main()
