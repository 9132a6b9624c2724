#!/usr/bin/env bash
# Takes over an anm server (the tree of tests/anm, real units, simulated nodes) while a run of anm is active. No process, unit or
# file of a node may change. After ten cycles the stopped nodes run, a node is added with the first free number, and another is
# upgraded with its old unit. Then the takeover is rolled back.
# Takes 130 s.
MACHINE=anm-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/var/antctl/colony.db
. "$(dirname "$0")/story.sh"
raise

layout=$(mktemp -d)
sh "$HERE/../anm/prepare.sh" "$layout"
rm -r "$layout/root/home"
sed -i 's/ weave / op /' "$layout"/root/etc/cron.d/*
# The simulated antnode supports neither option.
sed -i 's/ --bootstrap "[^"]*"//; s/evm-arbitrum-sepolia/evm-arbitrum-one/' "$layout"/root/etc/systemd/system/antnode*
# Simulates a run of anm: it holds the lock for some seconds.
cat >>"$layout/root/usr/bin/anms.sh" <<'END'
if [ -e /var/antctl/block ]; then echo 'already running'; exit 0; fi
touch /var/antctl/block
echo run >>/var/antctl/runs
sleep 15
rm /var/antctl/block
END
"$LAB" push "$MACHINE" "$layout/root" /layout
rm -r "$layout"
# shellcheck disable=SC2016
as_root sh -e -c '
    systemctl stop cron
    cp -r --preserve=mode,timestamps /layout/. /
    rm -r /layout
    rm -f /var/antctl/block
    for root in /var/antctl/services/antnode* /mnt/ant-data/services/antnode*; do
        cp /home/op/.local/bin/antnode "$root/antnode"
    done
    chown -R op:op /var/antctl
    chown -R ant:ant /var/antctl/services /var/antctl/bootstrap-cache /mnt/ant-data /var/log/antnode
    systemctl daemon-reload
    for node in 001 003 005 0008 0010 0012 0013 0015 0016 1001; do systemctl start "antnode$node"; done
    systemctl start cron'
is "$(running)" 10 'nodes that run'

pids() {
    # shellcheck disable=SC2016
    as_root sh -c 'cd /etc/systemd/system && for unit in antnode*.service; do
        echo "$unit $(systemctl show -p MainPID --value "$unit")"; done' | grep -v ' 0$'
}
units() { as_root sh -c "cd /etc/systemd/system && sha256sum antnode*.service"; }
data() {
    as_root sh -c 'find /var/antctl/services /var/antctl/config /var/antctl/system /mnt/ant-data -type f -exec sha256sum {} + | sort'
}
runs() { as_root sh -c 'wc -l </var/antctl/runs'; }
there() { as_root test -e "$1"; }
anm_begins() { as_op setsid -f bash -c 'exec bash /usr/bin/anms.sh >>/var/antctl/log 2>&1'; }
before=$(pids; units; data)
line=$(as_root cat /etc/cron.d/anm)

anm_begins
until_so 10 'anm is at work' there /var/antctl/block
! wnm --init --migrate_anm --anm_wait 2 >"$LOG" 2>&1 || fail 'it did not wait for anm'
is "$(as_root cat /etc/cron.d/anm)" "$line" 'the cron file of anm, after the time was over'
! as_op timeout --signal INT 3 wnm --init --migrate_anm >"$LOG" 2>&1 || fail 'Ctrl-C did not end it'
is "$(as_root cat /etc/cron.d/anm)" "$line" 'the cron file of anm, after Ctrl-C'
is "$(pids; units; data)" "$before" 'processes, units and data of the nodes, after two that came to nothing'
tell "anm had its cron file back when it was not waited for, and after Ctrl-C"

is_quiet() { ! there /var/antctl/block; }
until_so 30 'its run has ended' is_quiet
anm_begins
until_so 10 'anm is at work again' there /var/antctl/block
# shellcheck disable=SC2086
wnm --init --migrate_anm --node_cap 15 $LIMITS >"$LOG" 2>&1 &
takeover=$!
until_so 10 'its cron file is gone' sh -c "! '$LAB' run $MACHINE test -e /etc/cron.d/anm"
! wnm --init --migrate_anm >/dev/null 2>&1 || fail 'a second takeover at once'
wait $takeover || fail 'it was not taken over'
as_root systemctl stop cron
until_so 30 'no run that cron began is at work' sh -c "! '$LAB' run $MACHINE pgrep -x wnm >/dev/null"
grep -q '14 nodes (10 RUNNING, 3 STOPPED, 1 DISABLED)' "$LOG" || fail 'its account'
is "$(pids; units; data)" "$before" 'processes, units and data of the nodes'
! there /etc/cron.d/anm || fail 'the cron file of anm is there'
had=$(runs)
as_op bash /usr/bin/anms.sh >/dev/null
is "$(runs)" "$had" 'runs of anm, which end at the block'
tell "taken over in the middle of a run; no node noticed"

command=$(as_root sed -n 's/^\* \* \* \* \*  op  //p' /etc/cron.d/wnm)
is "$command" "$PROGRAM --dbpath $DATABASE --quiet" 'what cron runs'
as_scheduled() { cycle --dbpath "$DATABASE" --quiet; }
as_scheduled
is "$(ask 'SELECT confirmed_at IS NOT NULL FROM takeover')" 1 'confirmed by a survey'
for _ in 2 3 4 5 6 7 8 9 10; do as_scheduled; done
owners() { as_root stat -c %U /var/antctl/services /mnt/ant-data /mnt/ant-data/services /var/antctl/services/antnode001 | tr '\n' ' '; }
came_up() { [ "$(in_state RUNNING)" = 14 ]; }
cycles_until 60 'the stopped ones run, and one was added' came_up
is "$(ask "SELECT group_concat(service) FROM node WHERE id IN (4, 6, 7)")" antnode0004.service 'what was added'
is "$(pids | grep -Fxf <(echo "$before") | wc -l)" 10 'processes that are those from before'
is "$(owners)" 'root root root ant ' 'whose the way to the nodes is, and whose a node'
is "$(data | grep -cFxf <(echo "$before"))" "$(grep -cE ' /(var|mnt)' <<<"$before")" 'files of the nodes that are those from before'
as_root grep -q '\[0011\]="antnode0011,[^"]*,RUNNING"' /var/antctl/NodeDetails || fail 'NodeDetails'
is "$(as_root stat -c %U:%a /var/antctl/NodeDetails)" op:644 'owner and mode of NodeDetails'
new_antnode 0.4.18
upgraded() { [ "$(ask "SELECT count(*) FROM node WHERE version = '0.4.18' AND status = 'RUNNING' AND id < 4")" -ge 1 ]; }
cycles_until 60 'a node that was taken over is upgraded' upgraded
is "$(units | grep -v antnode0004)" "$(grep -F .service <<<"$before" | grep -E '^[0-9a-f]{64} ')" 'units'
# The doctor always finds a fault here, because cron is stopped.
doctor_says() { { wnm --doctor 2>&1 || true; } | grep -q "$1"; }
doctor_says 'anm.*is disabled' || fail 'what the doctor says of anm'
tell "ten cycles and more: 3 started, 1 added, 1 upgraded; no unit was rewritten"

backup=$(as_root sh -c 'ls -d /var/lib/wnm/anm-takeover-* | tail -n 1')
as_root cp "$backup/files/etc/cron.d/anm" /etc/cron.d/anm
! "$LAB" cron "$MACHINE" op "$PROGRAM" --dbpath "$DATABASE" --quiet >"$LOG" 2>&1 || fail 'two managers'
grep -q "is back" "$LOG" || fail 'what it says when anm is back'
doctor_says 'anm.*is back' || fail 'what the doctor says when anm is back'
as_root rm /etc/cron.d/anm
before=$(pids; units; data)
! wnm --rollback_anm >"$LOG" 2>&1 || fail 'anm would act on wrong nodes'
grep -q 'wrong nodes' "$LOG" || fail 'why it is not given back'
wnm --rollback_anm --confirm >"$LOG" 2>&1 || fail 'it is not given back'
is "$(pids; units; data)" "$before" 'processes, units and data of the nodes after the rollback'
is "$(as_root cat /etc/cron.d/anm)" "$line" 'the cron file of anm'
is "$(as_root stat -c %U:%a /etc/cron.d/anm)" root:644 'its owner and mode'
for gone in /etc/cron.d/wnm /var/antctl/block "$DATABASE"; do ! there "$gone" || fail "$gone is there"; done
is "$(as_root grep -o 'RUNNING"' /var/antctl/NodeDetails | wc -l)" "$(running)" 'nodes that anm believes to run'
had=$(runs)
anm_begins
until_so 10 'anm acts again' sh -c "[ \$('$LAB' run $MACHINE sh -c 'wc -l </var/antctl/runs') -gt $had ]"
tell "PASSED"
