#!/usr/bin/env bash
# Puts the nodes on their own disk, a real ext4 on a loop device, under systemd --user. The disk is unmounted while they run, is missing during
# cycles, forced actions, the death of all nodes and a reboot, and is mounted again. wnm may remove nothing, and create nothing in the
# mount point.
# Takes 90 s.
MACHINE=disk-$$
PROGRAM=/home/op/.local/bin/wnm
DATABASE=/home/op/.local/share/autonomi/colony.db
. "$(dirname "$0")/story.sh"
IMAGE=$(mktemp)
LOOP=
raise
# Runs its own cleanup, and then that of story.sh.
end_of_story=$(trap -p EXIT | sed "s/^trap -- '//; s/' EXIT\$//; s/'\\\\''/'/g")
trap 'as_root umount -l /mnt/nodes 2>/dev/null || true; eval "$end_of_story"
      [ -z "$LOOP" ] || losetup --detach "$LOOP"; rm -f "$IMAGE"' EXIT

truncate -s 128M "$IMAGE"
mkfs.ext4 -q "$IMAGE"
if ! LOOP=$(losetup --find --show "$IMAGE" 2>&1); then
    tell "SKIPPED: no loop device: $LOOP"
    LOOP=
    exit 0
fi
as_root mkdir /mnt/nodes
attach() {
    as_root sh -c "rm -f /dev/wnm-disk; mknod /dev/wnm-disk b $(stat -c '0x%t 0x%T' "$LOOP") && mount /dev/wnm-disk /mnt/nodes" ||
        fail 'the disk cannot be mounted'
}
attach
as_root chown op:op /mnt/nodes
# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager systemd+user --node_cap 5 --node_storage /mnt/nodes $LIMITS 2>&1 |
    tail -n 1
minute
wnm --force_action add --count 5 >/dev/null 2>&1
cycles_until 60 'five nodes run' state_is RUNNING 5
keys() { as_root sh -c 'cat /mnt/nodes/antnode*/secret-key | sha256sum'; }
rows() { ask 'SELECT id, status, peer_id, root_dir, version FROM node'; }
identities=$(keys)
before=$(rows)
agree
tell "five nodes run on $(as_root findmnt -no FSTYPE /mnt/nodes)"

# stops_at WORDS...: wnm must exit with 4 and report the missing disk, and change no row, unit or file.
stops_at() {
    local code=0 said
    minute
    said=$("$LAB" cron "$MACHINE" op "$PROGRAM" "$@" 2>&1) || code=$?
    is "$code" 4 "the code of wnm $*, which said: $said"
    case $said in *'safety stop: the storage `/mnt/nodes` lies on another filesystem'*) ;; *) fail "wnm $* said: $said" ;; esac
    is "$(rows)" "$before" "the rows after wnm $*"
    is "$(as_root sh -c 'ls -A /mnt/nodes | wc -l')" 0 "what was made in the mount point by wnm $*"
    is "$(as_root sh -c 'ls /home/op/.config/systemd/user/antnode*.service | wc -l')" 5 "the units after wnm $*"
}
all_stop() {
    stops_at
    stops_at --force_action remove --count 2
    stops_at --force_action teardown --confirm
    stops_at --force_action add
    stops_at
}

as_root umount -l /mnt/nodes
new_antnode 0.4.18
all_stop
stops_at --force_action upgrade --service_name 1
is "$(running)" 5 'processes while the disk is away'
tell "it was unmounted under them: nothing was done, and they run on"
attach
is "$(keys)" "$identities" 'identities after the disk came back'
new_antnode 0.4.17
cycle
is "$(rows)" "$before" 'the rows after the disk came back'
agree
tell "it came back, and all is as before"

as_root umount -l /mnt/nodes
as_root pkill -KILL -f -- '[/]antnode .*--root-dir'
all_stop
is "$(running)" 0 'processes whose binaries are on the disk'
tell "they died while it was away: nothing was removed"
attach
cycle
cycles_until 120 'all run again' state_is RUNNING 5
is "$(keys)" "$identities" 'identities after their death'
agree
before=$(rows)
tell "it came back, and they were started as they were"

as_root umount -l /mnt/nodes
"$LAB" reboot "$MACHINE"
all_stop
tell "the machine was booted without it: nothing was removed"
attach
cycle
cycles_until 120 'all run again' state_is RUNNING 5
is "$(keys)" "$identities" 'identities after the reboot'
agree
tell "it came back, and so did they"

as_root umount -l /mnt/nodes
wnm --force_action stop --count 5 >/dev/null 2>&1 || fail 'nodes cannot be stopped without their disk'
is "$(running)" 0 'processes after the stop'
as_root sh -c 'command -v fsck.ext4 >/dev/null && fsck.ext4 -fn /dev/wnm-disk >/dev/null' || tell 'no fsck here'
attach
cycle
cycles_until 120 'all run again' state_is RUNNING 5
is "$(keys)" "$identities" 'identities after the check of the disk'
tell "they were stopped for a check of the disk, and run again"

wnm --force_action teardown --confirm >/dev/null 2>&1
is "$(running)" 0 'processes after teardown'
is "$(as_root sh -c 'ls /mnt/nodes | grep -c antnode || true')" 0 'folders after teardown'
tell "PASSED"
