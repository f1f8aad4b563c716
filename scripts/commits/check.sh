#!/usr/bin/env bash
# Checks the commits that are new: each builds, passes go vet, is no merge, and
# says what it does and why (CONTRIBUTING.md has the rules in words).
#   scripts/commits/check.sh
#
# New is what is on HEAD and not on the base. The base is $COMMITS_BASE, or else
# origin/main where HEAD has left it, or else (in a clone of main itself) the
# commit in scripts/commits/after, from which on the rules hold. What is not
# after that commit is never new.
#   COMMITS_MOST     how many are built, the latest ones (20); messages are checked of all
#   COMMITS_SECONDS  when to begin no further build (150)
set -euo pipefail
cd "$(dirname "$0")/../.."

most=${COMMITS_MOST:-20}
seconds=${COMMITS_SECONDS:-150}
longest=100 # characters of a first line
small=30    # changed lines that need no body

known() { git rev-parse --quiet --verify "$1^{commit}"; }

if ! git rev-parse --quiet --git-dir >/dev/null 2>&1; then
	echo "commits: this is no git checkout, so there are no commits to check"
	exit 0
fi
range=(HEAD)
head=$(known HEAD)
if after=$(known "$(<scripts/commits/after)"); then
	range+=("^$after")
else # a shallow clone has no more history than this
	range+=("--max-count=$most")
fi
if [[ -n ${COMMITS_BASE:-} ]]; then
	if ! base=$(known "$COMMITS_BASE"); then
		echo "commits: COMMITS_BASE names no commit: $COMMITS_BASE" >&2
		exit 2
	fi
	range+=("^$base")
elif base=$(known origin/main) && base=$(git merge-base "$base" HEAD) && [[ $base != "$head" ]]; then
	range+=("^$base")
fi
mapfile -t commits < <(git rev-list --topo-order "${range[@]}")

bad=()
report() { # commit, what is wrong
	bad+=("$(git log -1 --format='%h %s' "$1"): $2")
}

# needs_body tells whether the first line alone can't say why: not of a change to
# pages alone, and not of a small one.
needs_body() {
	local lines
	lines=$(git show --format= --numstat "$1" | awk '$3 !~ /\.md$/ { n += $1 + $2 } END { print n + 0 }')
	((lines > small))
}

message() {
	local commit=$1 first second body
	first=$(git log -1 --format=%B "$commit" | sed -n 1p)
	second=$(git log -1 --format=%B "$commit" | sed -n 2p)
	# A trailer (Co-authored-by: …) says who, not why.
	body=$(git log -1 --format=%b "$commit" | grep -vE '^[A-Z][A-Za-z-]+-[Bb]y: |^$' || true)
	[[ $(git log -1 --format=%P "$commit") != *' '* ]] || report "$commit" "it is a merge; rebase instead"
	((${#first} <= longest)) || report "$commit" "its first line has ${#first} characters, more than $longest"
	[[ -z $second ]] || report "$commit" "its second line is not empty"
	[[ $first != *. ]] || report "$commit" "its first line ends in a full stop"
	if grep -qiE '^(wip\b|fixup!|squash!|amend!|(.*: )?what the linter found)' <<<"$first"; then
		report "$commit" "work in progress; squash it into the commit that it belongs to"
	elif [[ $first != *': '* ]]; then
		report "$commit" "its first line doesn't begin with what it is about (store: …)"
	fi
	[[ -n $body ]] || ! needs_body "$commit" || report "$commit" "it has no body that says why, and it is more than $small lines"
}

for commit in "${commits[@]}"; do
	message "$commit"
done

if ((${#commits[@]})); then
	# Always the same folder: the build cache goes by it.
	tree=$PWD/build/commit
	remove() {
		git worktree remove --force "$tree" 2>/dev/null || rm -rf "$tree"
		git worktree prune
	}
	remove # what an interrupted run left
	trap remove EXIT
	git worktree add --quiet --detach "$tree" "${commits[0]}"
	export GOFLAGS="${GOFLAGS:-} -buildvcs=false"
	built=0
	for commit in "${commits[@]:0:most}"; do
		if ((SECONDS >= seconds)); then
			echo "commits: $seconds s are over"
			break
		fi
		built=$((built + 1)) start=$SECONDS
		git -C "$tree" checkout --quiet --force --detach "$commit"
		if ! output=$(cd "$tree" && { go build ./... && go vet ./...; } 2>&1); then
			report "$commit" "it does not build, or go vet finds something"
			echo "$output"
		fi
		echo "commits: $built of ${#commits[@]} built and vetted, $((SECONDS - start)) s: $(git log -1 --format='%h %s' "$commit")"
	done
	((built == ${#commits[@]})) || echo "commits: the $((${#commits[@]} - built)) oldest were not built; COMMITS_MOST and COMMITS_SECONDS say how many are"
fi

if ((${#bad[@]})); then
	printf 'commits: %s\n' "${bad[@]}" >&2
	exit 1
fi
echo "commits: ${#commits[@]} new commits are as CONTRIBUTING.md asks"
