#!/usr/bin/env bash
# Python clients of the chain that tests run unmodified, in .deps/clients: cosmpy for REST and gRPC,
# a validator of OpenAPI documents and schemathesis. Apart from .deps/python, which is PyTorch's.
. "$(dirname "$0")/lib.sh"
step clients "$SETUP/clients-requirements.txt"

say "installing cosmpy, schemathesis and what they need"
rm -rf "$DEPS/clients"
python3 -m venv "$DEPS/clients"
"$DEPS/clients/bin/python" -m pip install --quiet --require-hashes --only-binary=:all: \
    --requirement "$SETUP/clients-requirements.txt"
"$DEPS/clients/bin/python" -c 'import cosmpy.aerial.client, grpc, openapi_spec_validator, schemathesis' ||
    die "the clients do not import; see the lines above"
step_done
