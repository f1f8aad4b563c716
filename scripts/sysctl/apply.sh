#!/usr/bin/env bash
# Sets this machine up for many connections, now and after a reboot.
#   apply.sh [--target N] [--dry-run]
# --target   connections wanted, 1000000 by default
# --dry-run  say what would change, change nothing; needs no root
# Values that the machine has higher already are kept. What was there before is
# saved once, for revert.sh. Running it again changes nothing more.
# Exit status: 0 done, 1 the kernel refused some, 2 wrong usage or not root.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=values.sh
source "$here/values.sh"

target=1000000
dry=false
while (($#)); do
	case $1 in
	--target)
		target=$(target_number "${2:-}")
		shift 2
		;;
	--dry-run) dry=true && shift ;;
	-h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) die "unknown argument '$1'" ;;
	esac
done
if ! $dry && ((EUID != 0)); then
	die "changing the kernel's settings needs root (--dry-run shows them without)"
fi
plan "$target"

# The value that KEY had before the first apply: what was saved, or what is.
saved=$state/values
before() {
	if [[ -r $saved ]] && grep -q "^$1=" "$saved"; then
		local words
		read -r -a words < <(sed -n "s/^$1=//p" "$saved")
		echo "${words[*]}"
	else
		read_key "$1"
	fi
}

absent=()
present=()
declare -A goal
for key in "${keys[@]}"; do
	if [[ ! -e $(path_of "$key") ]]; then
		absent+=("$key")
		continue
	fi
	present+=("$key")
	goal[$key]=$(wanted "$key" "$(before "$key")")
done

sysctl_file() {
	echo "# Written by pushd's scripts/sysctl/apply.sh for $target connections."
	echo "# Undo with scripts/sysctl/revert.sh. The leading - lets a key be missing."
	local key
	for key in "${present[@]}"; do
		echo
		fold -s -w 76 <<<"${reason[$key]}" | sed 's/ *$//; s/^/# /'
		echo "-$key = ${goal[$key]}"
	done
}

limits_file() {
	echo "# Written by pushd's scripts/sysctl/apply.sh for $target connections."
	echo "# For logins. A systemd service doesn't read this: see LimitNOFILE=."
	echo "# The star doesn't include root."
	local who
	for who in '*' root; do
		echo "$who soft nofile $limit_files"
		echo "$who hard nofile $limit_files"
	done
}

changes=0
for key in "${present[@]}"; do
	is=$(read_key "$key")
	[[ $is == "${goal[$key]}" ]] && continue
	changes=$((changes + 1))
	echo "$key: $is -> ${goal[$key]}"
done
((${#absent[@]})) && echo "not on this machine, left out: ${absent[*]}"

if $dry; then
	echo "would write $conf:"
	sysctl_file | sed 's/^/  /'
	echo "would write $limits:"
	limits_file | sed 's/^/  /'
	exit 0
fi

# Save before changing anything, and each thing once: a second apply must not
# take the first one's values for what was there.
mkdir -p "$state"
touch "$saved"
for key in "${present[@]}"; do
	grep -q "^$key=" "$saved" || echo "$key=$(raw_key "$key")" >>"$saved"
done
save_file() { # FILE NAME: a copy, or the mark that there was none
	[[ -e $state/$2.file || -e $state/$2.none ]] && return
	if [[ -e $1 ]]; then cp -p "$1" "$state/$2.file"; else : >"$state/$2.none"; fi
}
save_file "$conf" sysctl
save_file "$limits" limits

# Written aside and renamed, so that a reader never sees half of it.
mkdir -p "${conf%/*}" "${limits%/*}"
sysctl_file >"$conf.new" && mv "$conf.new" "$conf"
limits_file >"$limits.new" && mv "$limits.new" "$limits"

refused=()
for key in "${present[@]}"; do
	[[ $(read_key "$key") == "${goal[$key]}" ]] && continue
	write_key "$key" "${goal[$key]}"
	is=$(read_key "$key")
	# The kernel rounds some up; more than asked for is as good.
	if [[ $is != "${goal[$key]}" && ! (${kind[$key]} == least && $is -ge ${goal[$key]}) ]]; then
		refused+=("$key")
		echo "$key stays $is: the kernel refused ${goal[$key]}" >&2
	fi
done

echo "$changes settings changed; $conf and $limits written."
echo "Open files: log in again for the new limit. A systemd service needs, in its unit or"
echo "/etc/systemd/system/pushd.service.d/limits.conf:"
echo "  [Service]"
echo "  LimitNOFILE=$limit_files"
((${#refused[@]} == 0)) || exit 1
