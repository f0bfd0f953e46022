#!/usr/bin/env bash
# CPU libtorch for the `tch` crate, in .deps/libtorch.
#
# PyTorch's wheel is unpacked once into .deps/torch-wheel (the Python reference imports the same
# copy), with the two CUDA runtime libraries that libtorch_cpu.so itself links. .deps/libtorch is
# a view of it in the shape that LIBTORCH expects. The wheel's own umbrella libtorch.so demands
# the CUDA library, so the view has one that links only torch_cpu.
. "$(dirname "$0")/lib.sh"
step torch

wheel=$DEPS/torch-wheel
view=$DEPS/libtorch

[ "$(uname -sm)" = "Linux x86_64" ] || die "the pinned wheel is for Linux x86-64, this is $(uname -sm)"
python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    die "the pinned wheel is for Python 3.11 (Debian 12's python3), found $(python3 --version 2>&1)"
command -v cc >/dev/null || die "a C compiler is missing; run: apt-get install gcc"
free_mb=$(df -Pm "$DEPS" | awk 'NR == 2 { print $4 }')
[ "$free_mb" -ge 2500 ] || die "needs 2,500 MB of free disk, found $free_mb MB; free some and run again"

say "downloading PyTorch $TORCH_VERSION and two CUDA runtime wheels (540 MB)"
pip_fetch "$SCRATCH/wheels" \
    "torch==$TORCH_VERSION $TORCH_SHA256" \
    "nvidia-cuda-runtime==$TORCH_CUDART $TORCH_CUDART_SHA256" \
    "nvidia-cuda-cupti==$TORCH_CUPTI $TORCH_CUPTI_SHA256"

say "unpacking (1.2 GB)"
mkdir "$SCRATCH/wheel"
for file in "$SCRATCH"/wheels/*.whl; do
    python3 -m zipfile -e "$file" "$SCRATCH/wheel"
done
rm -rf "$wheel"
mv "$SCRATCH/wheel" "$wheel"

mkdir -p "$SCRATCH/view/lib"
ln -s ../torch-wheel/torch/include "$SCRATCH/view/include"
for file in libtorch_cpu.so libc10.so libgomp.so.1; do
    ln -s "../../torch-wheel/torch/lib/$file" "$SCRATCH/view/lib/$file"
done
for file in libcudart.so.13 libcupti.so.13; do
    ln -s "../../torch-wheel/nvidia/cu13/lib/$file" "$SCRATCH/view/lib/$file"
done
printf '%s' "$TORCH_VERSION" >"$SCRATCH/view/build-version"
rm -rf "$view"
mv "$SCRATCH/view" "$view"
# Linked in its final place, where the links above resolve.
cc -shared -x c /dev/null -o "$view/lib/libtorch.so" -Wl,-soname,libtorch.so -Wl,--no-as-needed \
    -L"$view/lib" -Wl,-rpath,"\$ORIGIN" -Wl,-rpath-link,"$view/lib" -ltorch_cpu -lc10

if ldd "$view/lib/libtorch.so" | grep 'not found' >&2; then
    die "a library that libtorch needs is missing on this system; see the lines above"
fi
step_done
