#!/usr/bin/env bash
# cargo-deny: the licence, ban and source rules of deny.toml. Built without optimisation (one minute
# instead of many; it runs for a second) and without the git client that only advisories need.
. "$(dirname "$0")/lib.sh"
step deny

say "building cargo-deny $DENY_VERSION (about a minute)"
(
    # The toolchain is this repository's; the profile must not be.
    cd "$ROOT"
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$SCRATCH/target cargo install --quiet --locked --debug \
        --no-default-features --root "$SCRATCH/root" cargo-deny --version "$DENY_VERSION"
)
mv "$SCRATCH/root/bin/cargo-deny" "$DEPS/bin/cargo-deny"
[[ $("$DEPS/bin/cargo-deny" --version) == "cargo-deny $DENY_VERSION" ]] || die "cargo-deny does not run"
step_done
