#!/usr/bin/env bash
# mistune in a fresh repository, with what measures and checks it; the tools and the hidden check beside it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=${1:?usage: make_repository.sh DIR}
python=$here/../../.venv/bin/python
[ -x "$python" ] || python=python3
mkdir -p "$place"
place=$(cd "$place" && pwd)
mkdir "$place/mistune" "$place/hidden"
"$python" -m venv "$place/tools"
"$place/tools/bin/python" -m pip install --quiet --disable-pip-version-check pytest==8.4.2 pytest-benchmark==5.1.0
"$place/tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
  --target "$place/fetched" mistune==3.1.4
cp -R "$place/fetched/mistune" "$place/mistune/mistune"
find "$place/fetched" -ipath '*dist-info*' -iname '*license*' -type f -exec cp {} "$place/mistune/LICENSE" \;
rm -rf "$place/fetched"
cp -R "$here/bench" "$place/mistune/"
cp "$here/documents.py" "$here/check.py" "$place/mistune/bench/"
cp -R "$here/hidden/." "$place/hidden/"
cp "$here/documents.py" "$here/check.py" "$place/hidden/"
# What the unmodified package gives is what every change must give.
(cd "$place/mistune" && "$place/tools/bin/python" -B bench/check.py --expect)
(cd "$place/mistune" && "$place/tools/bin/python" -B "$place/hidden/check.py" --expect)
printf '#!/bin/sh\nexec "%s" -B "$(dirname "$0")/check.py"\n' "$place/tools/bin/python" > "$place/hidden/audit.sh"
chmod +x "$place/hidden/audit.sh"
cd "$place/mistune"
git init --quiet --initial-branch=main
git add --all
git -c user.name=evolve -c user.email=evolve@localhost -c commit.gpgsign=false \
  commit --quiet --message "mistune as PyPI has it, and what measures it"
echo "$place/mistune: $(git rev-parse --short HEAD), $(find mistune -name '*.py' | wc -l) Python files"
