#!/bin/sh
# Started in the repository's root; the templates beside this script are in no trial but this one.
set -e
here=$(dirname "$0")
ruby --disable-gems "$here/liquid_bench.rb" check "$here"
exec ruby --disable-gems "$here/liquid_bench.rb" measure "$here"
