#!/bin/sh
# Every template, twice, and every broken one gives exactly what the unmodified gem gives.
exec ruby --disable-gems bench/liquid_bench.rb check bench
