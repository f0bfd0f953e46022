"""Payers' chats through the unmodified `openai` client, with what each payer keeps: what it sent and what it read."""

import base64
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from urllib.parse import urlsplit

import openai

from network import ROOT, get

MODEL = "quern-small"
# What a refused request of a load waits before it asks again, in seconds, and how often it does.
PAUSE = 0.2
ATTEMPTS = 20


class Payers:
    """Clients of all payers, and everything that they sent and read."""

    def __init__(self, router, random):
        self.router, self.random = router, random
        self.names = sorted(router["api_keys"])
        lines = (ROOT / "models/prompts/demo.jsonl").read_text().splitlines()
        self.prompts = [json.loads(line)["prompt"] for line in lines]
        random.shuffle(self.prompts)
        self.kept, self.lock, self.asked = [], threading.Lock(), 0
        url = router["url"] + "/v1"
        self.clients = {
            name: openai.OpenAI(base_url=url, api_key=key, timeout=120) for name, key in router["api_keys"].items()
        }

    def plan(self):
        """The next chat: a prompt that was never sent, and parameters."""
        number, random = self.asked, self.random
        self.asked += 1
        options = {"max_tokens": random.randint(24, 72), "temperature": random.choice([1.0, 1.0, 0.7, 0.0])}
        if options["temperature"] and random.random() < 0.25:
            options["top_p"] = 0.9
        if random.random() < 0.1:
            options["seed"] = random.randrange(2**31)
        name = self.names[number % len(self.names)]
        return name, self.prompts[number], number % 2 == 1, options

    def chat(self, plan, retries=4, begun=lambda: None):
        """One chat; keeps request and text, also of an answer that breaks off. True if it came whole. `begun` is told of
        the first piece of a stream's text, or of its end if none came."""
        name, prompt, stream, options = plan
        client, text, whole, request = self.clients[name].with_options(max_retries=retries), "", False, None
        options = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]} | options
        began = time.monotonic()
        try:
            raw = client.chat.completions.with_raw_response.create(stream=stream, **options)
            request = raw.http_request
            if stream:
                for chunk in raw.parse():
                    if chunk.choices:
                        text += chunk.choices[0].delta.content or ""
                    if begun and text:
                        begun()
                        begun = None
            else:
                text = raw.parse().choices[0].message.content or ""
            whole = True
        except openai.OpenAIError as error:
            # A client that is refused still knows what it sent.
            request = request or getattr(error, "request", None)
        if begun:
            begun()
        if request is not None:
            self.keep(name, request.content, text, whole, stream, began)
        return whole

    def keep(self, name, body, text, whole, stream, began):
        """Keeps what a payer sent and read."""
        kept = {
            "payer": name, "path": "/v1/chat/completions", "body": base64.b64encode(body).decode(),
            "text": text, "whole": whole, "stream": stream, "seconds": time.monotonic() - began,
        }
        with self.lock:
            self.kept.append(kept)

    def many(self, count, at_once):
        """Chats in parallel; how many came whole."""
        plans = [self.plan() for _ in range(count)]
        with ThreadPoolExecutor(at_once) as pool:
            return sum(pool.map(self.chat, plans))

    def load(self, count, at_once):
        """Long requests with short answers, which are the most work a second; how many came whole. They are sent plainly:
        where everything shares two cores, a client library that builds and checks every object takes what hosts need to
        be at work at all times."""
        plans = []
        for _ in range(count):
            text = ""
            while len(text) < 1200:
                text += self.random.choice(self.prompts) + "\n"
            body = {"model": MODEL, "messages": [{"role": "user", "content": text[:1300]}], "max_tokens": 3}
            plans.append((self.names[len(plans) % len(self.names)], json.dumps(body).encode()))
        with ThreadPoolExecutor(at_once) as pool:
            return sum(pool.map(self.plain, plans))

    def plain(self, plan):
        """One request of a load. True if it came whole."""
        name, body = plan
        began, answer = time.monotonic(), None
        headers = {"Authorization": f"Bearer {self.router['api_keys'][name]}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(urlsplit(self.router["url"]).netloc, timeout=120)
        try:
            for _ in range(ATTEMPTS):
                connection.request("POST", "/v1/chat/completions", body, headers)
                response = connection.getresponse()
                content = response.read()
                if response.status == 200:
                    answer = json.loads(content)["choices"][0]["message"]["content"]
                if response.status != 429:
                    break
                time.sleep(PAUSE)
        except (OSError, http.client.HTTPException, ValueError):
            pass  # kept as one that broke off
        finally:
            connection.close()
        self.keep(name, body, answer or "", answer is not None, False, began)
        return answer is not None

    def interrupted(self, count, tokens, hurt):
        """Streams, in the middle of which something is hurt: `hurt` can ask how many have begun. At this temperature the model
        hardly ever ends by itself, and never repeats itself: repetitions are drafted, and over in no time."""
        lock, began = threading.Lock(), 0

        def begun():
            nonlocal began
            with lock:
                began += 1

        plans = []
        for _ in range(count):
            name, prompt, _, _ = self.plan()
            plans.append((name, prompt, True, {"max_tokens": tokens, "temperature": 2.0}))
        with ThreadPoolExecutor(count) as pool:
            streams = [pool.submit(self.chat, plan, 0, begun) for plan in plans]
            hurt(lambda: began)
            wait(streams)
        return sum(stream.result() for stream in streams)


class Collector:
    """Keeps what routers hold and where it lies in batches, while the programs still have it."""

    def __init__(self, network):
        self.network, self.receipts, self.proofs = network, {}, {}
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(2):
            self.collect()

    def stop(self):
        self.stopped.set()
        self.thread.join()
        self.collect()

    def collect(self):
        router = self.network.net["router"]
        for key in router["api_keys"].values():
            start = 0
            while start is not None:
                page = get(f"{router['url']}/quern/receipts?from={start}", key)
                if page is None:
                    break
                self.receipts.update((kept["id"], kept) for kept in page["receipts"])
                start = page["next"]
        status = {worker["host"]: worker["status"] for worker in self.network.net["workers"]}
        for ident, kept in list(self.receipts.items()):
            if ident not in self.proofs:
                place = kept["place"]
                found = get(f"{status[place['host']]}/v1/receipts/{place['session']}/{place['nonce']}")
                if found and found["committed"]:
                    proof = {name: part for name, part in found["committed"].items() if name != "receipt"}
                    self.proofs[ident] = proof
