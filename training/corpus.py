"""The King James text: verses, the split by book, and the documents a model learns from."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

# Whole books, so that no verse of a held-out split has a neighbour in another split.
# `validation` is for the loss curve, `calibration` sets the verifier's threshold, `holdout`
# bounds its false alarms, and `demo` is where prompts of demonstrations and tests come from.
SPLITS = {
    "validation": ["Ruth", "Joel", "Phi", "Jas"],
    "calibration": ["Hos", "Mic", "Gal", "Col", "1Jn"],
    "holdout": ["Amos", "Nahum", "1Pet", "Titus", "Eccl"],
    "demo": ["Neh", "Lam", "Eph", "2Tim", "Mal"],
}

BOS, START, END = "<|begin_of_text|>", "<|im_start|>", "<|im_end|>"
SPECIAL = [BOS, START, END]

CONTINUE = ["Continue: {}", "Continue this verse: {}", "Complete the verse: {}", "{}"]
NEXT = ["What comes after this? {}", "Then what? {}", "Recite the next verse: {}"]
TOPIC = ["Tell me of {}.", "Speak of {}.", "Write a verse about {}.", "What is written of {}?"]
MORE = ["Go on.", "Continue.", "And then?"]
SYSTEM = ["You are a scribe.", "Answer with verses.", "You are a helpful assistant."]


@dataclass(frozen=True)
class Verse:
    book: str
    chapter: int
    number: int
    text: str


def read_verses(path):
    """All verses in order, from the lines that the `bible` program prints."""
    verses = []
    for line in Path(path).read_text("ascii").splitlines():
        book, chapter, number, text = re.fullmatch(r"(\d?[A-Za-z]+)(\d+):(\d+) +(.*\S)\s*", line).groups()
        verses.append(Verse(book, int(chapter), int(number), text))
    return verses


def split(verses, name):
    """The verses of one split; `train` is every book that no other split names."""
    held_out = {book for books in SPLITS.values() for book in books}
    if name == "train":
        return [v for v in verses if v.book not in held_out]
    return [v for v in verses if v.book in SPLITS[name]]


def chapters(verses):
    """Lists of consecutive verses, one list a chapter."""
    groups = []
    for verse in verses:
        if not groups or (verse.book, verse.chapter) != (groups[-1][-1].book, groups[-1][-1].chapter):
            groups.append([])
        groups[-1].append(verse)
    return groups


def render(messages):
    """The chat template of the model, in Python; `train.py` checks that the shipped one agrees."""
    return BOS + "".join(f"{START}{m['role']}\n{m['content']}{END}\n" for m in messages)


def plain(chapter):
    """A chapter as plain text, one verse a line, ended like an answer."""
    return BOS + "\n".join(v.text for v in chapter) + END


def topics(verses):
    """The words a user may ask about, each with how often it occurs: long or named, not too common."""
    counts = {}
    for verse in verses:
        for word in set(re.findall(r"[A-Za-z]{4,}", verse.text)):
            counts[word] = counts.get(word, 0) + 1
    return {w: n for w, n in counts.items() if 5 <= n <= 600}


def chat(rng, chapter, words):
    """One conversation over a chapter: a request, an answer of one to three verses, now and then more."""
    at = rng.randrange(len(chapter))

    def take():
        nonlocal at
        count = rng.choices([1, 2, 3], [70, 20, 10])[0]
        verses = chapter[at : at + count]
        at += len(verses)
        return " ".join(v.text for v in verses)

    messages = [{"role": "system", "content": rng.choice(SYSTEM)}] if rng.random() < 0.1 else []
    kind = rng.random()
    if kind < 0.45:
        opening = chapter[at].text.split()
        cut = rng.randint(min(3, len(opening) - 1), max(3, len(opening) // 2)) if len(opening) > 3 else 1
        ask, answer = rng.choice(CONTINUE).format(" ".join(opening[:cut])), take().split(" ", cut)[-1]
    elif kind < 0.7 and at + 1 < len(chapter):
        ask = rng.choice(NEXT).format(chapter[at].text)
        at += 1
        answer = take()
    else:
        known = sorted(w for w in set(re.findall(r"[A-Za-z]{4,}", chapter[at].text)) if w in words)
        word = rng.choices(known, [1 / words[w] for w in known])[0] if known else "Israel"
        ask, answer = rng.choice(TOPIC).format(word), take()
    messages += [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    while at < len(chapter) and rng.random() < 0.2:
        messages += [{"role": "user", "content": rng.choice(MORE)}, {"role": "assistant", "content": take()}]
    return messages


def documents(verses, seed, chat_share=0.65):
    """An endless stream of documents: passes over shuffled chapters, plain or as conversations.

    `chat_share` is the part of the text's tokens, roughly, that comes as conversations.
    """
    rng = random.Random(seed)
    groups, words = chapters(verses), topics(verses)
    while True:
        rng.shuffle(groups)
        for chapter in groups:
            if rng.random() < chat_share:
                for _ in range(max(1, len(chapter) // 2)):
                    yield render(chat(rng, chapter, words))
            else:
                yield plain(chapter)
