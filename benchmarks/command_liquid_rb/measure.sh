#!/bin/sh
# Milliseconds of processor time for one pass over all templates: parse and render.
exec ruby --disable-gems bench/liquid_bench.rb measure bench
