#!/usr/bin/env bash
# Puts back exactly what was there before apply.sh.
#   revert.sh [--dry-run]
# Exit status: 0 done or nothing to do, 1 the kernel refused some (what was
# saved is kept, so that it can be tried again), 2 wrong usage or not root.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=values.sh
source "$here/values.sh"

dry=false
while (($#)); do
	case $1 in
	--dry-run) dry=true && shift ;;
	-h | --help) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) die "unknown argument '$1'" ;;
	esac
done
if [[ ! -d $state ]]; then
	echo "Nothing was applied here (no $state)."
	exit 0
fi
if ! $dry && ((EUID != 0)); then
	die "changing the kernel's settings needs root"
fi

refused=0
while IFS='=' read -r key was; do
	is=$(raw_key "$key")
	[[ $is == "$was" ]] && continue
	# A module that was unloaded took its keys along.
	[[ -e $(path_of "$key") ]] || continue
	echo "$key: $is -> $was"
	$dry && continue
	write_key "$key" "$was"
	is=$(raw_key "$key")
	if [[ $is != "$was" ]]; then
		echo "$key stays $is: the kernel refused $was" >&2
		refused=$((refused + 1))
	fi
done <"$state/values"

restore_file() { # FILE NAME
	if [[ -e $state/$2.file ]]; then
		echo "$1: as it was"
		$dry || cp -p "$state/$2.file" "$1"
	elif [[ -e $1 ]]; then
		echo "$1: removed"
		$dry || rm -f "$1"
	fi
}
restore_file "$conf" sysctl
restore_file "$limits" limits

$dry && exit 0
((refused == 0)) || exit 1
rm -rf "$state"
