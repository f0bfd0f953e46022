"""What the tests of this folder talk to: a router, as `beside.py` started it."""

import os

URL = os.environ["QUERN_URL"]
BASE = URL + "/v1"
KEY = os.environ["QUERN_KEY"]
# The packaged model, one whose template shows tools, and a sentence encoder.
MODEL = os.environ["QUERN_MODEL"]
TOOLS_MODEL = os.environ["QUERN_TOOLS_MODEL"]
ENCODER = os.environ["QUERN_ENCODER"]
