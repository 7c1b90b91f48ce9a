#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What check_includes.py and check_docs.py must find, and what they must let pass."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import check_docs  # noqa: E402
import check_includes  # noqa: E402


def run(check, files):
    """What a check prints about a tree of these files, as lines."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = check.main(root)
        lines = out.getvalue().splitlines()
        assert code == (1 if lines else 0)
        return lines


class Includes(unittest.TestCase):
    def breach(self, path, include):
        return run(check_includes, {path: f"#pragma once\n{include}\n"})

    def test_down_the_list_is_allowed(self):
        for path, header in [("models/a.cpp", "engine/state/b.h"), ("engine/app/a.cpp", "connectors/kafka/b.h"),
                             ("engine/app/a.cpp", "config/b.h"), ("connectors/sinks/a.cpp", "engine/verdict/b.h"),
                             ("config/a.cpp", "engine/persona/yaml_tree.h"), ("engine/gate/a.cpp", "engine/verdict/b.h"),
                             ("connectors/gate/a.cpp", "engine/gate/b.h"), ("engine/app/a.cpp", "engine/gate/b.h"),
                             ("connectors/kafka/a.cpp", "connectors/sinks/b.h"), ("engine/event/a.cpp", "engine/event/b.h")]:
            self.assertEqual(self.breach(path, f'#include "{header}"'), [], path)

    def test_up_the_list_is_a_breach_with_its_place(self):
        self.assertEqual(self.breach("engine/event/a.h", '#include "engine/persona/b.h"'),
                         ["engine/event/a.h:2: engine/event may not include engine/persona"])
        for path, header in [("models/a.cpp", "engine/verdict/b.h"), ("engine/pipeline/a.cpp", "connectors/sinks/b.h"),
                             ("connectors/sinks/a.cpp", "engine/state/b.h"), ("connectors/sinks/a.cpp", "engine/pipeline/b.h"),
                             ("config/a.cpp", "engine/state/b.h"), ("engine/pipeline/a.cpp", "config/b.h"), ("config/a.cpp", "engine/persona/load.h"),
                             ("engine/pipeline/a.cpp", "engine/gate/b.h"), ("engine/gate/a.cpp", "engine/pipeline/b.h"),
                             ("engine/gate/a.cpp", "connectors/gate/b.h"), ("connectors/gate/a.cpp", "config/b.h")]:
            self.assertEqual(len(self.breach(path, f'#include "{header}"')), 1, path)

    def test_an_include_from_the_own_folder_is_a_breach(self):
        self.assertEqual(len(self.breach("models/a.cpp", '#include "b.h"')), 1)

    def test_a_library_outside_its_fence_is_a_breach(self):
        for path, header in [("connectors/sinks/a.cpp", "librdkafka/rdkafka.h"), ("engine/state/table.cpp", "rocksdb/db.h"),
                             ("engine/persona/load.cpp", "simdjson.h"), ("config/settings_load.cpp", "yaml-cpp/yaml.h"),
                             ("models/a.cpp", "openssl/evp.h"), ("connectors/gate/http_server.cpp", "openssl/ssl.h"),
                             ("models/a.cpp", "zlib.h"), ("engine/event/a.cpp", "nlohmann/json.hpp")]:
            self.assertEqual(len(self.breach(path, f"#include <{header}>")), 1, path)

    def test_a_library_behind_its_fence_is_allowed(self):
        for path, header in [("connectors/kafka/a.cpp", "librdkafka/rdkafka.h"), ("engine/state/rocksdb_store.cpp", "rocksdb/db.h"),
                             ("engine/event/decode.cpp", "simdjson.h"), ("engine/persona/yaml_tree.cpp", "yaml-cpp/yaml.h"),
                             ("engine/app/tls_client.cpp", "openssl/ssl.h"), ("connectors/encoders/a.h", "nlohmann/json.hpp")]:
            self.assertEqual(self.breach(path, f"#include <{header}>"), [], path)


class Docs(unittest.TestCase):
    def test_a_missing_file_is_named_with_its_place(self):
        self.assertEqual(run(check_docs, {"README.md": "one\n\nsee `engine/app/gone.cpp`\n"}),
                         ["README.md:3: names engine/app/gone.cpp, which is not there"])
        self.assertEqual(len(run(check_docs, {"README.md": "[a](docs/gone.md#part) and `GONE.md`\n"})), 2)
        self.assertEqual(len(run(check_docs, {"README.md": "`models/*.cpp`\n", "models/a.h": ""})), 1)

    def test_what_is_there_or_no_path_passes(self):
        files = {"README.md": "`engine/app/a.cpp` `engine/app/a` `engine/*/a.cpp` `engine/app/` `docs/b.md` [b](docs/b.md#x) `./dev run`\n"
                              "`build/release/ringfence` `server/name` `out/f.ndjson` [web](https://example.org/a)\n```\nengine/gone.cpp\n```\n",
                 "engine/app/a.cpp": "", "docs/b.md": "back to [it](../README.md)\n"}
        self.assertEqual(run(check_docs, files), [])


if __name__ == "__main__":
    unittest.main()
