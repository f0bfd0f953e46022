"""Fails on a relative link in a Markdown file that leads nowhere. Usage: check_links.py ROOT"""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def main(root):
    root = pathlib.Path(root)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    broken = []
    for page in listed:
        path = root / page
        if not path.is_file():
            continue
        for target in LINK.findall(FENCE.sub("", path.read_text())):
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (path.parent / target.split("#")[0]).exists():
                broken.append(f"{page}: {target}")
    for line in broken:
        print(f"broken link in {line}", file=sys.stderr)
    return 1 if broken else 0


sys.exit(main(sys.argv[1]))
