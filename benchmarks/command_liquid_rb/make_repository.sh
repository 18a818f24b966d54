#!/usr/bin/env bash
# The system's liquid gem in a fresh repository, with what measures and checks it; and the hidden check beside it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=${1:?usage: make_repository.sh DIR}
if ! gem=$(ruby -e 'spec = Gem::Specification.find_by_name("liquid"); print spec.full_gem_path' 2>/dev/null); then
  echo "Ruby's liquid is not installed. Install it: apt-get install ruby ruby-liquid" >&2
  exit 2
fi
mkdir -p "$place"
place=$(cd "$place" && pwd)
mkdir "$place/liquid" "$place/hidden"
cp -R "$gem/lib" "$place/liquid/lib"
cp -R "$here/bench" "$here/measure.sh" "$here/check.sh" "$place/liquid/"
cp -R "$here/hidden/." "$place/hidden/"
cp "$here/bench/liquid_bench.rb" "$place/hidden/"
# What the unmodified gem gives is what every change must give.
(cd "$place/liquid" && ruby bench/liquid_bench.rb expect bench > bench/expected.json)
(cd "$place/liquid" && ruby bench/liquid_bench.rb expect "$place/hidden" > "$place/hidden/expected.json")
chmod +x "$place/liquid/measure.sh" "$place/liquid/check.sh" "$place/hidden/audit.sh"
cd "$place/liquid"
git init --quiet --initial-branch=main
git add --all
git -c user.name=evolve -c user.email=evolve@localhost -c commit.gpgsign=false \
  commit --quiet --message "liquid as the system has it, and what measures it"
echo "$place/liquid: $(git rev-parse --short HEAD), $(find lib -name '*.rb' | wc -l) Ruby files from $gem"
