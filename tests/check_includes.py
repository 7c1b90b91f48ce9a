#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the sources to the two rules on includes in ARCHITECTURE.md.

Usage: check_includes.py ROOT. Prints a line for each breach; exit code 1 if there is one.

1. Includes are written from the root and point only down the list of layers; connectors see event, verdict and gate types only.
2. A third-party library is included only behind its fence.
"""
import fnmatch
import pathlib
import re
import sys

# From the lowest; a folder may include itself and what stands before it here.
LAYERS = ["engine/event", "engine/persona", "engine/state", "models", "engine/verdict", "engine/pipeline", "engine/app"]

# Folders beside the layers, with all that each may include besides itself: folders and single headers.
BESIDE = {
    "config": ["engine/event", "engine/persona/yaml_tree.h"],
    "connectors": ["engine/event", "engine/verdict", "engine/gate"],
    "engine/gate": ["engine/event", "engine/persona", "engine/state", "models", "engine/verdict"],
}
# Who may include the folders beside the layers.
ABOVE = {"config": ["engine/app"], "connectors": ["engine/app"], "engine/gate": ["connectors", "engine/app"]}

# Library: what its headers begin with, and the only files that may include them.
FENCES = {
    "librdkafka": (["librdkafka/"], ["connectors/kafka/*"]),
    "RocksDB": (["rocksdb/"], ["engine/state/rocksdb_store.cpp"]),
    "simdjson": (["simdjson"], ["engine/event/decode*"]),
    "yaml-cpp": (["yaml-cpp/"], ["engine/persona/yaml_tree.cpp"]),
    "Eigen": (["Eigen/"], ["models/*"]),
    "RE2": (["re2/"], ["engine/persona/selective.cpp"]),
    "OpenSSL": (["openssl/"],
                ["engine/event/sha256.cpp", "connectors/sources/line_splitter.cpp", "connectors/encoders/*", "connectors/gate/answers.cpp",
                 "connectors/gate/jwt_verifier.cpp", "connectors/kafka/witness.cpp", "engine/app/tls_client.cpp"]),
    "nlohmann-json": (["nlohmann/"],
                      ["connectors/*", "config/*", "engine/app/*", "engine/persona/schema.cpp", "engine/pipeline/link_json.cpp"]),
    "zlib": (["zlib.h"], ["connectors/sources/decompress.cpp"]),
    "zstd": (["zstd"], ["connectors/sources/decompress.cpp"]),
    "date": (["date/"], ["engine/persona/calendar.cpp"]),
    "prometheus-cpp": (["prometheus/"], ["engine/app/service_metrics*", "engine/app/gate_metrics.cpp"]),
    "libmicrohttpd": (["microhttpd", "gnutls/"], ["connectors/gate/http_server.cpp"]),
    "libcpp-jwt": (["jwt/"], ["connectors/gate/jwt_verifier.cpp"]),
    "spdlog": (["spdlog/"], ["engine/app/service_log.cpp"]),
    "CLI11": (["CLI/"], ["engine/app/*"]),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    """The layer or the folder beside them that holds a path, or None."""
    for folder in LAYERS + list(BESIDE):
        if path == folder or path.startswith(folder + "/"):
            return folder
    return None


def may_include(source, target, header):
    """Whether a file of folder `source` may include `header`, one of folder `target`."""
    if source == target:
        return True
    if target in ABOVE and source not in ABOVE[target]:
        return False
    if source in BESIDE:
        return target in BESIDE[source] or header in BESIDE[source]
    if target in ABOVE:
        return True
    return LAYERS.index(target) < LAYERS.index(source)


def breaches_in(path, text):
    """What breaks the rules in one file, as (line, message)."""
    source = folder_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, header = found.groups()
        if quote == '"':
            target = folder_of(header)
            if target is None:
                yield number, f'"{header}" is not written from the root of the tree'
            elif not may_include(source, target, header):
                yield number, f"{source} may not include {target}"
            continue
        for library, (prefixes, allowed) in FENCES.items():
            if any(header.startswith(prefix) for prefix in prefixes) and not any(fnmatch.fnmatch(path, glob) for glob in allowed):
                yield number, f"{library} is fenced into {', '.join(allowed)}"


def main(root):
    count = 0
    for top in ("engine", "models", "connectors", "config"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".h", ".cpp"):
                continue
            path = file.relative_to(root).as_posix()
            for number, message in breaches_in(path, file.read_text(encoding="utf-8")):
                print(f"{path}:{number}: {message}")
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
