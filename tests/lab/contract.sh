#!/usr/bin/env bash
# Checks the rules of tests/contract for every process manager with a real systemd, real sudo and real accounts: actions can be repeated,
# actions of killed runs are finished or undone, unusual arguments are passed unchanged, a lost database is rebuilt row by
# row, and all files have the right owner. `tests/lab/contract.sh KIND…` runs only these managers.
# Takes 170 s.
MACHINE=contract-$$
PROGRAM=/usr/local/bin/wnm
. "$(dirname "$0")/story.sh"
raise
# The lab has no macOS: launchd is simulated here; sudo and the account `ant` are real.
"$LAB" push "$MACHINE" "$(dirname "$ANTNODE_BINARY")/launchctl" /usr/local/bin/launchctl

order() { wnm --force_action "$@" >/dev/null 2>&1 || fail "$KIND: $* ended with $?: $(wnm --force_action "$@" 2>&1 | tail -n 3)"; }
write() { as_op sqlite3 -cmd '.timeout 5000' "$DATABASE" "$1"; }
pid_of() { as_root pgrep -f "[a]ntnode000$1/antnode .*--root-dir" || true; }
all_run() { cycles_until 60 "$KIND: $1 run" state_is RUNNING "$1"; }
# Prints the unfinished actions of a killed run.
had_begun() { write "INSERT INTO intent (at, run, action, node, detail) SELECT unixepoch(), 'killed', '$1', id, '{}' FROM node WHERE $2"; }
service() {
    case $KIND in
        systemd+user) echo "/home/op/.config/systemd/user/antnode000$1.service" ;;
        systemd+sudo) echo "/etc/systemd/system/antnode000$1.service" ;;
        launchd+sudo) echo "/Library/LaunchDaemons/com.autonomi.antnode-$1.plist" ;;
        setsid+sudo) echo "$STORAGE/antnode000$1/node.command" ;;
    esac
}
# All columns of a row, except those that only a running node can report and those that contain the current time.
rows() {
    ask "SELECT id, manager_type, node_name, service, user, binary, version, root_dir, log_dir, port, metrics_port, rpc_port,
        network, wallet, host, method, layout, environment, start_args, status FROM node ORDER BY id"
}
owner() { as_root stat -c %U -- "$1"; }

play() {
    KIND=$1
    case $KIND in
        *+sudo) DATABASE=/var/antctl/colony.db STORAGE='/srv/my nodes 50%' USER_OF=ant LOGS=/var/log/antnode ;;
        *) DATABASE=/home/op/.local/share/autonomi/colony.db STORAGE='/home/op/my nodes 50%' USER_OF=op
           LOGS=/home/op/.local/share/autonomi/logs ;;
    esac
    # shellcheck disable=SC2086
    wnm --init --rewards_address faucet --process_manager "$KIND" --firewall null --node_cap 4 --no_upnp $LIMITS \
        --delay_start 0 --delay_upgrade 0 --delay_remove 0 --node_storage "$STORAGE" --max_concurrent_operations 9 \
        --max_concurrent_starts 9 --environment "GREETING='50% of \$HOME; {x} \`y\`' B='it'\\''s \"so\"' EMPTY=" \
        --start_args "--local --bootstrap-cache-dir '/tmp/50% \"of\" \$HOME; it'\\''s'" >/dev/null 2>&1 || fail "$KIND: no colony"
    wnm --force_action survey >/dev/null
    order add --count 4
    all_run 4
    agree

    local pid words
    pid=$(pid_of 1)
    words=$(as_root sh -c "tr '\\0' '\\n' </proc/$pid/cmdline")
    grep -qxF -- "/tmp/50% \"of\" \$HOME; it's" <<<"$words" || fail "$KIND: the node was told $words"
    grep -qxF -- "$STORAGE/antnode0001" <<<"$words" || fail "$KIND: the node was told $words"
    words=$(as_root sh -c "tr '\\0' '\\n' </proc/$pid/environ")
    for word in "GREETING=50% of \$HOME; {x} \`y\`" "B=it's \"so\"" EMPTY=; do
        grep -qxF -- "$word" <<<"$words" || fail "$KIND: no variable $word in $words"
    done
    is "$(as_root ps -o user= -p "$pid")" "$USER_OF" "$KIND: the account the node runs as"
    is "$(owner "$STORAGE/antnode0001/secret-key") $(owner "$LOGS/antnode0001")" "$USER_OF $USER_OF" "$KIND: owners of identity and logs"
    case $KIND in *+sudo) is "$(owner "$(service 1)") $(owner "$STORAGE/antnode0001/antnode")" 'root root' "$KIND: owners of service and program" ;; esac

    write "UPDATE node SET status = 'STOPPED' WHERE id = 1"
    order start --service_name 1
    is "$(pid_of 1)" "$pid" "$KIND: the process after a second start"
    for _ in 1 2; do
        write "UPDATE node SET status = 'RUNNING' WHERE id = 1"
        order stop --service_name 1
        is "$(pid_of 1)" '' "$KIND: the process after a stop"
    done
    order start --service_name 1
    all_run 4
    new_antnode 0.4.18
    order upgrade --service_name 1
    pid=$(pid_of 1)
    write "UPDATE node SET version = '0.4.17', status = 'RUNNING' WHERE id = 1"
    order upgrade --service_name 1
    is "$(pid_of 1)" "$pid" "$KIND: the process after a second upgrade"
    cycles_until 60 "$KIND: all are upgraded" version_is 0.4.18 4
    tell "$KIND: odd words arrive, and twice is once"

    # Adds that were killed after the row, after the directories, after the binary, and before the start.
    for id in 1 2 3 4; do order stop --service_name $id; done
    as_root sh -c "cd '$STORAGE' && rm -rf antnode0001 '$LOGS/antnode0001' && for id in 2 3 4; do
        find antnode000\$id -mindepth 1 ! -name antnode ! -name node.command -delete; done; rm antnode0002/antnode"
    for id in 1 2 3; do as_root rm -f "$(service $id)"; done
    write "UPDATE node SET status = 'RESTARTING', timestamp = unixepoch()"
    had_begun add 'id > 0'
    all_run 4
    agree
    # A stop and an upgrade that were killed.
    write "UPDATE node SET version = '0.4.17' WHERE id = 3"
    had_begun stop 'id = 2'
    had_begun upgrade 'id = 3'
    wnm --force_action survey >/dev/null
    is "$(in_state STOPPED) $(running)" '1 3' "$KIND: nodes stopped and processes"
    tell "$KIND: what killed runs left was made whole"

    local before
    before=$(rows)
    as_root sh -c "rm -f $DATABASE*"
    # shellcheck disable=SC2086
    wnm --init --import --process_manager "$KIND" --firewall null $LIMITS \
        --delay_start 0 --delay_upgrade 0 --delay_remove 0 --node_cap 4 --node_storage "$STORAGE" >/dev/null 2>&1 ||
        fail "$KIND: no import"
    is "$(rows)" "$before" "$KIND: rows of the new database"
    is "$(running)" 3 "$KIND: processes after the import"
    all_run 4
    tell "$KIND: a lost database was rebuilt row for row"

    # Removals that were killed before the first change, after the service, after the logs, and after the directory.
    for id in 2 3 4; do order stop --service_name $id; as_root rm -f "$(service $id)"; done
    as_root rm -rf "$LOGS/antnode0003" "$LOGS/antnode0004" "$STORAGE/antnode0004"
    had_begun remove 'id > 0'
    wnm --force_action survey >/dev/null
    is "$(ask 'SELECT count(*) FROM node') $(running)" '0 0' "$KIND: rows and processes after the removals"
    is "$(as_root sh -c "find '$STORAGE' $LOGS -mindepth 1 -name '*antnode*' | wc -l")" 0 "$KIND: folders after the removals"
    is "$(as_root sh -c "ls /etc/systemd/system /home/op/.config/systemd/user /Library/LaunchDaemons 2>/dev/null | grep -c antnode || true")" 0 "$KIND: services after the removals"
    as_root sh -c "rm -rf $DATABASE* '$STORAGE'"
    new_antnode 0.4.17
    tell "$KIND: what killed removals left is gone"
}

kinds=("$@")
[ $# -gt 0 ] || kinds=(systemd+user systemd+sudo setsid+sudo launchd+sudo)
for kind in "${kinds[@]}"; do play "$kind"; done
tell "PASSED"
