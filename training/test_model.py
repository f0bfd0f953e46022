"""The shipped model is what its log and its card say. Run: .deps/python/bin/python training/test_model.py"""

import hashlib
import itertools
import json
import tempfile
import unittest
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import corpus
import prompts
import train

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/quern-small"
VERSES = ROOT / ".deps/kjv/verses.txt"


class ShippedModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.tokenizer = AutoTokenizer.from_pretrained(MODEL)
        cls.model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)

    def test_files_have_the_sums_of_the_card(self):
        sums = dict(line.split()[::-1] for line in (MODEL / "SHA256SUMS").read_text().splitlines())
        self.assertEqual(5, len(sums))
        for name, digest in sums.items():
            self.assertEqual(digest, hashlib.sha256((MODEL / name).read_bytes()).hexdigest(), name)
            self.assertIn(digest, (MODEL / "README.md").read_text(), name)

    def test_models_folder_is_at_most_ten_megabytes(self):
        size = sum(p.stat().st_size for p in (ROOT / "models").rglob("*") if p.is_file())
        self.assertLessEqual(size, 10_000_000)

    def test_validation_loss_is_the_last_of_the_log(self):
        held_out = corpus.split(corpus.read_verses(VERSES), "validation")
        texts = map(corpus.plain, corpus.chapters(held_out))
        rows = torch.tensor(list(train.token_rows(self.tokenizer.backend_tokenizer, texts)))
        last = json.loads((ROOT / "training/log.jsonl").read_text().splitlines()[-1])
        self.assertAlmostEqual(last["plain"], train.validation(self.model, rows), places=3)

    def test_any_text_survives_the_tokenizer(self):
        text = "Grüße, 世界 🌍\n\tfrom <b>bytes</b> \x00\x7f  two spaces"
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        self.assertEqual(text, self.tokenizer.decode(ids))

    def test_a_chat_answers_and_ends_by_itself(self):
        ended = 0
        lines = (ROOT / "models/prompts/demo.jsonl").read_text().splitlines()
        for line in itertools.islice(lines, 0, 80, 10):
            messages = [{"role": "user", "content": json.loads(line)["prompt"]}]
            ids = self.tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_tensors="pt", return_dict=False
            )
            new = self.model.generate(ids, max_new_tokens=100, do_sample=False)[0, ids.shape[1] :]
            ended += int(new[-1] == self.tokenizer.eos_token_id and len(new) > 4)
        self.assertGreaterEqual(ended, 2)  # 4 where it was trained; last bits differ elsewhere


class Splits(unittest.TestCase):
    def test_no_held_out_verse_is_in_the_training_split(self):
        verses = corpus.read_verses(VERSES)
        parts = [corpus.split(verses, name) for name in ("train", *corpus.SPLITS)]
        self.assertEqual(len(verses), sum(map(len, parts)))
        self.assertEqual(len(verses), len(set().union(*parts)))

    def test_shipped_prompts_are_what_the_script_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            prompts.write(corpus.read_verses(VERSES), Path(folder))
            for name in prompts.USED:
                ours = (ROOT / f"models/prompts/{name}.jsonl").read_text()
                self.assertEqual(ours, (Path(folder) / f"{name}.jsonl").read_text())


if __name__ == "__main__":
    unittest.main()
