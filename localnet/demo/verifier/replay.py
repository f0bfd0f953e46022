"""Re-execution in `transformers`: from a request and what its payer read to the tokens and their gaps."""

import json

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from .sampler import Sampler

logging.set_verbosity_error()
logging.disable_progress_bar()

# Two right engines differ by some 1e-5 logits; this much is no rounding any more.
SLACK = 1e-3
CLIP = 1.0
# Ways to read an answer's text as tokens that are tried before it counts as unexplained.
TRIES = 48


class Reference:
    """The model as `transformers` runs it: float32, eager, on the CPU."""

    def __init__(self, folder, threads=2):
        torch.set_num_threads(threads)
        load = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        self.model, self.tokenizer = load.eval(), AutoTokenizer.from_pretrained(folder)
        ends = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
        self.ends = set(ends if isinstance(ends, list) else [ends])
        self.context = self.model.config.max_position_embeddings
        special = set(self.tokenizer.all_special_ids)
        alphabet = bytes_of_letters()
        texts = self.tokenizer.convert_ids_to_tokens(range(len(self.tokenizer)))
        self.bytes = [
            b"" if i in special else bytes(alphabet[letter] for letter in text) for i, text in enumerate(texts)
        ]

    def prompt(self, path, request):
        """Prompt ids, as the model's chat template and tokenizer have them."""
        if path == "/v1/completions":
            prompt = request["prompt"]
            return prompt if isinstance(prompt, list) else self.tokenizer(prompt).input_ids
        text = self.tokenizer.apply_chat_template(request["messages"], add_generation_prompt=True, tokenize=False)
        return self.tokenizer(text, add_special_tokens=False).input_ids

    @torch.inference_mode()
    def logits(self, prompt, output):
        """Logits before each output token, in one pass."""
        rows = self.model(torch.tensor([prompt + output[:-1]])).logits[0, len(prompt) - 1 :]
        return rows[:, : len(self.tokenizer)].numpy()

    @torch.inference_mode()
    def decode(self, prompt, count, choose):
        """`count` tokens, each chosen from its logits; answers them and the logits."""
        output, rows, step, feed = [], [], None, prompt
        for t in range(count):
            step = self.model(torch.tensor([feed]), past_key_values=step and step.past_key_values, use_cache=True)
            row = step.logits[0, -1, : len(self.tokenizer)].numpy()
            output.append(choose(t, row))
            rows.append(row)
            feed = output[-1:]
        return output, rows

    def recover(self, prompt, count, sampler, text, is_the_output):
        """The tokens behind an answer and the logits before each. Tried in turn: the text as the tokenizer writes it; what an
        exact host draws; the readings of the text that the noise makes likeliest. None if no reading has the receipt's hash."""
        plain = self.tokenizer(text.decode(), add_special_tokens=False).input_ids
        for output in [plain, *(plain + [end] for end in sorted(self.ends))]:
            if len(output) == count and is_the_output(output):
                return output, self.logits(prompt, output)
        output, rows = self.decode(prompt, count, lambda t, row: sampler.draw(row, t))
        if is_the_output(output):
            return output, rows
        tried, waiting = set(), [(0.0, ())]
        for _ in range(TRIES):
            if not waiting:
                break
            waiting.sort()
            spent, forced = waiting.pop(0)
            reading = self.read(prompt, count, sampler, text, dict(forced))
            if reading is None:
                continue
            output, rows, others = reading
            if is_the_output(output):
                return output, rows
            last = max((t for t, _ in forced), default=-1)
            for loss, t, token in others:
                if t > last and (way := forced + ((t, token),)) not in tried:
                    tried.add(way)
                    waiting.append((spent + loss, way))
        return None

    def read(self, prompt, count, sampler, text, forced):
        """One reading of the text as `count` tokens, and at what loss other tokens would fit at each place."""
        at, others, stuck = 0, [], False

        def choose(t, row):
            nonlocal at, stuck
            fits = [i for i, word in enumerate(self.bytes) if word and text.startswith(word, at)]
            if at == len(text):
                fits = sorted(self.ends) if t == count - 1 else range(len(self.bytes))
            _, score = sampler.scores(row, t)
            ranked = sorted(fits, key=lambda i: -score[i])
            if not ranked:
                stuck = True
                return 0
            token = forced.get(t, ranked[0])
            if t not in forced:
                others.extend((float(score[ranked[0]] - score[i]), t, i) for i in ranked[1:4])
            at += len(self.bytes[token])
            return token

        output, rows = self.decode(prompt, count, choose)
        return None if stuck else (output, rows, others)


def bytes_of_letters():
    """The letters by which byte-level BPE writes bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in plain}
    rest = (byte for byte in range(256) if byte not in plain)
    letters.update((chr(256 + i), byte) for i, byte in enumerate(rest))
    return letters


def sampler_of(seed, request):
    return Sampler(seed, request.get("temperature", 1.0), request.get("top_p", 1.0))
