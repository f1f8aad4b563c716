#!/usr/bin/env bash
# Says what would stop this machine below a number of connections, the lowest
# limit first, each with its cure.
#   check.sh [--target N] [--pid PID]
# --target  connections wanted, 1000000 by default
# --pid     look at the limits of that running server, not of this shell
# Exit status: 0 nothing stops it, 1 something does, 2 wrong usage.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=values.sh
source "$here/values.sh"

target=1000000
pid=self
while (($#)); do
	case $1 in
	--target)
		target=$(target_number "${2:-}")
		shift 2
		;;
	--pid)
		[[ ${2:-} =~ ^[0-9]+$ ]] || die "--pid wants a process id"
		pid=$2
		shift 2
		;;
	-h | --help) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) die "unknown argument '$1'" ;;
	esac
done
plan "$target"

apply="scripts/sysctl/apply.sh --target $target"
rows=() # connections, what, is, needs, cure: one line each, separated by tabs
hidden=()

# limit WHAT IS NEEDS CONNECTIONS CURE
limit() {
	local connections=$4
	((connections >= 0)) || connections=0
	rows+=("$connections"$'\t'"$1"$'\t'"$2"$'\t'"$3"$'\t'"$5")
}

# key_limit KEY USED CURE: a kernel number of which each connection takes one,
# and of which USED are taken already.
key_limit() {
	local is
	is=$(read_key "$1")
	if [[ -z $is ]]; then
		hidden+=("$1")
		return
	fi
	limit "$1" "$is" "${value[$1]}" $((is - $2)) "$3"
}

process_files() {
	local file=$root/proc/$pid/limits soft hard
	[[ -r $file ]] || die "can't read $file"
	read -r soft hard < <(sed -nE 's/^Max open files +([^ ]+) +([^ ]+).*/\1 \2/p' "$file") ||
		die "no open files limit in $file"
	[[ $hard == unlimited ]] && hard=$limit_files
	[[ $soft == unlimited ]] && soft=$hard
	# A Go program raises its own soft limit to the hard one as it starts; one
	# that runs already has what it has.
	local is=$hard
	[[ $pid == self ]] || is=$soft
	limit "open files of the process" "$is" "$limit_files" $((is - 100)) \
		"$apply, then log in again; for a service: LimitNOFILE=$limit_files in its unit"
}

process_files
key_limit fs.nr_open 100 "$apply"
read -r open_files _ < <(read_key fs.file-nr) || open_files=0
key_limit fs.file-max "${open_files:-0}" "$apply"
key_limit fs.epoll.max_user_watches 100 "$apply"
if [[ -n $(read_key net.netfilter.nf_conntrack_max) ]]; then
	tracked=$(read_key net.netfilter.nf_conntrack_count)
	key_limit net.netfilter.nf_conntrack_max "${tracked:-0}" "$apply, or exempt the port with NOTRACK"
fi

# A broadcast holds a page of buffer for each connection.
tcp_mem=$(read_key net.ipv4.tcp_mem)
if [[ -n $tcp_mem ]]; then
	limit "net.ipv4.tcp_mem, in a broadcast" "${tcp_mem##* } pages" "${value[net.ipv4.tcp_mem]##* } pages" \
		"${tcp_mem##* }" "$apply; if it is set already: more memory, or more nodes"
else
	hidden+=(net.ipv4.tcp_mem)
fi

memory=$(mem_kib MemAvailable)
memory=$((memory * 1024))
cgroup=$root/sys/fs/cgroup/memory.max
if [[ -r $cgroup ]]; then
	read -r most <"$cgroup"
	[[ $most == max ]] || memory=$(min "$memory" "$most")
fi
per_connection=$((kernel_bytes + server_bytes))
limit "memory, idle connections" "$((memory >> 20)) MiB free" "$((target * per_connection >> 20)) MiB" \
	$((memory / per_connection)) "more memory, or more nodes"

stops=0
table=$(printf '%s\n' "${rows[@]}" | sort -t $'\t' -k1,1n)
printf '%-12s %-33s %-20s %-14s %s\n' "stops at" "what" "is" "needs" "cure"
while IFS=$'\t' read -r connections what is needs cure; do
	if ((connections < target)); then
		stops=$((stops + 1))
	else
		cure=- # enough for the target
	fi
	printf '%-12s %-33s %-20s %-14s %s\n' "$connections" "$what" "$is" "$needs" "$cure"
done <<<"$table"

# What slows a machine down, or loses bursts, but stops it at no number.
advice=()
for key in "${keys[@]}"; do
	case $key in fs.* | net.ipv4.tcp_mem | net.netfilter.nf_conntrack_max) continue ;; esac
	is=$(read_key "$key")
	if [[ -z $is ]]; then
		hidden+=("$key")
	elif [[ $is != "$(wanted "$key" "$is")" ]]; then
		advice+=("  $key is $is, better ${value[$key]}: ${reason[$key]}")
	fi
done
if ((${#advice[@]})); then
	echo
	echo "Not a limit, but worth setting ($apply does):"
	printf '%s\n' "${advice[@]}"
fi
if ((${#hidden[@]})); then
	echo
	echo "Not visible here (a container shows only some), so not judged: ${hidden[*]}"
fi

echo
if ((stops)); then
	echo "This machine stops at ${table%%$'\t'*} connections; $stops of ${#rows[@]} limits are below $target."
	exit 1
fi
echo "Nothing here stops $target connections; the lowest limit is at ${table%%$'\t'*}."
