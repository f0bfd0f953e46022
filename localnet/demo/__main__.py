"""The demonstration: a network of five hosts, its payers, a cheat, and every claim checked.

Usage: python -B localnet/demo [--dir localnet/run] [--seed N] [--cheat none]
"""

import argparse
import signal
import sys
from pathlib import Path

from scenario import Demo


def main():
    parser = argparse.ArgumentParser(prog="demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, default=Path("localnet/run"), help="folder of everything that is written")
    parser.add_argument("--seed", type=int, default=1, help="varies prompts, roles and moments")
    parser.add_argument("--cheat", default="weight-bits:4,audit:lie", help="what the dishonest host does, or none")
    args = parser.parse_args()
    # Asked to end, or left alone by its terminal, it stops the network first. `nohup` has the hang-up ignored.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    return Demo(args.dir, args.seed, None if args.cheat == "none" else args.cheat).play()


if __name__ == "__main__":
    sys.exit(main())
