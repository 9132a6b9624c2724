# Functions for the scenarios, which source this file. The scenario sets MACHINE first.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=$HERE/lab
BEGUN=$SECONDS

tell() { printf '%s %4ds  %s\n' "${MACHINE%-*}" $((SECONDS - BEGUN)) "$*"; }

fail() {
    tell "FAILED: $*"
    tail -n 12 "$LOG"
    as_root sh -c 'tail -n 12 /home/op/wnm.log; journalctl -q --no-pager -n 30' 2>/dev/null || true
    wnm --report node-status 2>&1 || true
    exit 1
}

as_root() { "$LAB" run "$MACHINE" "$@"; }
as_op() { "$LAB" as "$MACHINE" op "$@"; }

# Runs wnm in the operator's login shell.
wnm() { as_op wnm "$@"; }

# Changes wnm's last sample: it is one minute old, and the CPUs were idle since then. The machine sees the CPU counters of the
# host, and the load of the host must not affect the scenario.
minute() {
    as_op sqlite3 -cmd '.timeout 5000' "$DATABASE" "UPDATE sample SET counted_ms = (unixepoch() - 60) * 1000,
        cpu_total = cpu_total - 6000, cpu_idle = cpu_idle - 6000
        WHERE id = (SELECT max(id) FROM sample) AND cpu_idle > 6000"
}

# calm CMD...: runs the command as if the CPUs were idle, whatever the load of the host is.
calm() {
    [ $((SECONDS % 5)) != 0 ] || minute
    "$@"
}

# Runs one cycle in cron's environment.
cycle() { minute; "$LAB" cron "$MACHINE" op "$PROGRAM" "$@" >>"$LOG" 2>&1 || fail "wnm $* ended with $?: $(tail -n 5 "$LOG")"; }

# Boots a machine with wnm in PROGRAM and antnode 0.4.17 in the operator's ~/.local/bin.
raise() {
    LOG=$(mktemp)
    trap 'rm -f "$LOG"; [ -n "${WNM_LAB_KEEP:-}" ] || "$LAB" down "$MACHINE"' EXIT
    "$LAB" up "$MACHINE"
    as_root install -d -o op -g op /home/op/.local /home/op/.local/bin
    "$LAB" push "$MACHINE" "$WNM_BINARY" "$PROGRAM"
    [ "${PROGRAM#/home/op/}" = "$PROGRAM" ] || as_root chown op:op "$PROGRAM"
    new_antnode 0.4.17
    tell "the machine is up"
}

# Installs another version of antnode as an operator does, with a temporary file and a rename. A real antnode has its own version.
new_antnode() {
    local copy
    copy=$(mktemp)
    cp "${ANTNODE_BINARY:?}" "$copy"
    [ -n "${ANTNODE_IS_REAL:-}" ] || printf 'antnode-version:%s' "$1" >>"$copy"
    chmod 755 "$copy"
    "$LAB" push "$MACHINE" "$copy" /home/op/.local/bin/antnode.new
    rm -f "$copy"
    as_root chown op:op /home/op/.local/bin/antnode.new
    as_root mv /home/op/.local/bin/antnode.new /home/op/.local/bin/antnode
}

# Adds a line to the operator's crontab, and removes it.
cron_on() { printf '%s\n' "$1" | as_op crontab -; }
cron_off() {
    as_op crontab -r
    # A run that cron has just started may still be active.
    until_so 30 'no run is at work' sh -c "! '$LAB' run $MACHINE pgrep -x wnm >/dev/null"
}

# Queries the database as the operator.
ask() { as_root sqlite3 -readonly -cmd '.timeout 5000' "$DATABASE" "$1"; }
in_state() { ask "SELECT count(*) FROM node WHERE status = '$1'"; }

# Lists the node processes of all accounts, found by their command lines.
running() { as_root sh -c "pgrep -cf -- '[/]antnode .*--root-dir' || true"; }

is() { [ "$1" = "$2" ] || fail "$3: $1, and not $2"; }

# Waits until the command succeeds.
until_so() {
    local limit=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $limit ] || fail "never came true: $what"
        sleep 1
    done
}

# Runs cycles, a second apart, until the command succeeds.
cycles_until() {
    local limit=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $limit ] || fail "never came true: $what"
        cycle
        [ -z "${EACH:-}" ] || $EACH
        sleep 1
    done
}

state_is() { [ "$(in_state "$1")" = "$2" ]; }
version_is() { [ "$(ask "SELECT count(*) FROM node WHERE version = '$1' AND status = 'RUNNING'")" = "$2" ]; }

# Limits that the load of the host does not reach.
LIMITS="--cpu_less_than 99 --cpu_remove 100 --mem_less_than 98 --mem_remove 99 --hd_less_than 98 --hd_remove 99
 --desired_load_average 5000 --max_load_average_allowed 10000 --delay_start 4 --delay_upgrade 4 --delay_remove 4"

# Checks that rows, processes and services are consistent.
agree() {
    is "$(running)" "$(ask "SELECT count(*) FROM node WHERE status IN ('RUNNING','RESTARTING','UPGRADING')")" 'processes and rows'
    is "$(ask 'SELECT count(*) FROM intent')" 0 'intents left'
}
