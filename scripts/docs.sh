#!/usr/bin/env bash
# Builds the book and fails on a chapter that is listed but missing, or present but not listed.
set -euo pipefail
. "$(dirname "$0")/env.sh"
[ -x "$DEPS/bin/mdbook" ] || { echo "mdbook is missing: run make setup" >&2 && exit 1; }
cd "$ROOT/docs"
unlisted=$(
    find . -name '*.md' ! -name SUMMARY.md -print | sed 's|^\./||' | sort |
        while read -r page; do grep -qF "($page)" SUMMARY.md || echo "$page"; done
)
missing=$(grep -o '([^)]*\.md)' SUMMARY.md | tr -d '()' | while read -r page; do [ -f "$page" ] || echo "$page"; done)
[ -z "$unlisted" ] || { printf 'not in docs/SUMMARY.md:\n%s\n' "$unlisted" >&2 && exit 1; }
[ -z "$missing" ] || { printf 'in docs/SUMMARY.md but missing:\n%s\n' "$missing" >&2 && exit 1; }
mdbook build --dest-dir "$ROOT/target/book"
python3 "$ROOT/scripts/check_links.py" "$ROOT"
