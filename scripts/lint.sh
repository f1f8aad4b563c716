#!/usr/bin/env bash
# Lints Go and shell. golangci-lint also checks formatting (gofumpt).
set -euo pipefail
cd "$(dirname "$0")/.."

bin/golangci-lint config verify
bin/golangci-lint run ./...
(cd bench/peers && ../../bin/golangci-lint run --config ../../.golangci.yml ./...)

# A suppressed finding is not a clean one. The words are split so that this
# line doesn't find itself.
if grep -rnE --include='*.go' '//\s*no''lint' .; then
	echo "lint: no finding is switched off in place; mend it, or change .golangci.yml for all" >&2
	exit 1
fi

# Every shell script, known by its first line, whatever it is called.
mapfile -t scripts < <(
	find . \( -name .git -o -name node_modules -o -path ./bin -o -path ./build \) -prune -o \
		-type f -size -200k -exec awk 'FNR == 1 { if (/^#!.*[\/ ](ba)?sh( |$)/) print FILENAME; nextfile }' {} + | sort
)
((${#scripts[@]})) # an empty list means that the search broke, not that all is clean
shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
echo "lint: Go and ${#scripts[@]} scripts are clean"
