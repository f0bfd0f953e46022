"""Bond, attach, serve, pay: two hosts of which one serves two models, real nodes, real workers, the unmodified openai
client."""

import concurrent.futures
import decimal
import json
import signal
import subprocess
import threading
import unittest
import urllib.request

import openai
from leavers import leave, streams, usage
from network import MODEL, OTHER, ROOT, Network, ask, two_models

PROMPTS = [json.loads(line)["prompt"] for line in (ROOT / "models/prompts/demo.jsonl").read_text().splitlines()[:24]]
WORKER = ROOT / "inference-worker/target/debug/quern-worker"
# of every account at genesis, as localnet/src/plan.rs has it
FUNDS = 10**15


def chat(client, number, model=MODEL):
    """One chat; odd ones stream. Answers the text."""
    messages = [{"role": "user", "content": PROMPTS[number % len(PROMPTS)]}]
    options = {"model": model, "messages": messages, "max_tokens": 24 + number, "temperature": 1.0}
    if number % 2:
        with client.chat.completions.create(stream=True, **options) as stream:
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    return client.chat.completions.create(**options).choices[0].message.content


# Whatever shapes an answer has to reach the auditor with the request, or an honest host is condemned.
SHAPED = [
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "pair", "strict": True, "schema": {
        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}},
        "required": ["a", "b"], "additionalProperties": False}}}},
    {"tool_choice": "required", "tools": [{"type": "function", "function": {"name": "pick", "parameters": {
        "type": "object", "properties": {"k": {"enum": ["p", "q"]}}, "required": ["k"],
        "additionalProperties": False}}}]},
    {"extra_body": {"structured_outputs": {"regex": "[a-f]{8,12}"}}},
    {"extra_body": {"top_k": 5, "min_p": 0.02, "repetition_penalty": 1.2}},
    {"logprobs": True, "top_logprobs": 3, "frequency_penalty": 0.5, "presence_penalty": 0.3},
    {"logit_bias": {"300": -100, "301": 4}, "top_p": 0.7, "seed": 11},
    {"stop": ["the"], "temperature": 0.5},
]


class TheLoop(unittest.TestCase):
    """In order: the names count."""

    @classmethod
    def setUpClass(cls):
        cls.network = Network(plan=two_models)
        cls.addClassCleanup(cls.end)
        cls.both, cls.one = (worker["host"] for worker in cls.network.net["workers"])

    @classmethod
    def end(cls):
        held = []
        code = cls.network.stop(lambda: held.extend(cls.network.books()))
        assert code == 0, f"the network ended with {code}"
        named = {"bonding/positions", "rewards/balance", "settlement/escrows", "staking/completions"}
        assert held and all(named <= set(books) for books in held), f"the books that were checked: {held}"

    def test_1_hosts_are_bonded_validators(self):
        hosts = self.network.smart("registry", {"hosts": {}})
        self.assertEqual(len(hosts), 2)
        bonds = {bond["host"]: int(bond["active"]) for bond in self.network.smart("bonding", {"host_bonds": {}})}
        for host in hosts:
            self.assertGreater(bonds[host["host"]], 0)
            served = {of["offer"]["model"]: of["effective"] for of in host["memberships"]}
            self.assertEqual(set(served), {MODEL, OTHER} if host["host"] == self.both else {MODEL})
            self.assertTrue(all(served.values()), served)

    def test_1b_a_registered_host_gets_the_models_files_from_another_and_a_stranger_does_not(self):
        chain = next((self.network.dir / "host1").rglob("chain.json"))

        def fetch(config, model=MODEL):
            to = self.network.dir / f"fetched-{config.stem}"
            command = [WORKER, "fetch-model", "--chain", config, "--model-id", model, "--to", to]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            return done, to

        done, to = fetch(chain)
        self.assertEqual(done.returncode, 0, done.stderr)
        source = ROOT / "models" / MODEL
        for file in to.iterdir():
            self.assertEqual(file.read_bytes(), (source / file.name).read_bytes(), file.name)
        self.assertTrue((to / "model.safetensors").is_file())
        # With a key that the registry does not name, as with a model that it does not know, nothing comes.
        stranger = json.loads(chain.read_text()) | {"transport_key": "stranger.key"}
        config = chain.with_name("stranger.json")
        config.write_text(json.dumps(stranger))
        done, to = fetch(config)
        self.assertEqual((done.returncode, list(to.iterdir())), (1, []))
        self.assertIn("403", done.stderr)
        done, _ = fetch(chain, "unknown")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the registry has no model", done.stderr)

    def test_2_chats_are_served_and_their_receipts_reach_the_chain(self):
        client = self.network.client(max_retries=2)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            texts = list(pool.map(lambda n: chat(client, n), range(24)))
        self.assertTrue(all(texts), texts)
        for number, options in enumerate(SHAPED):
            messages = [{"role": "user", "content": PROMPTS[number]}]
            answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=60, **options)
            self.assertIn(answer.choices[0].finish_reason, ("stop", "length", "tool_calls"), options)
        session = self.network.session(MODEL)
        self.assertEqual(session["status"], "open")
        limits = sum(int(member["limit"]) for member in session["committee"])
        self.assertLess(limits, int(session["escrow"]) + 1)

        def committed():
            lasts = [self.network.smart("settlement", {"last_batch": {"host": m["host"]}}) for m in session["committee"]]
            return [last for last in lasts if last]

        self.network.wait("batch on chain", committed)

    def test_2a_a_request_reaches_hosts_of_its_model_alone_and_an_unknown_model_is_openais_error(self):
        client = self.network.client(max_retries=2)
        self.assertEqual({model.id for model in client.models.list()}, {MODEL, OTHER})
        with self.assertRaises(openai.NotFoundError) as refused:
            chat(client, 0, "quern-large")
        self.assertEqual((refused.exception.code, refused.exception.param), ("model_not_found", "model"))
        for number in range(2):
            self.assertTrue(chat(client, number, OTHER))
        committees = {model: {member["host"] for member in self.network.session(model)["committee"]}
                      for model in (MODEL, OTHER)}
        self.assertEqual(committees, {MODEL: {self.both, self.one}, OTHER: {self.both}})
        models = {session["id"]: session["model"] for session in self.network.sessions()}
        hashes = {model: self.network.smart("registry", {"model": {"model": model}})["hash"] for model in committees}
        self.assertNotEqual(hashes[MODEL], hashes[OTHER])

        def served():
            hosts = {model: set() for model in committees}
            for kept in self.network.receipts():
                receipt = kept["signed"]["receipt"]
                model = models[receipt["voucher"]["session"]]
                hosts[model].add(receipt["voucher"]["host"])
                self.assertEqual(receipt["model_hash"], hashes[model])
            return hosts == committees

        self.network.wait("receipt of every host for each of its models", served, 20)

    def test_2b_what_was_served_is_re_executed_by_a_host_of_its_model_and_found_clean(self):
        hosts = [worker["host"] for worker in self.network.net["workers"]]
        models = {session["id"]: session["model"] for session in self.network.sessions()}
        auditors, seen = {}, set()

        def look():
            for leaf in self.network.leaves():
                source = leaf["source"]
                kind = next(iter(source))
                if kind == "receipt":
                    self.assertEqual(leaf["model"], models[source["receipt"]["session"]])
                seen.add((leaf["model"], leaf["host"], kind))
                auditors.setdefault((leaf["model"], leaf["host"]), set()).add(leaf["auditor"])

        def records():
            return [self.network.smart("audits", {"host": {"host": host}}) for host in hosts]

        def judged():
            look()
            now = records()
            done = all(record["audited"] and record["reports"] for record in now)
            kinds = {(OTHER, self.both, kind) for kind in ("receipt", "proof")}
            return now if done and kinds <= seen else None

        # what a round collects is judged within the next
        for record in self.network.wait("audit of both hosts", judged, 240):
            self.assertEqual(record["condemned"], 0, record)
            self.assertEqual(record["missing"], 0, record)
            self.assertEqual(record["withheld"], 0, record)
            self.assertEqual(record["missed"], 0, record)
        # none twice in a round, and nobody judges itself or a model that it does not serve
        self.assertEqual(auditors.pop((OTHER, self.both)), {None})
        for (model, host), drawn in auditors.items():
            self.assertEqual(model, MODEL)
            self.assertEqual(drawn - {None}, {*hosts} - {host})

    def test_2c_hosts_prove_compute_and_their_power_follows(self):
        hosts = [worker["host"] for worker in self.network.net["workers"]]

        def proven():
            mode = self.network.smart("poc-weights", {"epoch": {}})["mode"]
            weights = self.network.smart("poc-weights", {"weights": {}})
            done = mode == "proven" and len(weights) == len(hosts) and all(weight["proven"] for weight in weights)
            return weights if done else None

        for weight in self.network.wait("epoch of proofs", proven, 120):
            self.assertGreater(weight["power"], 0, weight)

        def audited():
            records = [self.network.smart("audits", {"host": {"host": host}}) for host in hosts]
            return records if all(record["proofs"] for record in records) else None

        # drawn answers were revealed, fetched and re-executed
        for record in self.network.wait("audit of proofs", audited, 120):
            self.assertEqual(record["proofs_failed"], 0, record)

    def test_2d_proof_of_each_model_counts_and_weights_sum(self):
        network = self.network

        def reading(proofs, sprints, model):
            """Work in 1,000 blocks: of the window, or of confirmations if they found less."""
            means = []
            for kind in ("window", "confirmation"):
                of_kind = [sprint for sprint in sprints if sprint["kind"] == kind]
                done = [proofs.get((sprint["sprint"], model)) for sprint in of_kind]
                work = sum(int(proof["root"]["sum"]) for proof in done if proof)
                blocks = sum(sprint["deadline"] - sprint["start"] for sprint in of_kind)
                if blocks:
                    means.append(1000 * work // blocks)
            return min(means, default=0)

        def proven():
            epoch = network.smart("poc-weights", {"epoch": {}})
            weights = {weight["host"]: weight for weight in network.smart("poc-weights", {"weights": {}})}
            found = {}
            for host in (self.both, self.one):
                listed = network.smart("poc-weights", {"host_proofs": {"host": host, "from": 0, "to": 10**9}})
                found[host] = {(proof["sprint"]["sprint"], proof["model"]): proof for proof in listed}
            if network.smart("poc-weights", {"epoch": {}}) != epoch or set(weights) != set(found):
                return None
            sprints = {proof["sprint"]["sprint"]: proof["sprint"] for own in found.values() for proof in own.values()}
            of_epoch = [sprint for sprint in sprints.values()
                        if sprint["epoch"] == epoch["epoch"] and sprint["deadline"] <= epoch["height"]]
            readings = {host: {model: reading(found[host], of_epoch, model) for model in (MODEL, OTHER)} for host in found}
            whole = all(readings[host][MODEL] for host in found) and readings[self.both][OTHER]
            return (epoch, weights, readings) if whole else None

        epoch, weights, readings = network.wait("epoch in which each host proved each of its models", proven, 150)
        self.assertEqual(readings[self.one][OTHER], 0)
        for host, weight in weights.items():
            self.assertEqual(weight["proven"], sum(readings[host].values()), (host, readings))
        self.assertEqual(sum(weight["power"] for weight in weights.values()), epoch["total_power"])
        for model in (MODEL, OTHER):
            self.assertGreater(int(network.smart("poc-weights", {"capacity": {"model": model}})), 0)

    def test_2e_each_models_price_follows_its_own_demand(self):
        def judged():
            prices = [self.network.smart("pricing", {"price": {"model": model}}) for model in (MODEL, OTHER)]
            done = all(int(price["judged"]) and price["source"] == "proven" for price in prices)
            return prices if done else None

        wanted, idle = self.network.wait("demand for both models, judged by what is proven of each", judged, 60)
        self.assertGreater(int(wanted["judged"]), int(idle["judged"]))
        kept = [decimal.Decimal(price["price"]) / decimal.Decimal(price["launch"]) for price in (wanted, idle)]
        self.assertGreater(kept[0], kept[1], "who is asked for more keeps more of its price")

    def test_3_a_worker_killed_in_the_middle_of_streams_comes_back_and_the_rest_is_served(self):
        client = self.network.client(max_retries=0)
        started = threading.Event()

        def stream(number):
            messages = [{"role": "user", "content": PROMPTS[number]}]
            try:
                with client.chat.completions.create(
                    model=MODEL, messages=messages, max_tokens=400, stream=True,
                ) as chunks:
                    for _ in chunks:
                        started.set()
                return True
            except openai.OpenAIError:
                return False

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            streams = [pool.submit(stream, number) for number in range(12)]
            self.assertTrue(started.wait(30))
            self.network.kill("quern-worker", 0)
            whole = [each.result() for each in streams]
        self.assertTrue(any(whole), "the other host goes on")
        patient = self.network.client(max_retries=5)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            texts = list(pool.map(lambda n: chat(patient, n), range(12)))
        self.assertTrue(all(texts), texts)

    def test_3a_clients_leave_paid_streams_at_every_stage_in_every_dialect(self):
        router, before = self.network.net["router"], len(self.network.receipts())
        stages = [(9, 0), (0, 0), (0, 1), (0, 300), (0, 1500)]
        left = [
            (path, request, cut, read, farewell)
            for path, request in streams(MODEL).items() for cut, read in stages for farewell in (True, False)
        ]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for (path, *_, read, _), got in zip(left, pool.map(lambda one: leave(router, *one), left)):
                self.assertEqual(len(got), read, (path, got))
                self.assertTrue(b"HTTP/1.1 200 OK".startswith(got[:15]), (path, got))

        served = sum(cut == 0 and read > 0 for _, _, cut, read, _ in left)

        def settled():
            return len(self.network.receipts()) >= before + served

        # Whoever read something pays for what was made, by a receipt. Of those who left before, a host may have the
        # voucher: what that is worth is held, and no more.
        self.network.wait("receipts of all who read something", settled, 60)
        then = usage(router)
        whole = int(then["spent"]) + int(then["held"])
        self.assertTrue(chat(self.network.client(max_retries=2), 0))

        def charged():
            now = usage(router)
            return int(now["spent"]) > int(then["spent"]) and int(now["held"]) <= int(then["held"]) and now

        now = self.network.wait("the next answer's pay", charged, 60)
        self.assertLess(int(now["spent"]) + int(now["held"]), 2 * whole)

    def test_3b_schemathesis_finds_no_5xx_at_a_router_that_is_paid(self):
        router = self.network.net["router"]
        command = [ROOT / ".deps/clients/bin/schemathesis", "run", router["url"] + "/openapi.json"]
        command += ["--checks", "not_a_server_error,response_schema_conformance,content_type_conformance"]
        command += ["--phases", "examples,fuzzing", "--max-examples", "5", "--seed", "7", "--no-shrink", "--warnings", "off"]
        command += ["--continue-on-failure", "--request-timeout", "60", "--suppress-health-check", "all"]
        command += ["-H", f"Authorization: Bearer {router['api_key']}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=self.network.dir.parent)
        self.assertEqual(result.returncode, 0, result.stdout[-4000:] + result.stderr[-2000:])

    def test_4_a_router_killed_in_the_middle_of_streams_comes_back_with_its_sessions(self):
        client = self.network.client(max_retries=0)
        sessions = [session["id"] for session in self.network.sessions()]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            streams = [pool.submit(chat, client, number) for number in range(8)]
            concurrent.futures.wait(streams, return_when=concurrent.futures.FIRST_COMPLETED)
            self.network.kill("quern-router")
        for each in streams:
            each.exception()  # some were cut off

        def answers():
            try:
                return chat(client, 3)
            except openai.OpenAIError:
                return None

        self.network.wait("an answer after the router's crash", answers, 60)
        self.assertEqual([session["id"] for session in self.network.sessions()], sessions, "no session was lost")

    def test_5_a_request_is_followed_from_its_voucher_into_a_batch(self):
        client = self.network.client(max_retries=2)
        messages = [{"role": "user", "content": PROMPTS[0]}]
        requests = []
        for model in (MODEL, OTHER):
            answer = client.chat.completions.with_raw_response.create(model=model, messages=messages, max_tokens=20)
            requests.append(answer.headers["x-request-id"])

        def traced():
            traces = [self.network.trace(request) for request in requests]
            return all('"batch' in trace.stdout and not trace.returncode for trace in traces)

        self.network.wait("receipts of both models in batches", traced)

    def test_5a_a_client_learns_its_receipt_and_verifies_it_offline(self):
        network = self.network
        client, held = network.client(max_retries=2), None
        options = {"model": MODEL, "messages": [{"role": "user", "content": PROMPTS[1]}], "max_tokens": 16}
        # Whole: a header names it.
        whole = client.chat.completions.with_raw_response.create(**options)
        self.assertTrue(whole.parse().choices[0].message.content)
        # Streamed: headers come before there is a receipt. The request's id finds it, and a comment at the end names it.
        with client.chat.completions.with_streaming_response.create(stream=True, **options) as streamed:
            request = streamed.headers["x-request-id"]
            self.assertNotIn("quern-receipt", streamed.headers)
            comments = [line for line in streamed.iter_lines() if line.startswith(": quern-receipt ")]
        self.assertEqual(len(comments), 1, comments)
        named = {whole.headers["x-request-id"]: whole.headers["quern-receipt"], request: comments[0].rsplit(" ", 1)[1]}
        for request, receipt in named.items():
            held = network.receipt(request)
            self.assertEqual(held["id"], receipt)
            self.assertEqual("-".join(str(held["place"][part]) for part in ("session", "nonce")), request)
        # The host that served has the proof into a batch as well, once the batch is on the chain.
        place = held["place"]
        host = next(each for each in network.net["workers"] if each["host"] == place["host"])
        url = f"{host['status']}/v1/receipts/{place['session']}/{place['nonce']}"

        def committed():
            with urllib.request.urlopen(url, timeout=10) as answer:
                status = json.load(answer)
            return status if status["committed"] else None

        status = network.wait("proof into a batch", committed)
        self.assertEqual(status["signed"], held["signed"])
        session = network.smart("settlement", {"session": {"session": place["session"]}})
        hosts = network.smart("registry", {"hosts": {}})
        warm = next(each for each in hosts if each["host"] == place["host"])["warm_key"]["key"]
        keys = ["--session-key", session["session_key"], "--warm-key", warm]
        # The root is on the chain, where the host's batch committed it.
        batch = {"host": place["host"], "sequence": status["committed"]["batch"]}
        root = network.smart("settlement", {"batch": batch})["root"]["hash"]
        found = network.verify(status, *keys, "--root", root)
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)
        verdicts = {step["step"]: step["verdict"] for step in json.loads(found.stdout)["steps"]}
        self.assertEqual(set(verdicts.values()), {"holds"}, found.stdout)
        self.assertIn("batch", verdicts)
        # One coin less, another host's word, or another chain: all are found out.
        capture = str(int(status["signed"]["receipt"]["capture"]) - 1)
        forged = json.loads(json.dumps(status))
        for part in (forged["signed"], forged["committed"]):
            part["receipt"]["capture"] = capture
        other = next(each for each in hosts if each["host"] != place["host"])["warm_key"]["key"]
        for wrong in (
            network.verify(forged, *keys),
            network.verify(status, *keys[:3], other),
            network.verify(status, *keys, chain="another-1"),
            network.verify(status, *keys, "--root", "00" * 32),
        ):
            self.assertEqual(wrong.returncode, 9, wrong.stdout + wrong.stderr)

    def test_5a1_many_streamed_choices_of_one_request_are_all_answered_and_their_receipts_are_there_at_once(self):
        network, router = self.network, self.network.net["router"]
        # More than are under way together.
        choices, before = 128, int(usage(router)["spent"])
        options = {
            "model": MODEL, "prompt": [PROMPTS[0]] * (choices // 16), "max_tokens": 12, "n": 16,
            "stream": True, "stream_options": {"include_usage": True},
        }
        with network.client(max_retries=0).completions.with_streaming_response.create(**options) as streamed:
            lines = list(streamed.iter_lines())
        self.assertEqual([line for line in lines if line.startswith("data:")][-1], "data: [DONE]", lines[-3:])
        listed = {kept["id"]: kept for kept in network.receipts()}
        ids = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(": quern-receipt ")]
        self.assertEqual(len(set(ids)), choices)
        self.assertEqual(set(ids) - set(listed), set())
        chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        ended = [choice["index"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
        self.assertEqual(sorted(ended), list(range(choices)))
        # What is told as used is what the receipts charge for, the prompt with each choice; what was cached is told.
        told = chunks[-1]["usage"]
        receipts = [listed[each]["signed"]["receipt"] for each in ids]
        for name, own in (("prompt_tokens", "prompt"), ("completion_tokens", "completion")):
            self.assertEqual(told[name], sum(receipt["usage"][own] for receipt in receipts))
        self.assertGreater(told["prompt_tokens_details"]["cached_tokens"], 0)
        spent = int(usage(router)["spent"]) - before
        self.assertEqual(spent, sum(int(receipt["capture"]) for receipt in receipts))

    def test_5b_a_host_rotates_its_warm_key_and_what_it_serves_then_is_committed_and_claimed_by_the_new_one(self):
        network, number = self.network, 1
        host, node = network.net["workers"][number]["host"], network.net["nodes"][number]
        config = next((network.dir / f"host{number}").rglob("chain.json"))
        keys = [part for name in ("warm", "transport") for part in (f"--{name}-key", config.with_name(f"new-{name}.key"))]
        made = subprocess.run([WORKER, "keys", *keys], check=True, capture_output=True, text=True)
        new = json.loads(made.stdout)
        funded = network.tx("faucet", "bank", "send", new["warm_address"], "1000000nqrn")
        self.assertEqual(funded["code"], 0, funded)
        # The worker reads the keys when it starts, and goes on with the old one until the registry names the new one.
        settings = json.loads(config.read_text())
        settings["warm_keys"].insert(0, "new-warm.key")
        config.write_text(json.dumps(settings))
        network.kill("quern-worker", number, signal.SIGTERM)
        rotated = network.tx(node["moniker"], "rotate-warm-key", new["warm_key"], home=node["home"])
        self.assertEqual(rotated["code"], 0, rotated)

        def named():
            return network.smart("registry", {"host": {"host": host}})["warm_key"]["key"] == new["warm_key"]

        def standing():
            last = network.smart("settlement", {"last_batch": {"host": host}})
            own = network.smart("settlement", {"host_standing": {"host": host}})
            return (last["sequence"] if last else 0), int(own["claimed"])

        network.wait("rotation", named, 20)
        before, patient = standing(), network.client(max_retries=5)

        def claimed():
            self.assertTrue(chat(patient, 0))
            return all(now > then for now, then in zip(standing(), before))

        # Only the key that the registry names may commit.
        network.wait("batch and claim by the new key", claimed)
        account = ask("query", "auth", "account-info", new["warm_address"], "--node", network.rpc)
        self.assertGreater(int(account["info"]["sequence"]), 0)

    def test_6_escrow_divides_to_the_last_coin_and_a_host_of_two_models_is_paid_for_both(self):
        sessions = [self.network.session(model) for model in (MODEL, OTHER)]
        before = {host: self.network.balance(host) for host in (self.both, self.one)}
        for session in sessions:
            closed = self.network.execute("router", "settlement", {"close_session": {"session": session["id"]}})
            self.assertEqual(closed["code"], 0, closed)

        def paid():
            now = [self.network.smart("settlement", {"session": {"session": session["id"]}}) for session in sessions]
            return now if all(session["status"] == "closed" for session in now) else None

        gained = dict.fromkeys(before, 0)
        for now in self.network.wait("closed sessions", paid, 300):
            outcome = now["outcome"]
            shares = {host: int(amount) for host, amount in outcome["paid"]}
            parts = [int(outcome[part]) for part in ("router_fee", "burned", "audits", "refund")]
            self.assertEqual(sum(shares.values()) + sum(parts), int(now["escrow"]))
            self.assertGreater(shares.get(self.both, 0), 0, f"{now['model']} was served")
            self.assertGreater(int(outcome["audits"]), 0, "the audits live from fees")
            for host, amount in shares.items():
                gained[host] += amount
        for host, amount in gained.items():
            self.assertEqual(self.network.balance(host) - before[host], amount)

    def test_7_the_payer_spent_what_its_sessions_say(self):
        sessions = self.network.sessions()
        fee = int(self.network.smart("settlement", {"params": {}})["open_fee"])
        spent = sum(int(session["escrow"]) + fee for session in sessions)
        returned = sum(int(session["outcome"]["refund"]) for session in sessions if session["outcome"])
        # gas is free on this network
        self.assertEqual(self.network.balance(sessions[0]["payer"]), FUNDS - spent + returned)

    def test_8_contract_balances_are_what_they_say_and_supply_fell_by_the_burn(self):
        settlement = self.network.smart("settlement", {"totals": {}})
        held = sum(int(settlement[part]) for part in ("escrowed", "router_bonds", "restitution_held"))
        self.assertEqual(self.network.balance(self.network.net["contracts"]["settlement"]), held)
        audits = self.network.smart("audits", {"totals": {}})
        self.assertEqual(int(audits["funded"]), int(settlement["audits"]))
        bonding = self.network.smart("bonding", {"totals": {}})
        held = sum(int(bonding[part]) for part in ("active", "unbonding"))
        self.assertEqual(self.network.balance(self.network.net["contracts"]["bonding"]), held)
        entry = int(self.network.smart("registry", {"params": {}})["entry_fee"])
        hosts = len(self.network.net["workers"])
        genesis = FUNDS * (len(self.network.net["accounts"]) + hosts) - entry * hosts

        def balanced():
            settlement, bonding, rewards = (
                self.network.smart(contract, {"totals": {}}) for contract in ("settlement", "bonding", "rewards")
            )
            burned = int(settlement["burned"]) + int(bonding["burned"]) + int(rewards["clawed_back"])
            # gas is free; an epoch may end, or a session close, between two of these questions
            return self.network.supply() == genesis - burned + int(rewards["received"])

        self.network.wait("supply that is genesis, less what burned, and what was minted", balanced, 20)

    def test_9_the_price_follows_what_was_served(self):
        price = self.network.smart("pricing", {"price": {"model": MODEL}})
        self.assertGreater(price["updated_at"], 0)
        self.assertNotEqual(price["price"], price["launch"])
        demands = [self.network.smart("settlement", {"demand": {"model": model}}) for model in (MODEL, OTHER)]
        # what was committed since the last update is judged by the next
        self.assertLessEqual(int(price["judged"]), int(demands[0]["weighted"]))
        self.assertGreater(int(price["judged"]), 0)
        listed = [self.network.smart("settlement", {"batch_at": {"host": host["host"], "height": 10**9}})
                  for host in self.network.smart("registry", {"hosts": {}})]
        committed = sum(int(batch["committed"]) for batch in listed if batch)
        self.assertEqual(sum(int(demand["amount"]) for demand in demands), committed, "limits covered all of it")


if __name__ == "__main__":
    unittest.main()
