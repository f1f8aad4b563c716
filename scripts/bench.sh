#!/usr/bin/env bash
# Go benchmarks of every package, several times each, with their spread.
#   scripts/bench.sh                     all
#   scripts/bench.sh ./internal/codec    some packages
# To compare two states of the code, keep build/bench.txt of the first as, say,
# old.txt and run: bin/benchstat old.txt build/bench.txt
set -euo pipefail
cd "$(dirname "$0")/.."
packages=("$@")
((${#packages[@]})) || packages=(./...)
mkdir -p build
# One package at a time (-p 1): benchmarks that share the cores measure each other.
go test -run '^$' -bench . -benchmem -count "${BENCH_COUNT:-6}" -p 1 "${packages[@]}" | tee build/bench-raw.txt
grep -E '^(goos|goarch|pkg|cpu|Benchmark)' build/bench-raw.txt >build/bench.txt
bin/benchstat build/bench.txt
