#!/usr/bin/env bash
# Everything a change must pass: lint, the new commits one by one, tests with
# and without the race detector, a short fuzz round, and the build of every
# other module here.
# All steps run even if one fails; the end says which did, and the exit
# status is theirs.
#   scripts/test.sh                all of it
#   scripts/test.sh lint test      only these steps
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
export CGO_ENABLED=1 # the race detector needs it, and netpoll swaps code under it

mkdir -p build
rm -f build/test-counts build/junit-*.xml

# gotestsum hands the totals to this command when a run is over.
# shellcheck disable=SC2016 # they are variables of that command, not of this script
count='sh -c "echo $TESTS_TOTAL $TESTS_FAILED $TESTS_SKIPPED $TESTS_ERRORS >>'$PWD'/build/test-counts"'

gotests() { # name, flags…
	local name=$1
	shift
	# -count=1: tests that run scripts and programs have inputs that Go's test
	# cache doesn't see. -shuffle: no test may lean on the one before it.
	bin/gotestsum --format pkgname --format-hide-empty-pkg --junitfile "build/junit-$name.xml" \
		--post-run-command "$count" -- -count=1 -shuffle=on -timeout 10m "$@" ./...
}

modules() { # the modules beside the main one (peers of the benchmarks, say)
	local file
	while IFS= read -r file; do
		echo "modules: ${file%/go.mod}"
		go -C "${file%/go.mod}" build -o /dev/null ./...
		go -C "${file%/go.mod}" vet ./...
		(
			root=$PWD
			cd "${file%/go.mod}"
			"$root/bin/gotestsum" --format pkgname --format-hide-empty-pkg --post-run-command "$count" -- -count=1 -timeout 5m ./...
		)
	done < <(find . -mindepth 3 -name go.mod -not -path '*/node_modules/*' -not -path './tools/*' -not -path './build/*' | sort)
}

run_step() {
	case $1 in
	deps) scripts/test-deps.sh ;;
	lint) scripts/lint.sh ;;
	build)
		go build ./...
		go build -o pushd ./cmd/pushd
		go build -o pushbench ./bench
		;;
	commits) scripts/commits/check.sh ;;
	test) gotests plain ;;
	race) gotests race -race ;;
	fuzz) scripts/fuzz.sh ;;
	modules) modules ;;
	*)
		echo "test: no step $1" >&2
		return 2
		;;
	esac
}

steps=("$@")
((${#steps[@]})) || steps=(deps lint build commits test race fuzz modules)

report=()
failed=0
for step in "${steps[@]}"; do
	echo "== $step"
	start=$SECONDS
	# In a subshell with errexit of its own: `if run_step` would switch errexit off
	# inside the step and let it run on after a failure.
	set +e
	(
		set -e
		run_step "$step"
	)
	status=$?
	set -e
	verdict=ok
	((status == 0)) || verdict="FAILED ($status)" failed=1
	report+=("$(printf '%-8s %4d s  %s' "$step" $((SECONDS - start)) "$verdict")")
	# Nothing after a failed install can tell its own failures from that one.
	[[ $step == deps && $status -ne 0 ]] && break
done

total=0 bad=0 skipped=0
if [[ -f build/test-counts ]]; then
	while read -r ran failures skips errors; do
		total=$((total + ran)) bad=$((bad + failures + errors)) skipped=$((skipped + skips))
	done <build/test-counts
fi
# A skipped test is one that didn't run; whoever reads the total must not
# believe that it did.
((skipped == 0)) || failed=1

echo
printf '%s\n' "${report[@]}"
echo "$total tests"
echo "$((total - bad - skipped)) passed, $bad failed, $skipped skipped"
exit "$failed"
