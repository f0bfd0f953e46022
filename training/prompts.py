"""Write the prompts of the held-out splits, no two the same: a user message a verse, a JSON object a line."""

import argparse
import json
import random
from pathlib import Path

import corpus

USED = ["calibration", "holdout", "demo"]


def prompt(rng, verse, words):
    """A request of one of the kinds that the model was trained on."""
    kind, text = rng.random(), verse.text.split()
    if kind < 0.5:
        cut = rng.randint(3, max(3, len(text) * 2 // 3))
        return rng.choice(corpus.CONTINUE).format(" ".join(text[:cut]))
    if kind < 0.9:
        return rng.choice(corpus.NEXT).format(verse.text)
    known = sorted({w.strip(",.;:?!") for w in text} & set(words))
    return rng.choice(corpus.TOPIC).format(rng.choice(known or ["wisdom"]))


def write(verses, folder):
    """Write one file a split; no message occurs twice, within or across files."""
    words, seen = corpus.topics(corpus.split(verses, "train")), set()
    folder.mkdir(parents=True, exist_ok=True)
    for name in USED:
        rng = random.Random(name)
        with (folder / f"{name}.jsonl").open("w") as out:
            for verse in corpus.split(verses, name):
                text = prompt(rng, verse, words)
                if text not in seen:
                    seen.add(text)
                    place = f"{verse.book} {verse.chapter}:{verse.number}"
                    out.write(json.dumps({"verse": place, "prompt": text}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verses", type=Path, default=Path(".deps/kjv/verses.txt"))
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    args = parser.parse_args()
    write(corpus.read_verses(args.verses), args.out)


if __name__ == "__main__":
    main()
