#!/usr/bin/env bash
# Names everything that is missing on this machine, with what to do, before anything is downloaded.
. "$(dirname "$0")/lib.sh"
STEP=preflight
problems=()
problem() { problems+=("$1"); }

# need COMMAND WHAT-TO-DO
need() { command -v "$1" >/dev/null 2>&1 || problem "$1 is not installed: $2"; }

# at_least NAME FOUND WANTED WHAT-TO-DO
at_least() {
    [ -n "$2" ] || return 0
    [ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -1)" = "$3" ] ||
        problem "$1 is version $2, at least $3 is needed: $4"
}

[ "$(uname -sm)" = "Linux x86_64" ] || problem "this is $(uname -sm): only Linux x86_64 is supported"
# shellcheck source=/dev/null
system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}")
if [ "$system" != "debian 12" ]; then
    say "note: this is $system; only Debian 12 is tested"
fi

for tool in git make cc curl dpkg-deb apt-get sha256sum; do
    package=$tool
    case $tool in cc) package=gcc ;; dpkg-deb) package=dpkg ;; apt-get) package=apt ;; sha256sum) package=coreutils ;; esac
    need "$tool" "run: apt-get install $package"
done
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] ||
    problem "Debian's archive keys are missing: run: apt-get install debian-archive-keyring"
need cargo "install Rust 1.95 with rustup"
need go "install Go 1.26"
need node "install Node.js 20"
need npm "install Node.js 20 with npm"
need python3 "run: apt-get install python3 python3-pip"

rust=$(cd "$ROOT" && RUSTUP_AUTO_INSTALL=0 rustc --version 2>/dev/null | cut -d' ' -f2) || true
if [ -z "$rust" ] && command -v cargo >/dev/null; then
    problem "the toolchain of rust-toolchain.toml is not installed: run: rustup toolchain install 1.95.0"
fi
at_least rustc "$rust" 1.95 "run: rustup toolchain install 1.95.0"
for component in clippy-driver rustfmt; do
    (cd "$ROOT" && RUSTUP_AUTO_INSTALL=0 "$component" --version >/dev/null 2>&1) ||
        problem "$component is missing from the Rust toolchain: run: rustup component add clippy rustfmt"
done
at_least go "$(go version 2>/dev/null | sed -n 's/^go version go\([0-9.]*\).*/\1/p')" 1.26 "install Go 1.26"
at_least node "$(node --version 2>/dev/null | tr -d v)" 20 "install Node.js 20"
if command -v python3 >/dev/null; then
    python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$python" = 3.11 ] || problem "python3 is $python: the pinned wheels are for 3.11 (Debian 12's python3)"
    python3 -c 'import pip, venv' 2>/dev/null ||
        problem "python3 lacks pip or venv: run: apt-get install python3-pip python3-venv"
fi

# A cold set-up, build and demonstration take 12.4 GB, CI's gate and suite beside them some 4 more; once the tools
# are in place, builds need less.
want_gb=13
[ -z "${CI:-}" ] || want_gb=17
[ -f "$DEPS/stamps/torch" ] && want_gb=4
free_gb=$(df -Pk "$ROOT" | awk 'NR == 2 { print int($4 / 1048576) }')
[ "$free_gb" -ge "$want_gb" ] || problem "$free_gb GB of disk are free at $ROOT, $want_gb GB are needed: free some space"
memory_mb=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
[ "$memory_mb" -ge 6000 ] || problem "$memory_mb MB of memory, 6000 MB are needed to compile: use a larger machine"

if [ "${#problems[@]}" -gt 0 ]; then
    for line in "${problems[@]}"; do say "error: $line"; done
    die "${#problems[@]} problem(s); nothing was changed"
fi
say "ok: $system, $(nproc) cores, $((memory_mb / 1024)) GB memory, $free_gb GB disk free"
