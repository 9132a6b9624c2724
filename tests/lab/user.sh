#!/usr/bin/env bash
# Runs a colony of an operator without root rights, under systemd --user. Cron grows the colony to 5 nodes. The nodes are upgraded
# one at a time to a new antnode. After a real reboot, wnm starts the nodes again within its quotas.
# Takes 260 s.
MACHINE=user-$$
PROGRAM=/home/op/.local/bin/wnm
DATABASE=/home/op/.local/share/autonomi/colony.db
. "$(dirname "$0")/story.sh"
raise

# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager systemd+user --node_cap 5 $LIMITS \
    --max_concurrent_starts 2 --max_concurrent_operations 2 2>&1 | tail -n 1
cron_on '* * * * * $HOME/.local/bin/wnm >>$HOME/wnm.log 2>&1'
tell "cron has its line; the colony is left to itself"
until_so 420 'cron grew the colony to 5' calm state_is RUNNING 5
is "$(running)" 5 'processes'
is "$(as_op systemctl --user list-units --plain --no-legend 'antnode*' --state=running | wc -l)" 5 'units'
is "$(as_root journalctl -q -t CRON | grep -c '(op) CMD' | sed 's/^[2-9]$/several/')" several 'runs that cron began'
tell "it grew to 5 on its own"
cron_off
agree

cycle --max_concurrent_starts 1 --max_concurrent_operations 1
keys() { as_root sh -c 'cat /home/op/.local/share/autonomi/node/antnode*/secret-key | sha256sum'; }
identities=$(keys)
new_antnode 0.4.18
one_at_a_time() { [ "$(in_state UPGRADING)" -le 1 ] || fail 'two were upgraded at once'; }
EACH=one_at_a_time cycles_until 180 'all run 0.4.18' version_is 0.4.18 5
is "$(keys)" "$identities" 'identities after the upgrade'
agree
tell "a new version was taken, one node at a time"

"$LAB" reboot "$MACHINE"
is "$(running)" 0 'processes after the reboot, before wnm has run'
cycle
is "$(in_state RUNNING)" 0 'nodes that run after the first look'
one_more() { [ "$(in_state RESTARTING)" -le 1 ] || fail 'two were started at once'; }
EACH=one_more cycles_until 180 'all run again' state_is RUNNING 5
is "$(keys)" "$identities" 'identities after the reboot'
agree
tell "the machine was booted, and the nodes came back one by one"

wnm --force_action teardown --confirm >/dev/null
is "$(running)" 0 'processes after teardown'
is "$(as_root sh -c 'ls /home/op/.config/systemd/user/antnode* /home/op/.local/share/autonomi/node/* 2>/dev/null | wc -l')" 0 'files after teardown'
tell "PASSED"
