#!/usr/bin/env bash
# Two users chat by curl alone.
#   chat.sh HTTP_URL
# Ends non-zero at the first reply that is not as docs/chat.md has it.
set -euo pipefail
base=$1

# as USER METHOD PATH [BODY]: the reply's body; a status of 400 or more ends it.
as() {
	local user=$1 method=$2 path=$3
	local args=(--silent --show-error --fail-with-body --max-time 20 --request "$method" --header "Authorization: Bearer $user")
	if (($# > 3)); then
		args+=(--header 'Content-Type: application/json' --data "$4")
	fi
	curl "${args[@]}" "$base$path" || {
		echo "chat.sh: $user $method $path" >&2
		return 1
	}
}

# field NAME: the first string or number of that name in the JSON on standard input.
field() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\1/p" | head -n 1; }

# is WANT GOT
is() {
	[[ $2 == *"$1"* ]] || {
		echo "chat.sh: want $1 in $2" >&2
		exit 1
	}
}

sent=$(as ann POST /api/v1/messages '{"to":"user:ben","type":"text","text":"by curl","client_id":"c-1"}')
conv=$(field conv <<<"$sent")
id=$(field id <<<"$sent")
is '"seq":1,' "$sent"
is "\"id\":\"$id\"" "$(as ann POST /api/v1/messages '{"to":"user:ben","type":"text","text":"by curl","client_id":"c-1"}')"
is '"unread":1' "$(as ben GET /api/v1/conversations)"
is '"text":"by curl"' "$(as ben GET "/api/v1/conversations/$conv/messages?limit=10")"
as ben POST "/api/v1/conversations/$conv/read" '{"seq":1}' >/dev/null
is '"unread":0' "$(as ben GET /api/v1/conversations)"
is '"peer_read":1' "$(as ann GET /api/v1/conversations)"

picture=$(mktemp)
trap 'rm -f "$picture"' EXIT
base64 --decode >"$picture" <<<'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
file=$(curl --silent --show-error --fail-with-body --header 'Authorization: Bearer ann' --form "file=@$picture;type=image/png;filename=dot.png" "$base/api/v1/files")
url=$(field url <<<"$file")
is '"seq":2,' "$(as ann POST "/api/v1/conversations/$conv/messages" "{\"type\":\"img\",\"url\":\"$url\"}")"
as ben GET "$url" | cmp - "$picture"
is '"code":403' "$(as eve GET "$url" 2>/dev/null || true)"

as ann DELETE "/api/v1/messages/$id" >/dev/null
is '"type":"recalled"' "$(as ben GET "/api/v1/conversations/$conv/messages?after=0&limit=1")"

group=$(as ann POST /api/v1/groups '{"name":"by curl","members":["ben"]}' | field id)
is '"seq":' "$(as ben POST /api/v1/messages "{\"to\":\"group:$group\",\"type\":\"text\",\"text\":\"hi\"}")"
is '"code":403' "$(as eve POST /api/v1/messages "{\"to\":\"group:$group\",\"type\":\"text\",\"text\":\"hi\"}" 2>/dev/null || true)"
is '"whole":true' "$(as ben POST /api/v1/sync '{"cursors":{}}')"
echo ok
