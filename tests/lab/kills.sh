#!/usr/bin/env bash
# Kills wnm at random moments of an add, an upgrade and a removal, alone or with all its child processes, under a real systemd.
# After a clean cycle, units, rows, processes and ufw rules must be consistent, and no identity may be lost.
# It kills 12 runs under each manager, N with WNM_KILLS=N, and 500 with WNM_STRESS=full. `tests/lab/kills.sh KIND…`
# runs only these managers.
# Takes 90 s.
MACHINE=kills-$$
PROGRAM=/usr/local/bin/wnm
. "$(dirname "$0")/story.sh"
raise
as_root ufw --force enable >/dev/null
TIMES=${WNM_KILLS:-12}
[ "${WNM_STRESS:-}" != full ] || TIMES=500

# Runs wnm in the background of the machine, and kills it, or its whole process group, after some milliseconds.
killed_after() {
    local after=$1 whom=$2
    shift 2
    as_op setsid --wait bash -c '
        after=$1 whom=$2
        shift 2
        set -m
        wnm "$@" >/dev/null 2>&1 &
        pid=$!
        sleep "$after"
        if [ "$whom" = group ]; then kill -9 -- -$pid; else kill -9 $pid; fi 2>/dev/null
        wait $pid 2>/dev/null
        [ $? = 137 ]' bash "$after" "$whom" "$@" 2>/dev/null
}

manager() { case $KIND in *+user) as_op systemctl --user "$@" ;; *) as_root systemctl "$@" ;; esac; }
folders() { as_root find "$STORAGE" -mindepth 1 -maxdepth 1 -name 'antnode*' -printf '%f\n' | sort; }
units() { as_root find "$UNITS" -mindepth 1 -maxdepth 1 -name 'antnode*.service' -printf '%f\n' | sed 's/\.service$//' | sort; }
keys() { as_root sh -c "cd '$STORAGE' && sha256sum antnode*/secret-key 2>/dev/null" || true; }

# Checks the state after a clean cycle; $1 contains the identities that must still exist.
whole() {
    local rows pid
    rows=$(ask "SELECT 'antnode' || printf('%04d', id) FROM node ORDER BY id")
    is "$(folders)" "$rows" "$KIND: $HOW: folders and rows"
    is "$(units)" "$rows" "$KIND: $HOW: units and rows"
    is "$(ask 'SELECT count(*) FROM intent')" 0 "$KIND: $HOW: intents left"
    is "$(ask 'PRAGMA integrity_check')" ok "$KIND: $HOW: the database"
    is "$(ask 'SELECT count(*) FROM (SELECT port p FROM node UNION ALL SELECT metrics_port FROM node UNION ALL SELECT rpc_port FROM node) GROUP BY p HAVING count(*) > 1' | wc -l)" 0 "$KIND: $HOW: ports twice"
    # Each unit has only one node process, its main process.
    for pid in $(as_root sh -c "pgrep -f -- '[/]antnode .*--root-dir' || true"); do
        as_root grep -q 'antnode[0-9]*\.service' "/proc/$pid/cgroup" || fail "$KIND: $HOW: process $pid is in no unit"
    done
    is "$(running)" "$(manager list-units --plain --no-legend --state=running 'antnode*' | wc -l)" "$KIND: $HOW: processes and units"
    is "$(manager show --property=NeedDaemonReload --value 'antnode*' | grep -c yes || true)" 0 "$KIND: $HOW: units that systemd was not told of"
    is "$(as_root sh -c "find '$UNITS' '$STORAGE' '$BIN' \\( -name '.*.new' -o -name '.*.old' -o -name '.antnode.*' \\) | wc -l")" 0 "$KIND: $HOW: halves"
    is "$(as_root sh -c "cd '$STORAGE' && for one in antnode*/antnode; do [ -e \"\$one\" ] && ! \"\$one\" --version >/dev/null && echo \"\$one\"; done; true")" '' "$KIND: $HOW: antnodes that are not whole"
    if [ "$KIND" = systemd+sudo ]; then
        # One rule for all nodes; none without nodes.
        is "$(as_root ufw show added | grep -c 'comment .wnm.' || true)" "$([ -n "$rows" ] && echo 1 || echo 0)" "$KIND: $HOW: rules"
    fi
    [ -z "$1" ] || is "$(keys | grep -cFx "$1" || true)" "$(wc -l <<<"$1")" "$KIND: $HOW: identities"
}

play() {
    KIND=$1
    case $KIND in
        *+sudo) DATABASE=/var/antctl/colony.db STORAGE=/var/antctl/services UNITS=/etc/systemd/system BIN=/var/antctl/bin ;;
        *) DATABASE=/home/op/.local/share/autonomi/colony.db STORAGE=/home/op/.local/share/autonomi/node
           UNITS=/home/op/.config/systemd/user BIN=/home/op/.local/share/autonomi/bin ;;
    esac
    new_antnode 0.4.17
    # shellcheck disable=SC2086
    wnm --init --rewards_address faucet --process_manager "$KIND" --node_cap 2 $LIMITS --delay_start 0 --delay_upgrade 0 \
        --delay_remove 0 --max_concurrent_starts 2 --max_concurrent_operations 2 >/dev/null 2>&1 || fail "$KIND: no colony"
    wnm --force_action survey >/dev/null
    cycles_until 60 "$KIND: two run" state_is RUNNING 2
    local nth=0 version=17 killed=0 before after whom
    # The time limit of a kill in ms. It adapts to the speed of the machine: shorter if the run finished before, longer if not.
    local order ms within=(400 700 700)
    while [ $killed -lt "$TIMES" ]; do
        nth=$((nth + 1))
        [ $nth -le $((TIMES * 4)) ] || fail "$KIND: only $killed of $((nth - 1)) were killed"
        as_op sqlite3 -cmd '.timeout 5000' "$DATABASE" 'UPDATE node SET retry_at = NULL'
        before=$(keys)
        order=$((nth % 3))
        case $order in
            0) set -- --force_action remove; before='' ;;
            1) cycles_until 60 "$KIND: two run" state_is RUNNING 2
               version=$((version + 1)); new_antnode "0.4.$version"; set -- --force_action upgrade ;;
            2) if [ "$(ask 'SELECT count(*) FROM node')" -gt 0 ]; then
                   wnm --force_action remove >>"$LOG" 2>&1 || fail "$KIND: a removal that nobody disturbs"
               fi
               before=$(keys); set -- --force_action add ;;
        esac
        ms=$((RANDOM % within[order] + 1))
        after=$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))
        whom=alone
        [ $((RANDOM % 2)) = 0 ] || whom=group
        HOW="$2 killed after $after s, $whom"
        if killed_after "$after" "$whom" "$@"; then
            killed=$((killed + 1)) within[order]=$((within[order] * 21 / 20 + 1))
        else
            within[order]=$ms
        fi
        cycle
        whole "$before"
    done
    tell "$KIND: killed at $killed of $nth moments, and whole after each"
    wnm --force_action teardown --confirm >/dev/null || fail "$KIND: no teardown"
    is "$(running) $(units | wc -l) $(folders | wc -l)" '0 0 0' "$KIND: processes, units and folders after the teardown"
    as_root sh -c "rm -f $DATABASE*"
}

kinds=("$@")
[ $# -gt 0 ] || kinds=(systemd+user systemd+sudo)
for kind in "${kinds[@]}"; do play "$kind"; done
tell "PASSED"
