#!/usr/bin/env bash
# Python libraries that are built on OpenAI's client or stand beside it, in .deps/sdks: LangChain, LangGraph, LiteLLM,
# Instructor. They agree on versions among themselves, so they are apart from .deps/python.
. "$(dirname "$0")/lib.sh"
step sdks "$SETUP/sdks-requirements.txt"

say "installing langchain, langgraph, litellm, instructor and what they need"
rm -rf "$DEPS/sdks"
python3 -m venv "$DEPS/sdks"
"$DEPS/sdks/bin/python" -m pip install --quiet --require-hashes --only-binary=:all: \
    --requirement "$SETUP/sdks-requirements.txt"
"$DEPS/sdks/bin/python" -c 'import anthropic, instructor, jsonschema, langchain_openai, langgraph.graph' ||
    die "the clients do not import; see the lines above"
step_done
