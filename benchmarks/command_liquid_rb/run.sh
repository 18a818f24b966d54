#!/usr/bin/env bash
# A night over Ruby's liquid, in DIR; what follows DIR are settings of evolve.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=${1:?usage: run.sh DIR [SETTING=VALUE ...]}
shift
[ -d "$place/liquid" ] || bash "$here/make_repository.sh" "$place"
place=$(cd "$place" && pwd)
python=$here/../../.venv/bin/python
[ -x "$python" ] || python=python3
cd "$place"
exec "$python" -m evolve +domain=command \
  "substrate.repository=$place/liquid" substrate.measure=./measure.sh substrate.check=./check.sh \
  substrate.metric=render_ms substrate.unit=ms substrate.direction=lower substrate.seconds=20 \
  "substrate.audit=$place/hidden" 'genome.include=[lib/**/*.rb]' 'genome.exclude=[lib/liquid/version.rb]' "$@"
