#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for files that the documentation names and the tree does not have.

Usage: check_docs.py ROOT. Prints a line for each; exit code 1 if there is one. A name is a path in backticks that begins with a folder of the
tree (globs must match something), a Markdown file in backticks, or the target of a relative Markdown link. What is built or written by a run is no part of the tree.
"""
import pathlib
import re
import sys

DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "NOTICE"]
FOLDERS = {"engine", "models", "connectors", "config", "tests", "bench", "docs", "deploy", "cmake", ".ci"}

CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
PATH = re.compile(r"^[A-Za-z0-9_.*\-/]+$")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def named_in(text):
    """Paths a document names, with the offset of each. Blocks of code are transcripts and trees, and are left out."""
    prose = BLOCK.sub(lambda block: re.sub(r"[^\n]", " ", block.group()), text)
    for found in CODE.finditer(prose):
        name = found.group(1)
        if PATH.match(name) and (name.split("/")[0] in FOLDERS and "/" in name or name.endswith(".md")):
            yield name, found.start()
    for found in LINK.finditer(prose):
        if "://" not in found.group(1) and not found.group(1).startswith("mailto:"):
            yield found.group(1), found.start()


def exists(root, home, name):
    """Whether a path is there, from the root or beside the document; of a glob, whether anything matches; a source may be named without its suffix."""
    trimmed = name.rstrip("/")
    for base in (root, home):
        if (base / trimmed).exists() or any(base.glob(trimmed)) or any(base.glob(trimmed + ".*")):
            return True
    return False


def main(root):
    count = 0
    documents = [root / name for name in DOCUMENTS] + sorted((root / "docs").glob("*.md")) + sorted((root / "docs/analytics").glob("*.md"))
    for document in documents:
        if not document.is_file():
            continue
        text = document.read_text(encoding="utf-8")
        for name, offset in named_in(text):
            if not exists(root, document.parent, name):
                line = text.count("\n", 0, offset) + 1
                print(f"{document.relative_to(root).as_posix()}:{line}: names {name}, which is not there")
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
