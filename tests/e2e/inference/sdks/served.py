"""What the tests of this folder talk to: a router, as `beside.py` started it."""

import os

URL = os.environ["QUERN_URL"]
BASE = URL + "/v1"
KEY = os.environ["QUERN_KEY"]
# The packaged model, one whose template shows tools, one that thinks before it answers, and a sentence encoder.
MODEL = os.environ["QUERN_MODEL"]
TOOLS_MODEL = os.environ["QUERN_TOOLS_MODEL"]
THINKER = os.environ["QUERN_THINKER"]
ENCODER = os.environ["QUERN_ENCODER"]
# Thoughts of at most so many tokens and the mark behind them: the model was never taught to end them. Where a dialect has no
# such bound, the mark that ends them is made likely.
THINKING = {"thinking_token_budget": 12}
THOUGHT_TOKENS = 13
THINKING_BRIEFLY = {"logit_bias": {os.environ["QUERN_THOUGHTS_END"]: 4}, "seed": 1}
