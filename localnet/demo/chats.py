"""Payers' chats through the unmodified `openai` client, with what each payer keeps: what it sent and what it read."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import openai

from network import ROOT, get

MODEL = "quern-small"


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

    def chat(self, plan, retries=4, started=None):
        """One chat; keeps request and text, also of an answer that breaks off. True if it came whole."""
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
                    if started and text:
                        started.release()
                        started = None
            else:
                text = raw.parse().choices[0].message.content or ""
            whole = True
        except openai.OpenAIError as error:
            # A client that is refused still knows what it sent.
            request = request or getattr(error, "request", None)
        if request is not None:
            kept = {
                "payer": name, "path": "/v1/chat/completions", "body": base64.b64encode(request.content).decode(),
                "text": text, "whole": whole, "stream": stream, "seconds": time.monotonic() - began,
            }
            with self.lock:
                self.kept.append(kept)
        return whole

    def many(self, count, at_once):
        """Chats in parallel; how many came whole."""
        plans = [self.plan() for _ in range(count)]
        with ThreadPoolExecutor(at_once) as pool:
            return sum(pool.map(self.chat, plans))

    def load(self, count, at_once):
        """Long requests with short answers, which are the most work a second; how many came whole."""
        plans = []
        for _ in range(count):
            text = ""
            while len(text) < 1200:
                text += self.random.choice(self.prompts) + "\n"
            plans.append((self.names[len(plans) % len(self.names)], text[:1300], False, {"max_tokens": 3}))
        with ThreadPoolExecutor(at_once) as pool:
            return sum(pool.map(self.chat, plans))

    def interrupted(self, count, hurt):
        """Streams, in the middle of which something is hurt; how many came whole. At this temperature the model hardly ever
        ends by itself, and never repeats itself: repetitions are drafted, and over in no time. As long as a fast host needs
        a fraction of a second for, and no longer: the verifier decodes each of them, the cheat's in many readings."""
        started = threading.Semaphore(0)
        plans = []
        for _ in range(count):
            name, prompt, _, _ = self.plan()
            plans.append((name, prompt, True, {"max_tokens": 192, "temperature": 2.0}))
        with ThreadPoolExecutor(count) as pool:
            streams = [pool.submit(self.chat, plan, 0, started) for plan in plans]
            for _ in range(count // 8):
                if not started.acquire(timeout=60):
                    raise TimeoutError("the streams did not begin")
            hurt()
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
