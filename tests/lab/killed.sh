#!/usr/bin/env bash
# Kills a takeover from anm, and then its rollback, many times under a real systemd and sudo: with kill -9, at
# the nth program that changes a file as root. After each kill, no process, unit or file of a node may have changed, and either anm
# works as before or none of its runs can act. The same command, run again, must finish.
# Takes 300 s.
MACHINE=killed-$$
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
"$LAB" push "$MACHINE" "$layout/root" /layout
# Wrappers that precede the real programs on root's PATH: they count their calls, and from the nth call on kill wnm before they do anything.
cat >"$layout/deadly" <<'END'
#!/bin/sh
left=$(cat /run/wnm-calls 2>/dev/null) || left=
if [ -n "$left" ]; then
    echo $((left - 1)) >/run/wnm-calls
    if [ "$left" -le 0 ]; then
        pkill -9 -x wnm
        exit 1
    fi
fi
exec "/usr/bin/${0##*/}" "$@"
END
chmod 755 "$layout/deadly"
"$LAB" push "$MACHINE" "$layout/deadly" /usr/local/sbin/cp
rm -r "$layout"
# shellcheck disable=SC2016
as_root sh -e -c '
    systemctl stop cron
    for tool in install mv ln rm sync sha256sum; do ln /usr/local/sbin/cp "/usr/local/sbin/$tool"; done
    cp -r --preserve=mode,timestamps /layout/. /
    for root in /var/antctl/services/antnode* /mnt/ant-data/services/antnode*; do
        cp /home/op/.local/bin/antnode "$root/antnode"
    done
    chown -R op:op /var/antctl
    chown -R ant:ant /var/antctl/services /var/antctl/bootstrap-cache /mnt/ant-data /var/log/antnode
    systemctl daemon-reload
    for node in 001 003 005 0008 0010 0012 0013 0015 0016 1001; do systemctl start "antnode$node"; done'
is "$(running)" 10 'nodes that run'

pids() {
    # shellcheck disable=SC2016
    as_root sh -c 'cd /etc/systemd/system && for unit in antnode*.service; do
        echo "$unit $(systemctl show -p MainPID --value "$unit")"; done'
}
kept() {
    pids
    as_root sh -c 'find /etc/systemd/system /var/antctl/services /var/antctl/config /var/antctl/system /mnt/ant-data -type f \
        -exec /usr/bin/sha256sum {} + | sort'
}
there() { as_root test -e "$1"; }
# The number of calls after which wnm is killed.
dies_after() { as_root sh -c "echo $1 >/run/wnm-calls; chmod 666 /run/wnm-calls"; }
lives() { as_root /usr/bin/rm -f /run/wnm-calls; }
# Kills the run once, unless it finishes before.
killed() {
    local was_killed=yes
    dies_after "$1"
    ! wnm "${@:2}" >"$LOG" 2>&1 || was_killed=
    lives
    is "$(diff <(echo "$before") <(kept))" '' "the nodes after it was killed at call $1"
    is_one_managers "$1"
    [ -n "$was_killed" ]
}
# Either anm has its cron file, or it is blocked. There are never two managers, and never a schedule of wnm without anm's block file.
is_one_managers() {
    if there /etc/cron.d/anm; then
        ! there /etc/cron.d/wnm || fail "two managers after call $1"
    fi
    ! there /etc/cron.d/wnm || there /var/antctl/block || fail "wnm runs and anm may, too, after call $1"
    as_root test -f /var/antctl/config || fail "config is gone after call $1"
}
before=$(kept)
line=$(as_root cat /etc/cron.d/anm)

for nth in 2 12 23 28 34 9 15; do
    killed "$nth" --init --migrate_anm --anm_wait 100 || fail "it was not killed at call $nth"
    tell "killed at call $nth: $(there /etc/cron.d/anm && echo 'anm has its machine' || echo 'anm is silent')"
done
wnm --init --migrate_anm >"$LOG" 2>&1 || fail 'called again after it was killed'
grep -q '14 nodes (10 RUNNING, 3 STOPPED, 1 DISABLED)' "$LOG" || fail 'its account'
is "$(kept)" "$before" 'the nodes'
is "$(ask 'SELECT count(*) FROM node')" 14 'rows'
there /etc/cron.d/wnm || fail 'its schedule'
! there /etc/cron.d/anm || fail 'the cron file of anm is there'
tell 'called again it went on to its end'

for nth in 1 4 8 12 17; do
    killed "$nth" --rollback_anm --confirm || fail "the rollback was not killed at call $nth"
done
wnm --rollback_anm --confirm >"$LOG" 2>&1 || fail 'the rollback, called again'
is "$(kept)" "$before" 'the nodes after the rollback'
is "$(as_root cat /etc/cron.d/anm)" "$line" 'the cron file of anm'
for gone in /etc/cron.d/wnm /var/antctl/block "$DATABASE" /var/lib/wnm/anm.json; do ! there "$gone" || fail "$gone is there"; done
tell PASSED
