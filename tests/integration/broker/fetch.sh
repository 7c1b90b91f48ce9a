#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the jars of a real Apache Kafka into build/broker/libs of this clone (54 MB, 6-17 s), once: the second call does nothing.
# Usage: tests/integration/broker/fetch.sh [DIRECTORY]. Needs a Java 17 runtime and Maven; exit 3 where the registry cannot be reached.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
libs=${1:-$(cd "$here/../../.." && pwd)/build/broker/libs}
stamp=$libs/.complete
want=$(sha256sum "$here/pom.xml" | cut -d' ' -f1)

if [[ -f $stamp && $(cat "$stamp") == "$want" ]]; then exit 0; fi

for tool in java mvn; do
  command -v "$tool" >/dev/null || {
    echo "fetch.sh: $tool is not installed (Debian: apt-get install openjdk-17-jre-headless maven)" >&2
    exit 3
  }
done

# Copied beside and moved into place, so that an interrupted fetch never looks finished.
mkdir -p "$(dirname "$libs")"
part=$(mktemp -d "$libs.part.XXXXXX")
trap 'rm -rf "$part"' EXIT
echo "fetching Apache Kafka for the tests into $libs" >&2
if ! mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$part" >&2; then
  echo "fetch.sh: Maven could not fetch the jars; see its message above" >&2
  exit 3
fi
# A second slf4j binding would swallow the line that says the broker is ready.
rm -f "$part"/slf4j-reload4j-*.jar
[[ -n $(find "$part" -name 'kafka_2.13-*.jar') ]] || { echo "fetch.sh: Maven brought no kafka_2.13 jar" >&2; exit 3; }
chmod 755 "$part"
rm -rf "$libs"
mv "$part" "$libs"
trap - EXIT
echo "$want" >"$stamp"
