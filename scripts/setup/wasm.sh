#!/usr/bin/env bash
# The canonical contract compiler: Debian's rustc with its wasm32 standard library, its linker and wasm-opt.
# Nothing else may make genesis artefacts (docs/adr/0004-canonical-contract-compiler.md).
. "$(dirname "$0")/lib.sh"
step wasm "$SETUP/debian.lib.sh"
. "$SETUP/debian.lib.sh"

root=$DEPS/wasm-toolchain
rm -rf "$root"
debian_private_apt "$WASM_SUITE"
debian_unpack "$root" rustc libstd-rust-1.85 libstd-rust-dev libstd-rust-dev-wasm32 libllvm19 libz3-4 \
    libxml2 libedit2 libbsd0 libmd0 libffi8 libtinfo6 libzstd1 zlib1g liblzma5 libicu76 libgcc-s1 \
    libstdc++6 libc6 lld-19 binaryen
debian_wrapper wasm-rustc "$root" usr/bin/rustc --sysroot '"$root/usr"'
debian_wrapper wasm-lld "$root" usr/lib/llvm-19/bin/lld
debian_wrapper wasm-opt "$root" usr/bin/wasm-opt

got=$("$DEPS/bin/wasm-rustc" --version) || die "the unpacked rustc does not run"
[[ $got == "rustc $WASM_RUSTC "* ]] || die "Debian's rustc is now '$got', want $WASM_RUSTC (see ADR 0004)"
got=$("$DEPS/bin/wasm-lld" -flavor wasm --version) || die "the unpacked linker does not run"
[[ $got == *"LLD $WASM_LLD."* ]] || die "Debian's lld is now '$got', want $WASM_LLD"
got=$("$DEPS/bin/wasm-opt" --version) || die "the unpacked wasm-opt does not run"
[[ $got == "wasm-opt version $WASM_BINARYEN" ]] || die "Debian's wasm-opt is now '$got', want $WASM_BINARYEN"
step_done
