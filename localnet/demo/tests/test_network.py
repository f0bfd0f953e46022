"""What a demonstration reads of its network."""

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "localnet/demo"))

from network import active_requests  # noqa: E402


class Metrics(unittest.TestCase):
    def test_requests_of_all_models_count_and_a_missing_count_is_no_zero(self):
        text = """# TYPE quern_worker_active_requests gauge
quern_worker_active_requests{model="a"} 2
quern_worker_active_requests{model="b"} 3
quern_worker_batches_total 7
"""
        self.assertEqual(active_requests(text), 5)
        with self.assertRaises(ValueError):
            active_requests("quern_worker_batches_total 7")


if __name__ == "__main__":
    unittest.main()
