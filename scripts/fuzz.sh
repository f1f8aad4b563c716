#!/usr/bin/env bash
# Finds every Fuzz target of the module and fuzzes each for a while.
#   scripts/fuzz.sh            a short round
#   scripts/fuzz.sh 5000000x   a long one; anything `go test -fuzztime` takes
#
# The round is counted in executions, not seconds: up to Go 1.26 a duration
# sometimes ends in "context deadline exceeded" and no failing input
# (go.dev/issue/75804).
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-50000x}

# Without a bound one hanging target would hold up everything after it. A
# number of executions says nothing of time, so the bound is a generous one.
limit=${FUZZ_LIMIT:-300s}

listing=$(go test -list '^Fuzz' ./...)
targets=()
pending=()
while read -r first second _; do
	case $first in
	Fuzz*) pending+=("$first") ;;
	ok) # closes the list of the package named in the second column
		for name in "${pending[@]+"${pending[@]}"}"; do targets+=("$second $name"); done
		pending=()
		;;
	esac
done <<<"$listing"

if ((${#targets[@]} == 0)); then
	echo "fuzz: no target found" >&2
	exit 1
fi

failed=()
for target in "${targets[@]}"; do
	read -r package name <<<"$target"
	start=$SECONDS
	if output=$(timeout --kill-after=10s "$limit" go test -run '^$' -fuzz "^$name\$" -fuzztime "$rounds" "$package" 2>&1); then
		echo "fuzz: ok   $package $name ($((SECONDS - start)) s)"
	else
		status=$?
		echo "$output"
		((status == 124 || status == 137)) && echo "fuzz: $name did not end within $limit"
		echo "fuzz: FAIL $package $name"
		failed+=("$package.$name")
	fi
done

if ((${#failed[@]})); then
	echo "fuzz: ${#failed[@]} of ${#targets[@]} targets failed: ${failed[*]}" >&2
	exit 1
fi
echo "fuzz: ${#targets[@]} targets, $rounds each"
