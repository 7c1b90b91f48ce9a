# SPDX-License-Identifier: Apache-2.0
"""Tool calls of real agents, where they lie beside the project: all are judged, none is refused, and the scorer's table is printed."""
import os
import pathlib
import subprocess
import sys
import unittest

import program
from program import DONE

TRACES = pathlib.Path(os.environ.get("RINGFENCE_TRACES", program.SOURCE.parent / "shared/data/agent_traces"))
SUITES = ("bank_chat", "retail")


class Traces(program.Case):
    def test_all_are_judged_and_scored(self):
        if not TRACES.is_dir():
            print(f"skipped: no recorded traces at {TRACES}")
            return
        valid = program.run("validate", TRACES / "personas")
        self.assertEqual(valid.code, DONE, valid)
        ended = self.replay(*(TRACES / f"{suite}.events.ndjson.gz" for suite in SUITES), personas=TRACES / "personas")
        self.assertEqual(ended.code, DONE, ended)
        self.assertIn("refused: none", ended.err.decode())
        print(ended.err.decode())
        words = [word for suite in SUITES for word in ("--truth", str(TRACES / f"{suite}.truth.ndjson.gz"))]
        scored = subprocess.run([sys.executable, str(TRACES / "score.py"), *words, str(self.dir / "verdicts")], capture_output=True, check=False)
        self.assertEqual(scored.returncode, 0, scored.stderr.decode())
        print(scored.stdout.decode())


if __name__ == "__main__":
    unittest.main()
