"""What worker and router hold in memory stays within what their settings allow, whatever clients send, and sending it again does
not add to it.

Bounds are sums of what is set: the cache, the slots with what each may owe its reader, and for each body under way its
bytes. A limit that somewhere is not held shows as growth of another order.
"""

import http.client
import json
import socket
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlparse

import stack

MIB = 1 << 20
# The packaged model's keys and values: layers, two kinds, heads, width, bytes.
CACHE_TOKEN = 5 * 2 * 2 * 32 * 4
CACHE_TOKENS = 16384
SLOTS = 4
# Bodies of requests, and what a byte of one may cost while it is read: a JSON value of 32 bytes for each "0,", twice where a
# list grows.
BODY = 4 * MIB
READING = 32
# What a token of a long prompt costs while it is counted, which long prompts are one after the other.
COUNTING = 512
# Most tokens of a prompt that are counted at once: a piece of one has so many bytes.
PIECE = 2 << 14
# What an allocator keeps for itself.
SLACK = 24 * MIB
TOGETHER = 8


def setUpModule():
    global folder, key, worker, gateway
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    model = stack.endless_model(folder.name)
    worker = stack.worker(model, model_id="endless", slots=SLOTS, queue=SLOTS, cache_tokens=CACHE_TOKENS, context=8192)
    gateway = stack.router([worker], keys=keys)
    # Everything that is made once is made: the cache is full and each slot was used.
    for _ in range(2):
        fill(0)


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def held(server, what="VmRSS"):
    """Bytes that a process has in memory, or had at most since the last `begin`."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024


def begin(server):
    """Lets the peak begin anew."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    return held(server)


def connect(server):
    url = urlparse(server.url)
    return socket.create_connection((url.hostname, url.port), timeout=stack.PATIENCE)


def head(path, length):
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def send(server, path, body, headers=None):
    connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=stack.PATIENCE)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} | (headers or {})
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, body=data, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def prompt(tokens, **more):
    return {"model": "endless", "prompt": tokens, "max_tokens": 1} | more


def many(ask, count, together=TOGETHER):
    with ThreadPoolExecutor(together) as pool:
        return list(pool.map(ask, range(count)))


def fill(number, server=None):
    """Conversations that nobody goes on with: together they are more than the cache holds."""
    ids = [[7 + number % 1900, *[5 + (number * 31 + turn) % 1900] * 1500] for turn in range(2 * CACHE_TOKENS // 1500)]
    for one in ids:
        status, answer = send(server or gateway, "/v1/completions", prompt(one, user=f"{number}"))
        assert status == 200, answer


class Memory(unittest.TestCase):
    def bounded(self, attack, allowed, rounds=3, warm=1, served=None, stays=SLACK):
        """Runs an attack some times. Nothing of it stays, and no peak is above what is allowed. What stays is the least that
        was held after one of the later rounds, as an allocator gives back what it has when it likes.
        """
        servers = {"worker": served or worker, "router": gateway}
        for number in range(-warm, 0):
            attack(number)
        after = {name: held(server) for name, server in servers.items()}
        later = {name: [] for name in servers}
        for number in range(rounds):
            before = {name: begin(server) for name, server in servers.items()}
            attack(number)
            for name, server in servers.items():
                peak = held(server, "VmHWM") - before[name]
                self.assertLess(peak, allowed[name] + SLACK, f"{name}: peak of round {number}")
                later[name].append(held(server))
        for name, found in later.items():
            self.assertLess(min(found[1:]) - after[name], stays, f"{name} grows with each round: {found}")

    def test_prompts_of_a_million_tokens(self):
        words, ids = "a " * 1_000_000, json.dumps(prompt([5] * 1_000_000)).encode()
        chat = {"model": "endless", "messages": [{"role": "user", "content": words}]}
        # Not so long that no tokens could be: each byte is a token of its own.
        dense = "".join(chr(33 + i * i % 90) for i in range(16 * 8192))
        asked = [("/v1/completions", prompt(words)), ("/v1/chat/completions", chat), ("/v1/completions", ids),
                 ("/v1/completions", prompt(dense)), ("/tokenize", {"model": "endless", "prompt": dense * 28})] * 2

        def attack(_):
            # Each goes through the router and is counted by the worker.
            for status, answer in many(lambda i: send(gateway, *asked[i]), len(asked), len(asked)):
                self.assertIn(b"context_length_exceeded", answer)
                self.assertEqual(status, 400)

        bodies = len(asked) * BODY + 2 * READING * BODY
        # Counting takes next to nothing beside the bodies. One round's ids alone, if they stayed, were as much as may stay of three.
        allowed = {"worker": bodies + PIECE * COUNTING, "router": bodies}
        self.bounded(attack, allowed, rounds=3, warm=4, stays=2 * SLACK)

    def test_prompts_whose_tokens_are_told(self):
        # What a token is told with, five others and their texts: as numbers, as JSON, and as what is sent. By measure 2,300 bytes
        # where answers come one after the other, and twice that where slow readers have all of them wait together. All rows of
        # logits, if they were held, were 8,192 more.
        token = 6000
        tokens, together = 8000, SLOTS

        def attack(number):
            def ask(i):
                one = prompt([5 + (number * 31 + i * 7 + at) % 1900 for at in range(tokens)], max_tokens=0, echo=True, logprobs=5)
                status, answer = send((worker, gateway)[i % 2], "/v1/completions", one)
                self.assertEqual(status, 200, answer[:999])
                self.assertGreater(len(answer), 100 * tokens)

            many(ask, together, together)
            # Rows of logits for all of a prompt would be 64 MB for each; and as many prompts as a list holds are refused.
            long = prompt([[5] * 8000] * 5, max_tokens=0, echo=True, logprobs=5, n=5)
            status, answer = send(worker, "/v1/completions", long)
            self.assertEqual((status, json.loads(answer)["error"]["param"]), (400, "echo"))

        allowed = {"worker": together * tokens * token, "router": together * tokens * token}
        # What three rounds are told, if it stayed, were four times what may stay. By measure nothing does: over 45 rounds of prompts
        # of 2,500 tokens the worker held 305 to 329 MB, and no more at the end than after five, when the allocator's parts were full.
        self.bounded(attack, allowed, rounds=3, warm=2, stays=2 * SLACK)

    def test_choices_without_bound(self):
        def attack(_):
            for n in (16, 17, 10**9, 10**30):
                for server in (worker, gateway):
                    status, answer = send(server, "/v1/completions", prompt([5] * 400, n=n, max_tokens=8))
                    self.assertEqual(status, 200 if n == 16 else 400, answer)

        self.bounded(attack, {"worker": 0, "router": 0})

    def test_bodies_beyond_the_limit_that_lie_about_their_length_or_have_none(self):
        piece = b"x" * MIB

        def attack(_):
            def flood(number):
                server = (worker, gateway)[number % 2]
                with connect(server) as client:
                    chunked = number % 4 > 1
                    lines = head("/v1/chat/completions", 1 << 40)
                    if chunked:
                        lines = lines.replace(b"Content-Length: %d" % (1 << 40), b"Transfer-Encoding: chunked")
                    client.sendall(lines)
                    try:
                        for _ in range(96):
                            client.sendall(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
                    except OSError:
                        pass

            many(flood, 2 * TOGETHER)

        self.bounded(attack, {"worker": 2 * TOGETHER * BODY, "router": 2 * TOGETHER * BODY})

    def test_readers_that_do_not_read(self):
        tokens = 1200
        body = json.dumps({
            "model": "endless", "messages": [{"role": "user", "content": "x"}], "max_tokens": tokens, "stream": True,
            "logprobs": True, "top_logprobs": 20,
        }).encode()
        # An event of these has twenty-one tokens with their bytes.
        event = 4096

        def attack(_):
            idle = []
            for number in range(SLOTS):
                client = socket.socket()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                url = urlparse((worker, gateway)[number % 2].url)
                client.connect((url.hostname, url.port))
                client.sendall(head("/v1/chat/completions", len(body)) + body)
                idle.append(client)
            worker.wait_for_metric("quern_worker_active_requests", SLOTS)
            worker.wait_for_metric("quern_worker_active_requests", 0)
            for client in idle:
                client.close()

        # The engine waits for nobody; what a reader is owed is at most its request's tokens. A router keeps nothing.
        self.bounded(attack, {"worker": SLOTS * tokens * event, "router": 0}, rounds=2)

    def test_streams_whose_readers_leave(self):
        body = json.dumps({"model": "endless", "prompt": "x", "max_tokens": 4000, "stream": True}).encode()

        def attack(_):
            def leave(number):
                with connect((worker, gateway)[number % 2]) as client:
                    client.sendall(head("/v1/completions", len(body)) + body)
                    if number % 3:
                        client.recv(50 * (number % 7) + 1)

            many(leave, 500)
            worker.wait_for_metric("quern_worker_active_requests", 0)

        self.bounded(attack, {"worker": 0, "router": 0}, rounds=4)

    def test_bombs_of_grammars(self):
        # One whose model has an end, as grammars need. Its threads fill their parts of the allocator one after the other.
        ending, answered = stack.worker(slots=SLOTS, cache_tokens=2048), set()
        self.addCleanup(ending.discard)

        def attack(number):
            chat = {"model": stack.MODEL_ID, "messages": [{"role": "user", "content": "x"}], "max_tokens": 2}
            many_fields = {f"p{number}x{i}": {"enum": [str(n) for n in range(300)]} for i in range(300)}
            deep = {"type": "string", "maxLength": number + 99}
            for _ in range(60):
                deep = {"type": "object", "properties": {"a": deep}, "required": ["a"], "additionalProperties": False}
            schema = lambda value: {"type": "json_schema", "json_schema": {"name": "s", "schema": value}}
            bombs = [
                {"response_format": schema({"type": "object", "properties": many_fields})},
                {"response_format": schema(deep)},
                {"response_format": schema({"type": "string", "minLength": 10**8 + number})},
                {"guided_regex": f"((a{{1,1000}}){{1,1000}}){{1,{1000 + number}}}"},
                {"guided_regex": f"(a|b)*c(a|b){{{1_000_000 + number}}}"},
                {"guided_grammar": f'start: a{{1,{10**6 + number}}}\na: "x" | "y" a'},
            ]
            # Such as fit are all different, so that nothing can be found again.
            bombs += [{"guided_regex": f"[a-z]{{{i + 1},{i + 9}}}{number % 10}"} for i in range(40)]
            for status, answer in many(lambda i: send(ending, "/v1/chat/completions", chat | bombs[i]), len(bombs)):
                self.assertIn(status, (200, 400, 429), answer)
                answered.add(status)
            self.assertLessEqual({200, 400}, answered)

        self.bounded(attack, {"worker": 256 * MIB, "router": 0}, warm=14, served=ending)

    def test_conversations_that_fill_the_cache(self):
        self.bounded(fill, {"worker": CACHE_TOKENS * CACHE_TOKEN // 4, "router": 0})

    def test_idempotency_keys_and_conversations_that_are_never_used_again(self):
        def attack(number):
            def ask(i):
                one = prompt("x", prompt_cache_key=f"{number}-{i}" * 200)
                status, answer = send(gateway, "/v1/completions", one, {"Idempotency-Key": f"{number}-{i}"})
                self.assertIn(status, (200, 429), answer)

            many(ask, 300)

        # An answer is kept with its key: some hundred bytes, and two thousand that are reckoned for it.
        self.bounded(attack, {"worker": 0, "router": 300 * 8192})


if __name__ == "__main__":
    unittest.main()
