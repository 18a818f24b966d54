#!/usr/bin/env bash
# A night over mistune, in DIR; what follows DIR are settings of evolve.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=${1:?usage: run.sh DIR [SETTING=VALUE ...]}
shift
[ -d "$place/mistune" ] || bash "$here/make_repository.sh" "$place"
place=$(cd "$place" && pwd)
python=$here/../../.venv/bin/python
[ -x "$python" ] || python=python3
cd "$place"
tool=$place/tools/bin/python
exec "$python" -m evolve +domain=command "substrate.repository=$place/mistune" \
  "substrate.measure='$tool -B -m pytest -q -p no:cacheprovider bench/test_speed.py --benchmark-json=report.json'" \
  "substrate.check='$tool -B bench/check.py'" substrate.output=report.json substrate.format=pytest-benchmark \
  substrate.metric=test_documents.median substrate.unit=s substrate.direction=lower substrate.seconds=30 \
  "substrate.visible=['$place/tools']" "substrate.audit=$place/hidden" 'genome.include=[mistune/**/*.py]' "$@"
