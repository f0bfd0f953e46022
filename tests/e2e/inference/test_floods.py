"""More connections than a server has files for, most of which never say anything whole: others are served, and files and
memory stay within bounds."""

import http.client
import json
import os
import resource
import socket
import unittest
from urllib.parse import urlparse

import stack

# So few that a few hundred connections are a flood.
FILES = 200
FLOOD = 300
CHAT = {"model": stack.MODEL_ID, "max_tokens": 4, "messages": [{"role": "user", "content": "hi"}]}


def setUpModule():
    global worker, gateway
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Inherited; the hard limit, too, which a server may raise its own to.
    child, hard = before[0], before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    try:
        worker = stack.worker()
        gateway = stack.router([worker])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (child, hard))


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()


def files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def memory(server):
    """Bytes in memory."""
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def head(server, path, length):
    host = urlparse(server.url).netloc
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


def connect(server, words=b""):
    url = urlparse(server.url)
    client = socket.create_connection((url.hostname, url.port), timeout=stack.PATIENCE)
    client.sendall(words)
    return client


class Floods(unittest.TestCase):
    def still_answers(self, server):
        connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=stack.PATIENCE)
        connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), {"Content-Type": "application/json"})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def flood(self, server, kinds):
        """Opens connections of each kind in turn, and looks in between whether others are served."""
        before, clients = memory(server), []
        for number in range(FLOOD):
            clients.append(connect(server, kinds[number % len(kinds)]))
            if number % 50 == 49:
                # Those that were begun go on byte by byte; some of them have lost their places.
                for client in clients:
                    try:
                        client.send(b"x")
                    except OSError:
                        pass
                self.still_answers(server)
                self.assertLess(files(server), FILES)
        self.assertLess(memory(server) - before, 64 << 20)
        for client in clients:
            client.close()
        self.still_answers(server)

    def test_connections_that_say_nothing_or_half_a_head_hold_up_nobody(self):
        for server in (gateway, worker):
            whole = head(server, "/v1/chat/completions", 500).encode()
            self.flood(server, [b"", whole[:1], whole[:-2]])

    def test_bodies_that_trickle_hold_up_nobody(self):
        for server in (gateway, worker):
            whole = head(server, "/v1/chat/completions", 4 << 20).encode()
            self.flood(server, [whole + b"{" * 100, whole + b" " * (1 << 16)])

    def test_a_head_without_end_is_not_read_for_ever(self):
        for server in (gateway, worker):
            with connect(server, head(server, "/", 0).encode()[:-2] + b"X: ") as client, self.assertRaises(OSError):
                for _ in range(64):
                    client.sendall(b"x" * (1 << 20))
            self.still_answers(server)

    def test_readers_that_do_not_read_do_not_use_up_the_places(self):
        body = json.dumps(CHAT | {"stream": True, "max_tokens": 200}).encode()
        for server in (gateway, worker):
            words = head(server, "/v1/chat/completions", len(body)).encode() + body
            clients = []
            for _ in range(FLOOD // 4):
                clients.append(connect(server, words))
            self.assertLess(files(server), FILES)
            for client in clients:
                client.close()
            self.still_answers_soon(server)

    def still_answers_soon(self, server):
        """Once those whose clients have gone are over."""
        worker.wait_for_metric("quern_worker_active_requests", 0)
        worker.wait_for_metric("quern_worker_queued_requests", 0)
        self.still_answers(server)


if __name__ == "__main__":
    unittest.main()
