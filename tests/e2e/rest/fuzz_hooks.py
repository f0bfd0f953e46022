"""Loaded by schemathesis: three of four requests that it makes up become those for something that the chain has.

`QUERN_LIVE` is a file of them by parameter; each answer's route and status goes into the file `QUERN_SEEN`.
"""

import json
import os
import zlib
from pathlib import Path

import schemathesis

LIVE = json.loads(Path(os.environ["QUERN_LIVE"]).read_text())
SEEN = Path(os.environ["QUERN_SEEN"]).open("a", buffering=1)


def alive(parameters):
    """Which requests change, and into what, follows from their values: a seed means the same requests again."""
    chance = zlib.crc32(repr(parameters).encode())
    if not parameters or chance % 4 == 0:
        return parameters
    chosen = {name: values[chance // 4 % len(values)] for name, values in LIVE.items() if name in parameters}
    if "query_data" in chosen:
        chosen["address"] = LIVE["contract"][0]
    return dict(parameters) | chosen


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    changed = alive(path_parameters)
    # Most addresses are no contract's: a route of contracts would find nothing in a run of few requests.
    if changed is not path_parameters and "/contract/{address}" in context.operation.path:
        changed["address"] = LIVE["contract"][0]
    return changed


@schemathesis.hook
def map_query(context, query):
    changed = alive(query)
    if changed is query:
        return query
    # Beside what the chain has, only what it has; transactions are found by a question alone.
    needed = {"query": LIVE["query"][0]} if context.operation.path.endswith("/v1beta1/txs") else {}
    return {name: value for name, value in changed.items() if name in LIVE} | needed


@schemathesis.hook
def after_call(context, case, response):
    SEEN.write(f"{case.operation.label} {response.status_code}\n")
