#!/usr/bin/env bash
# What tests run, statement by statement: those of every package together, and
# the servers that they start as processes (a server that is killed with -9 leaves
# no counts).
#   scripts/cover.sh                       all packages
#   scripts/cover.sh ./internal/hub        only what these packages' tests run
# The total, and each package's part, are printed. build/cover.html shows the
# lines, build/cover-functions.txt lists the functions, and build/cover-never.txt
# those of which nothing is run.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=("$@")
((${#packages[@]})) || packages=(./...)

rm -rf build/cover
mkdir -p build/cover/{tests,processes,all}
# By this the server that tests build is told to count, and where to leave it.
failed=0
COVER_PROCESSES=$PWD/build/cover/processes \
	go test -count=1 -timeout 20m -cover -coverpkg=./... "${packages[@]}" \
	-args -test.gocoverdir="$PWD/build/cover/tests" >build/cover/log || failed=$?
grep -vE '^ok |no test files|coverage: 0\.0%' build/cover/log || true

from=build/cover/tests
[[ -z $(ls build/cover/processes) ]] || from+=,build/cover/processes
go tool covdata merge -i="$from" -o=build/cover/all
go tool covdata textfmt -i=build/cover/all -o=build/cover/profile
go tool cover -html=build/cover/profile -o build/cover.html
go tool cover -func=build/cover/profile >build/cover-functions.txt
awk '$3 == "0.0%"' build/cover-functions.txt >build/cover-never.txt

# By package: a line of the profile is file:from,to statements count, and a block
# may stand on several of them.
awk -F'[: ]' 'NR > 1 { of[$1 ":" $2] = $3; if ($4 > 0) run[$1 ":" $2] = 1 }
	END {
		for (block in of) {
			name = block
			sub(/\/[^\/]*:.*/, "", name)
			all[name] += of[block]
			if (block in run) covered[name] += of[block]
		}
		for (name in all) printf "%5.1f %%  %6d statements  %s\n", 100 * covered[name] / all[name], all[name], name
	}' build/cover/profile | sort -k4
echo "total: $(tail -n 1 build/cover-functions.txt | awk '{ print $3 }') of the statements, $(wc -l <build/cover-never.txt) functions never run"
echo "build/cover.html, build/cover-functions.txt, build/cover-never.txt"
if ((failed)); then
	echo "cover: tests failed; the figures are of what was run" >&2
	exit "$failed"
fi
