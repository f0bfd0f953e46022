"""The tests' network leaves nothing behind."""

import os
import tempfile
import unittest
from pathlib import Path

from network import Network


def naming(text):
    """Processes whose command lines name something."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text in line:
            found.append(line)
    return found


class Slow(unittest.TestCase):
    def test_a_network_that_is_not_ready_in_time_is_stopped_and_removed(self):
        with tempfile.TemporaryDirectory() as base:
            before, tempfile.tempdir = tempfile.tempdir, base
            try:
                with self.assertRaises(AssertionError):
                    Network(hosts=1, seconds=2)
            finally:
                tempfile.tempdir = before
            self.assertEqual((naming(base), os.listdir(base)), ([], []))


if __name__ == "__main__":
    unittest.main()
