#!/usr/bin/env bash
# CPU libtorch 2.13.0 for the `tch` crate, in .deps/libtorch.
#
# PyTorch's wheel is unpacked once into .deps/torch-wheel (the Python reference imports the
# same copy); .deps/libtorch is a view of it in the shape that LIBTORCH expects. The wheel's
# own umbrella libtorch.so demands the CUDA library, so the view has one that links only
# torch_cpu.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

name=torch
deps=$PWD/.deps
wheel=$deps/torch-wheel
view=$deps/libtorch
lock=scripts/setup/torch-requirements.txt
stamp=$deps/stamps/$name
key=$(cat "scripts/setup/$name.sh" "$lock" | sha256sum | cut -d' ' -f1)

say() { printf '[%s] %s\n' "$name" "$*"; }
die() {
  printf '[%s] error: %s\n' "$name" "$*" >&2
  exit 1
}

if [[ -f $stamp && $(<"$stamp") == "$key" && -e $view/lib/libtorch_cpu.so ]]; then
  say "up to date: .deps/libtorch"
  exit 0
fi

[[ $(uname -sm) == "Linux x86_64" ]] || die "the pinned wheel is for Linux x86-64; this is $(uname -sm)"
python3 -m pip --version >/dev/null 2>&1 || die "pip is missing; run: apt-get install python3-pip python3-venv"
command -v cc >/dev/null || die "a C compiler is missing; run: apt-get install gcc"
mkdir -p "$deps/stamps"
free_mb=$(df -Pm "$deps" | awk 'NR == 2 { print $4 }')
((free_mb >= 2500)) || die "needs 2,500 MB of free disk under $deps, found $free_mb MB; free some and run again"

tmp=$(mktemp -d "$deps/.torch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
rm -f "$stamp"

say "downloading PyTorch 2.13.0 and two CUDA runtime wheels (540 MB)"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
  --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 \
  --dest "$tmp/wheels" --requirement "$lock"

say "unpacking (1.2 GB)"
mkdir "$tmp/wheel"
for file in "$tmp"/wheels/*.whl; do
  python3 -m zipfile -e "$file" "$tmp/wheel"
done
rm -rf "$wheel" "$tmp/wheels"
mv "$tmp/wheel" "$wheel"

say "building the CPU view"
mkdir -p "$tmp/view/lib"
ln -s ../torch-wheel/torch/include "$tmp/view/include"
for file in libtorch_cpu.so libc10.so libgomp.so.1; do
  ln -s "../../torch-wheel/torch/lib/$file" "$tmp/view/lib/$file"
done
for file in libcudart.so.13 libcupti.so.13; do
  ln -s "../../torch-wheel/nvidia/cu13/lib/$file" "$tmp/view/lib/$file"
done
printf '2.13.0' >"$tmp/view/build-version"
rm -rf "$view"
mv "$tmp/view" "$view"
# Linked in place, so that the loader finds the other libraries beside it.
printf '' | cc -shared -x c - -o "$view/lib/libtorch.so" -Wl,-soname,libtorch.so -Wl,--no-as-needed \
  -L"$view/lib" -Wl,-rpath,"\$ORIGIN" -Wl,-rpath-link,"$view/lib" -ltorch_cpu -lc10

ldd "$view/lib/libtorch.so" | grep 'not found' && die "a library that libtorch needs is missing; see the lines above"
printf '%s' "$key" >"$stamp"
say "ready: LIBTORCH=.deps/libtorch"
