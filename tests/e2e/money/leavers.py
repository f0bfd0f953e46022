"""Clients that leave paid streams: at every stage, in every dialect, with and without a farewell."""

import json
import socket
import struct
import urllib.request
from urllib.parse import urlparse

# Long enough that most are left before they end.
TOKENS = 160


def streams(model):
    """A request of each dialect, by its path."""
    messages = [{"role": "user", "content": "Who built the ark?"}]
    chat = {"model": model, "messages": messages, "max_tokens": TOKENS, "stream": True}
    return {
        "/v1/chat/completions": chat,
        "/v1/completions": {"model": model, "prompt": "And it came to pass", "max_tokens": TOKENS, "stream": True},
        "/v1/responses": {"model": model, "input": "Who built the ark?", "max_output_tokens": TOKENS, "stream": True},
        "/v1/messages": chat,
    }


def leave(router, path, request, cut, read, farewell):
    """Sends so many bytes of a request, reads so many of its answer, and goes. Answers what was read."""
    body, url = json.dumps(request).encode(), urlparse(router["url"])
    whole = (
        f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {router['api_key']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    got = b""
    with socket.create_connection((url.hostname, url.port), timeout=60) as client:
        client.sendall(whole[: len(whole) - cut])
        while len(got) < read and (piece := client.recv(read - len(got))):
            got += piece
        if not farewell:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return got


def usage(router):
    """What the router says that its first key has spent, and holds for requests under way."""
    asked = urllib.request.Request(
        f"{router['url']}/quern/usage", headers={"Authorization": f"Bearer {router['api_key']}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)
