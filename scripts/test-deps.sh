#!/usr/bin/env bash
# Installs what `make test` needs beyond Go, on Debian and its relatives.
# Does nothing, and asks no network, when everything is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

# What each package is for is said here because it is asked first in every
# review of a machine image.
packages=(
	curl               # chats in test/foreign
	chromium           # the page at / is tested in a real browser
	postgresql         # storetest starts a server of its own
	python3-websockets # a client that is not ours, see test/foreign
	qemu-system-x86    # the machine of bench/million
	shellcheck         # lint of the scripts
)
# These often come from elsewhere than Debian; take Debian's only when missing.
command -v gcc >/dev/null || packages+=(gcc libc6-dev) # go test -race needs cgo
command -v node >/dev/null || packages+=(nodejs)       # the other foreign client
command -v npm >/dev/null || packages+=(npm)

if command -v dpkg-query >/dev/null; then
	missing=()
	for package in "${packages[@]}"; do
		status=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || true)
		[[ $status == ii* ]] || missing+=("$package")
	done
	if ((${#missing[@]})); then
		as_root=()
		if ((EUID != 0)); then
			command -v sudo >/dev/null || {
				echo "test-deps: missing ${missing[*]}; run as root: apt-get install ${missing[*]}" >&2
				exit 1
			}
			as_root=(sudo)
		fi
		# env carries the setting through sudo, which drops the environment.
		# Waiting for the lock lets two runs share a machine.
		apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600)
		echo "test-deps: installing ${missing[*]}"
		"${apt[@]}" update
		"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
	fi
else
	# Not Debian: name what is missing rather than guess another packager.
	absent=()
	for program in curl chromium shellcheck qemu-system-x86_64 gcc node npm; do
		command -v "$program" >/dev/null || absent+=("$program")
	done
	compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null || absent+=(postgresql)
	/usr/bin/python3 -c 'import websockets' 2>/dev/null || absent+=("python3-websockets")
	if ((${#absent[@]})); then
		echo "test-deps: no dpkg here; install these yourself: ${absent[*]}" >&2
		exit 1
	fi
fi

# npm writes node_modules/.package-lock.json last, so it is there, and newer
# than the lock file, only after a complete install of that lock file.
if [[ ! test/foreign/node_modules/.package-lock.json -nt test/foreign/package-lock.json ]]; then
	(cd test/foreign && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
fi
