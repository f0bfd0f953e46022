#!/usr/bin/env bash
# What `make check` and `make docs` run: mdbook and shellcheck from Debian, typos from PyPI.
. "$(dirname "$0")/lib.sh"
step tools "$SETUP/debian.lib.sh"
. "$SETUP/debian.lib.sh"

root=$DEPS/debian-tools
rm -rf "$root"
debian_private_apt "$TOOLS_SUITE"
debian_unpack "$root" mdbook shellcheck libc6 libgcc-s1 libffi8 libgmp10
debian_wrapper mdbook "$root" usr/bin/mdbook
debian_wrapper shellcheck "$root" usr/bin/shellcheck

pip_fetch "$SCRATCH/wheels" "typos==$TOOLS_TYPOS $TOOLS_TYPOS_SHA256"
python3 -m zipfile -e "$SCRATCH"/wheels/typos-*.whl "$SCRATCH/typos"
install -m 755 "$SCRATCH"/typos/typos-*.data/scripts/typos "$DEPS/bin/typos"

expect() {
    [[ $2 == *"$3"* ]] || die "$1 reports '$2', want $3"
}
expect mdbook "$("$DEPS/bin/mdbook" --version)" "$TOOLS_MDBOOK"
expect shellcheck "$("$DEPS/bin/shellcheck" --version)" "version: $TOOLS_SHELLCHECK"
expect typos "$("$DEPS/bin/typos" --version)" "$TOOLS_TYPOS"
step_done
