#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs what the backend proxmox-lxc promises on a Proxmox VE of yours, inside one pool, and reports. It makes containers and
# named volumes there, whose names begin with lxcri-live-, and removes them again; templates of the image stay.
#
#   LXCRI_LIVE_HOST         address of a node, or several with commas
#   LXCRI_LIVE_TOKEN_FILE   file with USER@REALM!NAME=UUID, mode 0600
#   LXCRI_LIVE_POOL         the pool that containers are made in: the token needs no rights elsewhere (docs/proxmox.md)
#
# and, where the defaults do not fit:
#
#   LXCRI_LIVE_FINGERPRINT  of the certificate, unless its authority is trusted here
#   LXCRI_LIVE_NODE, LXCRI_LIVE_STORAGE, LXCRI_LIVE_TEMPLATE_STORAGE, LXCRI_LIVE_BRIDGE
#   LXCRI_LIVE_IMAGE        an image with sh, sleep and cat (busybox); LXCRI_LIVE_NEXT another one, or the same by digest
#   LXCRI_LIVE_LOCAL        the node that this host is, for what is done there alone
#   LXCRI_LIVE_LXC          where that has its containers (/var/lib/lxc)
#   LXCRI_COMMAND           the program (proxmox-lxcri)

set -u

for name in LXCRI_LIVE_HOST LXCRI_LIVE_TOKEN_FILE LXCRI_LIVE_POOL; do
	if [ -z "${!name:-}" ]; then
		echo "live.sh: $name is not set; it says where containers may be made, and nothing is guessed" >&2
		exit 2
	fi
done
if [ ! -r "$LXCRI_LIVE_TOKEN_FILE" ]; then
	echo "live.sh: $LXCRI_LIVE_TOKEN_FILE cannot be read" >&2
	exit 2
fi

command=${LXCRI_COMMAND:-proxmox-lxcri}
image=${LXCRI_LIVE_IMAGE:-docker.io/library/busybox:1.36}
next=${LXCRI_LIVE_NEXT:-docker.io/library/busybox:1.37}
work=$(mktemp -d /tmp/lxcri-live.XXXXXX) || exit 2
tag=lxcri-live-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
passed=0
failed=0
skipped=0

quoted() { printf '"%s"' "$1"; }

write_config() {
	local hosts="" host key
	for host in ${LXCRI_LIVE_HOST//,/ }; do hosts="$hosts${hosts:+, }$(quoted "$host")"; done
	{
		echo '{ "proxmox": {'
		printf '"hosts": [%s], "token_file": %s, "pool": %s, "rootfs_size": 1073741824, "volume_size": 1073741824' "$hosts" \
			"$(quoted "$LXCRI_LIVE_TOKEN_FILE")" "$(quoted "$LXCRI_LIVE_POOL")"
		for key in FINGERPRINT=fingerprint NODE=node STORAGE=storage TEMPLATE_STORAGE=template_storage BRIDGE=bridge \
			LOCAL=local_node LXC=lxc_directory; do
			host=LXCRI_LIVE_${key%%=*}
			[ -z "${!host:-}" ] || printf ', "%s": %s' "${key#*=}" "$(quoted "${!host}")"
		done
		echo '} }'
	} > "$work/config.json"
	chmod 600 "$work/config.json"
}

# The program, as an engine of its own.
lxcri() {
	"$command" --config "$work/config.json" --root "$work/run" --data "$work/data" --runtime proxmox-lxc "$@" 2>> "$work/errors"
}

clean_up() {
	local id
	[ ! -e "$work/set.json" ] || lxcri delete --volumes -f "$work/set.json" > /dev/null
	for id in $(lxcri list --all --quiet); do
		lxcri delete --force --volumes "$id" > /dev/null || echo "LEFT  container $id: remove it in Proxmox VE" >&2
	done
	# Its service, if one was asked for, ends when nothing needs it.
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# check WHAT COMMAND...: reports whether COMMAND succeeds, and if not what was said.
check() {
	local what=$1
	shift
	: > "$work/errors"
	if "$@" > "$work/out" 2>> "$work/errors"; then
		echo "PASS  $what"
		passed=$((passed + 1))
	else
		echo "FAIL  $what: $(tail -n 2 "$work/errors" | tr '\n' ' ')"
		failed=$((failed + 1))
	fi
}

skip() {
	echo "SKIP  $1: $2"
	skipped=$((skipped + 1))
}

is_status() { [ "$(lxcri state "$1" | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p')" = "$2" ]; }
await_status() {
	local i
	for i in $(seq 120); do
		is_status "$1" "$2" && return 0
		sleep 0.5
	done
	return 1
}
place() { lxcri inspect "$1" | tr -d ' \n' | sed -n 's/.*"vmid":\([0-9]*\).*/\1/p'; }
fails_with() {
	local word=$1
	shift
	! lxcri "$@" && grep -q "$word" "$work/errors"
}
runs() { is_status "$1" running; }

one=$tag-one
two=$tag-two
volume=$tag-data

case_life() {
	lxcri run --detach --memory 64m --network none --volume "$volume:/data" --image "$image" "$one" sleep 100000 &&
		runs "$one" && lxcri stop --time 2 "$one" && is_status "$one" stopped && lxcri start "$one" && runs "$one"
}
case_limits() { lxcri update --memory 96m "$one" && lxcri stats --no-stream "$one" | grep -q 96; }
case_rename() { lxcri rename "$one" "$one-b" && runs "$one-b" && lxcri rename "$one-b" "$one"; }
case_update() {
	local before after
	before=$(place "$one")
	lxcri update "$one" --image "$next" --settle 2 --time 1 || return 1
	after=$(place "$one")
	[ -n "$before" ] && [ "$before" = "$after" ] && runs "$one" && lxcri rollback "$one" && runs "$one"
}
case_refusals() { fails_with UnsupportedOperation create --cap-add ALL --image "$image" "$two"; }
case_volume() {
	lxcri delete --force "$one" && lxcri run --detach --network none --volume "$volume:/data" --image "$image" "$one" sleep 100000 && runs "$one"
}
case_killed() {
	local child i
	lxcri run --detach --network none --image "$image" "$two" sleep 100000 > /dev/null &
	child=$!
	sleep 0.7
	kill -KILL $(cat /proc/$child/task/$child/children) 2> /dev/null
	wait "$child"
	for i in $(seq 120); do
		lxcri list --all --quiet > "$work/list" || return 1
		! grep -qx "$two" "$work/list" || runs "$two" && break
		sleep 1
	done
	grep -qx "$two" "$work/list" || lxcri run --detach --network none --image "$image" "$two" sleep 100000 || return 1
	runs "$two" && lxcri delete --force "$two"
}
case_adopted() {
	local before
	before=$(place "$one")
	# A service that pods have needed ends by itself; it would go on with the database that it has open.
	[ ! -e "$work/run/serve.lock" ] || flock --timeout 60 "$work/run/serve.lock" true || return 1
	rm -rf "$work/data" "$work/run"
	lxcri system adopt && [ -n "$before" ] && [ "$(place "$one")" = "$before" ] && runs "$one"
}
case_local_run() {
	lxcri run --rm --network none --image "$image" "$two" sh -c 'echo said; exit 7' > "$work/said"
	[ $? = 7 ] && grep -qx said "$work/said"
}
case_local_exec() {
	lxcri exec "$one" sh -c 'exit 5'
	[ $? = 5 ] && echo content > "$work/file" && lxcri cp "$work/file" "$one:/file" &&
		[ "$(lxcri exec "$one" cat /file)" = content ] && lxcri pause "$one" && is_status "$one" paused && lxcri resume "$one"
}
case_pod() {
	local before set=$tag-set
	cat > "$work/set.json" <<-END
		{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "$set"},
		 "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "$set"}},
		          "template": {"metadata": {"labels": {"app": "$set"},
		                                    "annotations": {"org.proxmox-lxcri.proxmox.network": "none"}},
		                       "spec": {"runtimeClassName": "proxmox-lxc", "terminationGracePeriodSeconds": 0, "containers": [
		                                  {"name": "app", "image": "$image", "command": ["sleep", "100000"],
		                                   "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
		          "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}}
	END
	lxcri apply -f "$work/set.json" && runs "$set-0.app" && before=$(place "$set-0.app") && [ -n "$before" ] &&
		lxcri scale statefulset "$set" --replicas 0 && ! runs "$set-0.app" &&
		lxcri scale statefulset "$set" --replicas 1 && runs "$set-0.app" && [ "$(place "$set-0.app")" = "$before" ] &&
		lxcri delete --volumes -f "$work/set.json"
}
case_deleted() {
	lxcri delete --force --volumes "$one" && [ -z "$(lxcri list --all --quiet)" ]
}

write_config
check "a container is made, started, stopped and started again" case_life
check "its limits change while it runs" case_limits
check "it gets another name while it runs" case_rename
check "another image keeps its number, and there is a way back" case_update
check "what cannot be had is refused, and leaves nothing" case_refusals
check "a named volume outlives its container" case_volume
check "a pod of a set is who it was when it comes back" case_pod
check "a killed creation leaves a whole container or none" case_killed
check "what a lost database knew is taken over" case_adopted
if [ -n "${LXCRI_LIVE_LOCAL:-}" ]; then
	check "a run in the foreground has output and exit code" case_local_run
	check "processes, files and pauses on the node" case_local_exec
else
	skip "a run in the foreground, exec, cp, pause" "LXCRI_LIVE_LOCAL is not set"
fi
check "all of it is gone again" case_deleted

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
