# shellcheck shell=bash
# Sourced after lib.sh by steps that unpack packages of a newer Debian into .deps. apt does the
# work with a private sources list and state, so signatures are checked against the machine's Debian
# archive keys, nothing is installed and no root is needed.

DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The mirror that this machine already uses for its own release; QUERN_DEBIAN_MIRROR overrides it.
debian_mirror() {
    local codename mirror
    codename=$(. /etc/os-release && printf %s "${VERSION_CODENAME:-}")
    mirror=${QUERN_DEBIAN_MIRROR:-$(
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
            awk -v release="$codename" '$2 == release && $3 == "main" { print $1; exit }'
    )}
    [ -n "$mirror" ] || die "no Debian mirror for '$codename' in apt's sources; set QUERN_DEBIAN_MIRROR=<url>"
    printf %s "$mirror"
}

# debian_private_apt SUITE: points this shell's apt at the private state.
debian_private_apt() {
    local suite=$1 state=$DEPS/apt mirror
    [ -r "$DEBIAN_KEYRING" ] || die "$DEBIAN_KEYRING is missing; install debian-archive-keyring"
    mirror=$(debian_mirror)
    mkdir -p "$state/state/lists/partial" "$state/cache/archives/partial"
    : >"$state/status"
    # The machine's download options (a proxy, say) stay in force; its hooks and preferences do not.
    {
        apt-config dump | grep '^Acquire::.*";$' || true
        printf '%s "%s";\n' \
            Dir::State "$state/state" Dir::State::status "$state/status" \
            Dir::Cache "$state/cache" Dir::Cache::pkgcache '' Dir::Cache::srcpkgcache '' \
            Dir::Etc::sourcelist "$state/sources.list" \
            Dir::Etc::sourceparts /dev/null Dir::Etc::parts /dev/null Dir::Etc::main /dev/null \
            Dir::Etc::preferences /dev/null Dir::Etc::preferencesparts /dev/null \
            Dir::Etc::trustedparts /dev/null APT::Sandbox::User root \
            Acquire::Languages none APT::Architecture amd64
    } >"$SCRATCH/apt.conf"
    mv "$SCRATCH/apt.conf" "$state/apt.conf"
    printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$DEBIAN_KEYRING" "$mirror" "$suite" \
        >"$state/sources.list"
    export APT_CONFIG=$state/apt.conf
    say "reading the package lists of Debian $suite"
    apt-get update -q >"$SCRATCH/update.log" 2>&1 || {
        cat "$SCRATCH/update.log" >&2
        die "apt could not read $mirror"
    }
}

# debian_unpack ROOT PACKAGE...: downloads the packages and unpacks them below ROOT.
debian_unpack() {
    local root=$1 package
    shift
    mkdir -p "$SCRATCH/debs" "$root"
    say "downloading $# packages"
    (cd "$SCRATCH/debs" && apt-get download -q "$@") >"$SCRATCH/download.log" 2>&1 || {
        cat "$SCRATCH/download.log" >&2
        die "apt could not download the packages"
    }
    say "unpacking"
    for package in "$SCRATCH"/debs/*.deb; do dpkg-deb -x "$package" "$root"; done
    rm -rf "$SCRATCH/debs"
}

# debian_wrapper NAME ROOT PROGRAM [ARGUMENT...]: .deps/bin/NAME runs ROOT's program with ROOT's own
# loader and libraries, as the machine's glibc is older. The wrapper finds ROOT beside itself, so the
# checkout can move.
debian_wrapper() {
    local name=$1 root=${2#"$DEPS"/} program=$3
    shift 3
    {
        printf '#!/bin/sh\n'
        printf 'root=$(CDPATH= cd -- "$(dirname -- "$0")/../%s" && pwd) || exit 1\n' "$root"
        printf 'exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" \\\n'
        printf '    "$root/%s"' "$program"
        printf ' %s' "$@" '"$@"'
        printf '\n'
    } >"$SCRATCH/wrapper"
    chmod +x "$SCRATCH/wrapper"
    mv "$SCRATCH/wrapper" "$DEPS/bin/$name"
}
