# SPDX-License-Identifier: Apache-2.0
"""The README's transcripts are what the program prints: what `./dev run` shows, and after it each block that begins with
`$ build/release/ringfence …` or `$ deploy/demo/…`."""
import re
import shlex
import subprocess
import unittest

import program

DEMONSTRATION = re.compile(r"^What `\./dev run` shows[^\n]*\n\n```\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```[a-z]*\n\$ ((?:build/release/ringfence|deploy/demo)[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def expected(text):
    """What a transcript says, however it is broken into lines; `…` stands for anything left out. The first place that fits is kept: what is
    not there is found missing at once."""
    first, *rest = (r"\s+".join(map(re.escape, piece.split())) for piece in text.split("…"))
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in rest), re.DOTALL)


def demonstration():
    """The replay that `./dev run` starts with, as one line."""
    replay = re.search(r"build/release/ringfence replay (?:\\\n|[^\n])*", (program.SOURCE / "dev").read_text(encoding="utf-8"))
    return replay[0].replace("\\\n", " ").replace('"$@" ', "")


class Readme(program.Case):
    def test_transcripts(self):
        readme = (program.SOURCE / "README.md").read_text(encoding="utf-8")
        blocks = BLOCK.findall(readme)
        self.assertGreaterEqual(len(blocks), 4)
        (self.dir / "config").symlink_to(program.SOURCE / "config")
        (self.dir / "out").mkdir()
        with self.subTest(command="./dev run"):
            self.shows(DEMONSTRATION.search(readme)[1], self.run_here(demonstration()).stderr.decode())
        for command, text in blocks:
            with self.subTest(command=command):
                self.shows(text, self.run_here(command).stdout.decode())

    def shows(self, text, said):
        self.assertTrue(expected(text).search(said), f"README:\n{text}\nprinted:\n{said}")

    def run_here(self, words):
        command, *options = shlex.split(words)
        ours = [program.BINARY] if command == "build/release/ringfence" else [program.SOURCE / command, program.BINARY]
        done = subprocess.run([*ours, *options], cwd=self.dir, capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, program.DONE, done.stderr.decode())
        return done


if __name__ == "__main__":
    unittest.main()
