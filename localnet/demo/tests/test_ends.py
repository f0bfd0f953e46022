"""How a demonstration and its network end when nobody lets them: with real processes."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "localnet/demo"))

import joiner  # noqa: E402
from checks import Checks  # noqa: E402
from network import Network  # noqa: E402
from scenario import Demo  # noqa: E402


def wait(question, seconds):
    """Whether the answer becomes true in time."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


class Folder(unittest.TestCase):
    def setUp(self):
        base = tempfile.TemporaryDirectory(prefix="quern-ends-")
        self.addCleanup(base.cleanup)
        self.dir = Path(base.name) / "run"

    def left(self):
        network = Network.__new__(Network)
        network.dir = self.dir
        return network.left()

    def play(self):
        """What a demonstration in the folder says, and its exit code."""
        said = io.StringIO()
        kept = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
        try:
            with redirect_stdout(said), redirect_stderr(said):
                code = Demo(self.dir, 1, None).play()
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)
        return said.getvalue(), code

    def test_a_running_networks_folder_is_left_alone_and_the_command_that_stops_it_is_named(self):
        network = Network(self.dir, self.dir.with_suffix(".log"), "--hosts", 1)
        self.addCleanup(network.stop)
        # while it is still being made
        self.assertTrue(wait((self.dir / "localnet.pid").is_file, 60))
        for _ in range(2):
            said, code = self.play()
            self.assertEqual(code, 1)
            self.assertIn(f"`LOCALNET_DIR={self.dir} make localnet-down`", said)
            self.assertTrue(wait(lambda: any("quernd start" in line for line in self.left()), 120))
        self.assertIsNone(network.process.poll())

    def test_a_folder_with_anything_else_is_left_alone(self):
        self.dir.mkdir()
        (self.dir / "thesis.tex").write_text("years of work")
        said, code = self.play()
        self.assertEqual(code, 1)
        self.assertIn("thesis.tex", said)
        self.assertEqual(os.listdir(self.dir), ["thesis.tex"])

    def test_a_folder_that_no_network_claimed_is_left_alone_whatever_its_content_is_called(self):
        mine = self.dir / "evidence/mine"
        mine.parent.mkdir(parents=True)
        (self.dir / "logs").mkdir()
        mine.write_text("years of work")
        said, code = self.play()
        self.assertEqual(code, 1)
        self.assertIn("no claim", said)
        self.assertEqual((sorted(os.listdir(self.dir)), mine.read_text()), (["evidence", "logs"], "years of work"))

    def test_a_demonstration_whose_terminal_hangs_up_stops_its_network(self):
        reader, writer = os.pipe()
        command = [sys.executable, "-B", str(ROOT / "localnet/demo"), "--dir", str(self.dir)]
        demo = subprocess.Popen(command, stdout=writer, stderr=writer, start_new_session=True)
        self.addCleanup(demo.wait)
        self.addCleanup(demo.kill)
        os.close(writer)
        self.assertTrue(wait((self.dir / "localnet.pid").is_file, 30))
        self.assertTrue(wait(lambda: any("quernd start" in line for line in self.left()), 120))
        # as a closed terminal does: nobody reads any more
        os.close(reader)
        demo.send_signal(signal.SIGHUP)
        demo.wait(120)
        self.assertEqual(self.left(), [])
        self.assertFalse((self.dir / "localnet.pid").exists())

    def test_a_killed_supervisor_takes_its_processes_with_it(self):
        log = self.dir.with_suffix(".log")
        network = Network(self.dir, log, "--hosts", 1)
        self.addCleanup(network.stop)
        self.assertTrue(wait(lambda: any("quernd start" in line for line in self.left()), 60), log.read_text())
        network.process.kill()
        network.process.wait()
        self.assertTrue(wait(lambda: not self.left(), 10), self.left())

    def test_a_node_that_never_tells_its_state_fails_the_run_and_holds_it_up_for_a_bounded_time(self):
        self.dir.mkdir()
        program = self.dir / "quernd"
        program.write_text("#!/bin/sh\nexec sleep 600\n")
        program.chmod(0o755)
        checks, began = Checks(lambda _: None), time.monotonic()
        with patch.object(joiner, "QUERND", program), patch.object(joiner, "PATIENCE", 1):
            joiner.compare([self.dir, self.dir], 7, checks)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual([check["holds"] for check in checks.done], [False])
        self.assertIn("timed out", checks.done[0]["detail"])

    def test_a_node_whose_books_cannot_be_checked_fails_the_run(self):
        self.dir.mkdir()
        checks = Checks(lambda _: None)
        joiner.books(self.dir, checks)
        self.assertEqual([check["holds"] for check in checks.done], [False])
        self.assertIn(str(self.dir), checks.done[0]["detail"])

    def test_invariants_that_are_not_checked_fail_the_run(self):
        self.dir.mkdir()
        program = self.dir / "quernd"
        program.write_text("""#!/bin/sh\necho '{"height": 7, "held": ["bonding/balance"]}'\n""")
        program.chmod(0o755)
        checks = Checks(lambda _: None)
        with patch.object(joiner, "QUERND", program):
            joiner.books(self.dir, checks)
        self.assertEqual([check["holds"] for check in checks.done], [False])


if __name__ == "__main__":
    unittest.main()
