"""Two models in one worker, with and without a router before it."""

import json
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import stack

MODELS = (stack.MODEL_ID, "endless")


def listed(folder, **second):
    """A file for `--models`."""
    path = Path(folder) / "models.json"
    models = [{"folder": str(stack.MODEL)}, {"folder": "endless", "slots": 2} | second]
    path.write_text(json.dumps(models))
    return path


def serve(models):
    return [stack.BINARIES / "quern-worker", "serve", "--models", models, "--listen", "127.0.0.1:0", "--threads", "1"]


class TwoModels(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        stack.endless_model(self.folder)

    def start(self, server):
        self.addCleanup(server.discard)
        return server

    def ask(self, server, model, seed):
        answer = server.client().completions.create(model=model, prompt="And the king", max_tokens=20, seed=seed)
        return answer.model, answer.choices[0].text

    def test_both_are_listed_and_answer_at_once_as_each_does_alone(self):
        both = self.start(stack.Server(*serve(listed(self.folder))))
        router = self.start(stack.router([both]))
        for server in (both, router):
            self.assertEqual(sorted(model.id for model in server.client().models.list()), sorted(MODELS))
            with self.assertRaises(openai.NotFoundError) as caught:
                self.ask(server, "other", 1)
            self.assertEqual(caught.exception.code, "model_not_found")
        asked = [(model, seed) for seed in range(4) for model in MODELS]
        with ThreadPoolExecutor(len(asked)) as pool:
            together = list(pool.map(lambda case: self.ask(router, *case), asked))
        alone = self.start(stack.worker())
        for (model, seed), answer in zip(asked, together):
            self.assertEqual(answer[0], model)
            if model == stack.MODEL_ID:
                self.assertEqual(answer, self.ask(alone, model, seed))
        self.assertEqual(both.stop(), 0, both.read_log())

    def test_models_that_the_memory_does_not_hold_are_refused_before_any_is_loaded(self):
        command = serve(listed(self.folder, cache_tokens=10**12))
        ended = subprocess.run(command, capture_output=True, text=True, timeout=stack.PATIENCE)
        self.assertEqual(ended.returncode, 1)
        for part in ("the memory does not hold", stack.MODEL_ID, "endless", "cache_tokens"):
            self.assertIn(part, ended.stderr)


if __name__ == "__main__":
    unittest.main()
