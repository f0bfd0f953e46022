"""Prints how long the worker takes from its start to its first answers with the packaged model, beside `transformers`.

Usage: PYTHON tests/e2e/inference/bench_cold_start.py [ROUNDS [REPORT_FILE]]
Once with the program, its libraries and the model in the system's cache of files, and once after asking for them to leave it.
`transformers` is timed to the first token of a process that loads the same model.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import stack

TARGET = 3.0
REFERENCE = stack.ROOT / "inference-worker/reference/bench_transformers.py"


def files():
    """What a worker reads to start."""
    yield stack.BINARIES / "quern-worker"
    for folder in (stack.MODEL, stack.ROOT / ".deps/libtorch/lib"):
        yield from (path for path in folder.iterdir() if path.is_file())


def forget():
    """Asks the system to drop the files' pages; it keeps those that another process has mapped."""
    for path in files():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def ours():
    """Seconds to the first answer of /health, and to the first token."""
    started = time.perf_counter()
    worker = stack.worker()
    try:
        while True:
            try:
                worker.get("/health")
                break
            except OSError:
                time.sleep(0.002)
        health = time.perf_counter() - started
        body = {"model": stack.MODEL_ID, "prompt": "And it came to pass", "max_tokens": 1, "temperature": 0}
        request = urllib.request.Request(
            worker.url + "/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            if not json.load(answer)["choices"]:
                raise RuntimeError("the worker answered without a choice")
        return health, time.perf_counter() - started
    finally:
        worker.stop()
        worker.discard()


def theirs():
    """Seconds to the first token."""
    command = [sys.executable, "-B", REFERENCE, "--model", stack.MODEL, "--threads", "1"]
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write('{"prefill": 5}\n')
    process.stdin.close()
    line = process.stdout.readline()
    seconds = time.perf_counter() - started
    process.stdout.close()
    if process.wait() != 0 or not json.loads(line)["first"]:
        raise RuntimeError("transformers computed no token; see the lines above")
    return seconds


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    kept, left, eager = [], [], []
    ours(), theirs()
    for _ in range(rounds):
        kept.append(ours())
        eager.append(theirs())
        forget()
        left.append(ours())
    beside = statistics.median(eager)
    rows = []
    for name, times in (("files in the system's cache", kept), ("files asked to leave it", left)):
        health, token = (statistics.median(each) for each in zip(*times))
        for what, seconds, target in (("first answer of /health", health, TARGET), ("first token", token, None)):
            rows.append({
                "name": f"worker's start to its {what}, packaged model, {name}, beside transformers' first token",
                "ours": round(seconds, 3), "comparator": round(beside, 3), "ratio": round(seconds / beside, 3),
                "target": target, "unit": "s", "holds": None if target is None else seconds <= target,
            })
    for row in rows:
        print(json.dumps(row))
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
