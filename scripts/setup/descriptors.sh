#!/usr/bin/env bash
# The chain's wire types as one FileDescriptorSet, taken from the descriptors that a published
# Python package embeds: no third-party proto file is kept in this repository.
. "$(dirname "$0")/lib.sh"
step descriptors "$SETUP/descriptors.py"

say "downloading cosmpy $DESCRIPTORS_COSMPY and the Google types that it imports"
pip_fetch "$SCRATCH/wheels" \
    "cosmpy==$DESCRIPTORS_COSMPY $DESCRIPTORS_COSMPY_SHA256" \
    "googleapis-common-protos==$DESCRIPTORS_GOOGLEAPIS $DESCRIPTORS_GOOGLEAPIS_SHA256" \
    "protobuf==$DESCRIPTORS_PROTOBUF $DESCRIPTORS_PROTOBUF_SHA256"

mkdir -p "$DEPS/descriptors"
python3 "$SETUP/descriptors.py" "$SCRATCH/wheels" "$SCRATCH/cosmos.binpb"
mv "$SCRATCH/cosmos.binpb" "$DEPS/descriptors/cosmos.binpb"
step_done
