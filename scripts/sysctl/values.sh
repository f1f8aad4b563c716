# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts that source it
#
# The values that a machine needs for many idle connections, each with its
# reason. Sourced by check.sh, apply.sh and revert.sh; does nothing itself.
#
# PUSHD_SYSCTL_ROOT puts another directory in the place of /, for tests and for
# preparing an image.
root=${PUSHD_SYSCTL_ROOT:-}
proc=$root/proc/sys
conf=$root/etc/sysctl.d/90-pushd.conf
limits=$root/etc/security/limits.d/90-pushd.conf
# What was there before the first apply, for revert.
state=$root/var/lib/pushd-sysctl

# Bytes of one idle connection: the kernel's socket, inode and epoll entry, and
# the server's own, both rounded up.
kernel_bytes=4096
server_bytes=1024
# Descriptors that are not connections: listeners, loops, logs, the admin port.
spare_files=1024

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# target_number TEXT: digits only, within what one machine can mean.
target_number() {
	if [[ ! $1 =~ ^[0-9]{4,9}$ ]] || ((10#$1 < 1000)); then
		die "--target wants a number of connections from 1000 to 999999999, not '$1'"
	fi
	echo $((10#$1))
}

path_of() { echo "$proc/${1//.//}"; }

# raw_key KEY: its value as the kernel prints it, or nothing where it doesn't
# exist or can't be read.
raw_key() {
	local file line=
	file=$(path_of "$1")
	[[ -r $file ]] || return 0
	IFS= read -r line <"$file" || true
	echo "$line"
}

# read_key KEY: the same with single blanks, so that values can be compared.
read_key() {
	local words
	read -r -a words <<<"$(raw_key "$1")"
	echo "${words[*]}"
}

# write_key KEY VALUE: quiet when the kernel refuses; who calls reads it back.
write_key() { { echo "$2" >"$(path_of "$1")"; } 2>/dev/null || true; }

mem_kib() { # FIELD of /proc/meminfo
	local name value
	while read -r name value _; do
		[[ $name == "$1:" ]] && echo "$value" && return
	done <"$root/proc/meminfo"
	die "no $1 in $root/proc/meminfo"
}

max() { echo $(($1 > $2 ? $1 : $2)); }
min() { echo $(($1 < $2 ? $1 : $2)); }

# want KEY KIND VALUE REASON adds a row. KIND is
#   least  a number that is never lowered: a machine that has more keeps it
#   pages  three numbers of tcp_mem, never lowered
#   exact  this and nothing else
keys=()
declare -A kind value reason
want() {
	keys+=("$1")
	kind[$1]=$2 value[$1]=$3 reason[$1]=$4
}

# plan TARGET fills the table for that many connections on this machine.
plan() {
	local target=$1 files memory page
	files=$((target + target / 10 + spare_files))
	memory=$(mem_kib MemTotal)
	page=$(getconf PAGESIZE)
	local pages=$((memory * 1024 / page))

	# -- limits ---------------------------------------------------------------
	want fs.nr_open least "$(max "$files" 1048576)" \
		"Ceiling of any process's open files; every connection is one. A tenth and 1024 more than the target, for proxies' and clients' processes and the server's own files."
	want fs.file-max least $((files + 65536)) \
		"Open files of the whole machine: the server's and everybody else's."
	want fs.epoll.max_user_watches least "$files" \
		"Each connection is watched once by its event loop. About 160 bytes of kernel memory each, only when used."

	# -- backlogs -------------------------------------------------------------
	want net.core.somaxconn least 65535 \
		"Connections that are complete but not yet accepted, per listening socket. A reconnect storm fills it between two turns of the loop; what doesn't fit is retried by the client after a second."
	want net.ipv4.tcp_max_syn_backlog least 65535 \
		"The same for connections still in their handshake."
	want net.ipv4.tcp_syncookies exact 1 \
		"When that backlog overflows all the same, answer with a cookie instead of dropping."
	want net.core.netdev_max_backlog least 32768 \
		"Packets taken from the card, or sent over loopback, and not yet handled, per core. A broadcast's acknowledgements arrive together."

	# -- TCP memory -----------------------------------------------------------
	# tcp_mem counts buffers, not sockets: idle connections use nothing of it, a
	# broadcast uses a page for each connection until it is acknowledged.
	want net.ipv4.tcp_mem pages "$((pages / 8)) $((pages * 3 / 16)) $((pages / 4))" \
		"Pages for the buffers of all connections: calm below an eighth of memory, drop at a quarter. The kernel's default of a tenth is too little for a broadcast to a million."
	want net.ipv4.tcp_rmem exact "4096 65536 1048576" \
		"Receive buffer of a connection: starts at 64 KiB, which holds what clients commonly send between two turns of the loop; ends at 1 MiB, which bounds what a client that is not being read can have waiting in the kernel. Raise the end where the machine also moves bulk data."
	want net.ipv4.tcp_wmem exact "4096 16384 524288" \
		"Send buffer: small until used; ends at 512 KiB, so that a client that stops reading reaches the server's own bound soon instead of hiding megabytes in the kernel. Raise the end where the machine also moves bulk data."

	# -- ports ----------------------------------------------------------------
	want net.ipv4.ip_local_port_range exact "10240 65535" \
		"Ports for connections that go out: from a proxy on this machine to the server, or from a load generator. One source address to one destination has this many. Starts above 8089 to 8091, so that none of them takes a listening port of the server while it restarts."

	# -- connection tracking --------------------------------------------------
	# Only where the module is loaded. It costs about 320 bytes and some time for
	# each connection; the better cure is not to track them at all:
	#   iptables -t raw -A PREROUTING -p tcp --dport 8089 -j NOTRACK
	#   iptables -t raw -A OUTPUT     -p tcp --sport 8089 -j NOTRACK
	if [[ -e $(path_of net.netfilter.nf_conntrack_max) ]]; then
		want net.netfilter.nf_conntrack_max least $((files + 65536)) \
			"Tracked connections; past it the firewall drops packets of new ones. Without need for tracking, exempt the port in the raw table (NOTRACK) instead."
		want net.netfilter.nf_conntrack_buckets least $(((files + 65536) / 4)) \
			"Hash buckets of that table: four entries in each at most."
		want net.netfilter.nf_conntrack_tcp_timeout_established exact 3600 \
			"Entries of peers that vanished stay this long, five days by default. Heartbeats are minutes apart, so an hour never cuts a live one."
		want net.netfilter.nf_conntrack_tcp_timeout_time_wait exact 30 \
			"Closed connections leave the table sooner, which matters in a reconnect storm."
	fi

	# -- connections that ended -----------------------------------------------
	want net.ipv4.tcp_tw_reuse exact 1 \
		"Outgoing connections may reuse a port in TIME_WAIT when timestamps make it safe: a proxy that reconnects everything otherwise runs out of ports for a minute."
	want net.ipv4.tcp_max_tw_buckets least "$target" \
		"Connections in TIME_WAIT. When the server closes first, as in a drain, all of them are, for a minute, at about 250 bytes each. Past it the kernel forgets them, and late packets of the old connection meet the new one."
	want net.ipv4.tcp_max_orphans least "$(max $((target / 4)) 131072)" \
		"Closed connections with unsent data, the Close frame among it. Past it they are reset and the client never reads why."
	want net.ipv4.tcp_fin_timeout exact 30 \
		"Seconds to wait for a peer that doesn't answer our close. A minute by default; half of it frees the memory of vanished clients sooner."

	# -- keepalive ------------------------------------------------------------
	# The server finds dead clients by its heartbeat. These are for the other
	# sockets with keepalive on: proxies to the server, the server to others.
	want net.ipv4.tcp_keepalive_time exact 600 \
		"First probe after ten idle minutes instead of two hours, less than most NAT tables and load balancers remember."
	want net.ipv4.tcp_keepalive_intvl exact 30 "Seconds between probes."
	want net.ipv4.tcp_keepalive_probes exact 4 \
		"Gone after four unanswered: two minutes."

	# -- memory ---------------------------------------------------------------
	# vm.max_map_count is left alone: connections take no mappings of their own
	# and Go's heap takes a few hundred, far below the default of 65530.
	want vm.swappiness exact 1 \
		"Swap only to avoid running out. One session's page that has to come back from disk stops the event loop and everyone on it."

	limit_files=$files
}

# wanted KEY CURRENT: the value that KEY should have on a machine where it is
# CURRENT now.
wanted() {
	local key=$1 current=$2
	case ${kind[$key]} in
	least) max "${value[$key]}" "${current:-0}" ;;
	pages)
		local have ask i out=()
		read -r -a have <<<"${current:-0 0 0}"
		read -r -a ask <<<"${value[$key]}"
		for i in 0 1 2; do out+=("$(max "${have[i]:-0}" "${ask[i]}")"); done
		echo "${out[*]}"
		;;
	*) echo "${value[$key]}" ;;
	esac
}
