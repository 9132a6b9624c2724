#!/usr/bin/env bash
# Takes over colonies of the Python wnm, under systemd with sudo and under systemd --user, with its units and
# databases of two of its releases. No node may restart. After ten cycles stopped nodes start,
# nodes are upgraded, removed and added, and the Python wnm can use its database again.
#
# If WNM_LAB_PEER names a directory with a Python wnm (a program `wnm` and its dependencies), that program creates
# the colony under sudo in place of the functions below, and reads the database again at the end.
# Takes 100 s.
MACHINE=python-$$
PROGRAM=/usr/local/bin/wnm
. "$(dirname "$0")/story.sh"
raise
as_root ufw --force enable >/dev/null
PEER=${WNM_LAB_PEER:+/opt/wnm-peer/wnm}
[ -z "$PEER" ] || "$LAB" push "$MACHINE" "$WNM_LAB_PEER" "${PEER%/wnm}"

WALLET=0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a
ADOPT='--force_action wnm-db-migration --confirm'

place() {
    MODE=$1
    case $MODE in
        sudo)
            DATABASE=/var/antctl/colony.db STORAGE=/var/antctl/services LOGS=/var/log/antnode CACHE=/var/antctl/bootstrap-cache
            UNITS=/etc/systemd/system USER_OF=ant PORTS=55 METRICS=13 REVISION=e2f4a512d24c MANAGER=systemd+sudo ;;
        user)
            DATABASE=/home/op/.local/share/autonomi/colony.db BASE=/home/op/.local/share/autonomi
            STORAGE=$BASE/node LOGS=$BASE/logs CACHE=$BASE/bootstrap-cache
            UNITS=/home/op/.config/systemd/user USER_OF=op PORTS=56 METRICS=14 REVISION=eeec2af7114c_nov6 MANAGER=systemd ;;
    esac
}

# Prints the unit of a node exactly as the Python wnm writes it.
unit() {
    local root=$STORAGE/antnode000$1 upnp='' user='' variables='Environment="RUST_LOG=info"'
    [ "$MODE" = user ] && upnp=' --no-upnp'
    [ "$MODE" = sudo ] && user='User=ant' variables=''
    printf '%s\n' '[Unit]' "Description=antnode000$1" '[Service]' "$variables" "$user" \
        "ExecStart=$root/antnode --bootstrap-cache-dir $CACHE --root-dir $root --port ${PORTS}00$1 --enable-metrics-server --metrics-server-port ${METRICS}00$1 --log-output-dest $LOGS/antnode000$1 --max-log-files 1 --max-archived-log-files 1$upnp --rewards-address $WALLET evm-arbitrum-one" \
        'Restart=always' '#RestartSec=300'
}

# Creates directories, units and processes of four nodes as the Python wnm does; the last node is stopped.
lay_nodes() {
    local id
    for id in 1 2 3 4; do
        unit $id | as_root sh -e -c "
            mkdir -p '$STORAGE/antnode000$id' '$LOGS/antnode000$id' '$CACHE' '$UNITS'
            cp /home/op/.local/bin/antnode '$STORAGE/antnode000$id'
            cat >'$UNITS/antnode000$id.service'"
    done
    as_root chown -R "$USER_OF:$USER_OF" "$STORAGE" "$LOGS" "$CACHE"
    if [ "$MODE" = sudo ]; then
        as_root chown op:op /var/antctl
        as_root sh -e -c 'systemctl daemon-reload; for id in 1 2 3 4; do systemctl start antnode000$id; done
            for id in 1 2 3; do ufw allow 5500$id/udp comment antnode000$id; done >/dev/null'
        sleep 2
        as_root systemctl stop antnode0004
    else
        as_root chown -R op:op /home/op/.local /home/op/.config
        as_op sh -e -c 'systemctl --user daemon-reload; systemctl --user start antnode0001 antnode0002 antnode0003 antnode0004'
        sleep 2
        as_op systemctl --user stop antnode0004
    fi
}

# Creates its database with the tables of that release and rows as it writes them. A memory limit of 0 prevents all starts.
lay_database() {
    local id status sql
    sql=$(mktemp)
    grep -v '^INSERT INTO "\(machine\|node\|container\)"' "$HERE/../databases/$REVISION.sql" >"$sql"
    {
        # Tables of older releases lack the columns of later ones.
        local more='' values=''
        [ "$MODE" = user ] || { more=', delay_restart, survey_delay, action_delay, rpc_port_start, highest_node_id_used,
            max_concurrent_operations, max_node_per_container, min_container_count, docker_image, no_upnp, antnode_path,
            antctl_path, antctl_debug'
            values=", 600, 0, 0, 30, NULL, 1, 200, 1, 'iweave/antnode:latest', 0, '~/.local/bin/antnode', '~/.local/bin/antctl', 0"; }
        echo "INSERT INTO machine (id, cpu_count, node_cap, cpu_less_than, mem_less_than, hd_less_than, hdio_read_less_than,
            hdio_write_less_than, netio_read_less_than, netio_write_less_than, cpu_remove, mem_remove, hd_remove,
            hdio_read_remove, hdio_write_remove, netio_read_remove, netio_write_remove, max_load_average_allowed,
            desired_load_average, delay_start, delay_upgrade, delay_remove, node_storage, rewards_address, donate_address,
            port_start, metrics_port_start, last_stopped_at, host, crisis_bytes, environment, start_args,
            max_concurrent_upgrades, max_concurrent_starts, max_concurrent_removals, node_removal_strategy,
            process_manager$more)
            VALUES (1, 2, 4, 99, 0, 98, 0, 0, 0, 0, 100, 99, 99, 0, 0, 0, 0, 10000.0, 5000.0, 4, 4, 4, '$STORAGE',
            '$WALLET', '0x00455d78f850b0358E8cea5be24d415E01E107CF', $PORTS, $METRICS, $(date +%s), '127.0.0.1', 2000000000,
            '', '', 1, 1, 1, 'youngest', '$MANAGER'$values);"
        more='' values=''
        [ "$MODE" = user ] || { more=', log_dir, rpc_port, gets, puts, mem, cpu, open_connections, total_peers, bad_peers,
            rel_records, max_records, rewards, payment_count, live_time, network_size'; }
        for id in 1 2 3 4; do
            status=RUNNING
            [ $id = 4 ] && status=STOPPED
            [ "$MODE" = user ] || values=", NULL, 3000$id, 0, 0, 0, 0, 0, 0, 0, 0, 0, '0', 0, 0, 0"
            echo "INSERT INTO node (id, machine_id, container_id, manager_type, node_name, service, user, binary, version,
                root_dir, port, metrics_port, network, wallet, peer_id, status, timestamp, records, uptime, shunned,
                connected_peers, age, host, method, layout, environment$more)
                VALUES ($id, 1, NULL, '$MANAGER', '000$id', 'antnode000$id.service', 'ant', '$STORAGE/antnode000$id/antnode',
                '0.4.17', '$STORAGE/antnode000$id', ${PORTS}00$id, ${METRICS}00$id, 'evm-arbitrum-one', '$WALLET', '', '$status',
                unixepoch(), 0, 0, 0, 0, unixepoch() - 86400 + $id, '127.0.0.1', '$MANAGER', '1', ''$values);"
        done
    } >>"$sql"
    as_op sqlite3 "$DATABASE" <"$sql" || fail 'its database could not be laid'
    rm "$sql"
}

# The Python wnm itself creates the colony.
peer_makes() {
    # It leaves the directory to root, but needs write access itself.
    as_root install -d -o op -g op /var/antctl
    peer --init --rewards_address "$WALLET" --process_manager systemd+sudo --node_cap 4 --cpu_less_than 99 --cpu_remove 100 \
        --mem_less_than 0 --mem_remove 99 --hd_less_than 98 --hd_remove 99 --desired_load_average 5000 \
        --max_load_average_allowed 10000 --delay_start 4 --delay_upgrade 4 --delay_remove 4 >"$LOG" 2>&1 || fail 'the peer makes no colony'
    peer --force_action add --count 4 >"$LOG" 2>&1 || fail 'the peer adds no nodes'
    sleep 2
    peer --force_action stop --service_name antnode0004 >"$LOG" 2>&1 || fail 'the peer stops no node'
    peer --force_action survey >"$LOG" 2>&1 || fail 'the peer asks no node'
}
peer() { as_op "$PEER" "$@"; }

ctl() { if [ "$MODE" = sudo ]; then as_root systemctl "$@"; else as_op systemctl --user "$@"; fi; }
pids() {
    local id
    for id in 1 2 3 4 5; do echo "antnode000$id $(ctl show -p MainPID --value "antnode000$id")"; done | grep -v ' 0$'
}
units() { as_root sh -c "cd $UNITS && sha256sum antnode*.service"; }
keys() { as_root sh -c "cd $STORAGE && sha256sum antnode*/secret-key"; }
rules() { as_root ufw status | grep -E '^5[56][0-9]{3}(:[0-9]+)?/udp' || true; }
# Whether the only rule is a range, for IPv4 and IPv6.
has_range() { [ "$(rules | wc -l)" = 2 ] && [ "$(rules | grep -c '^55001:')" = 2 ]; }
# Prints what must not change; the mode of a manager may be added to its name.
rows() {
    as_root sqlite3 -readonly "$DATABASE" "SELECT id, node_name, service, user, binary, version, root_dir, port, metrics_port,
        network, wallet, age, host, layout, environment, substr(manager_type, 1, 7) FROM node ORDER BY id;
        SELECT node_cap, cpu_less_than, mem_remove, delay_start, delay_upgrade, node_storage, rewards_address, donate_address,
        port_start, metrics_port_start, crisis_bytes, max_concurrent_starts, node_removal_strategy FROM machine"
}
dumped() { as_root sqlite3 -readonly "$1" .dump; }
files_of() { as_root sh -c "ls -d $UNITS/antnode000$1* $STORAGE/antnode000$1 $LOGS/antnode000$1 2>/dev/null | wc -l"; }

play() {
    place "$1"
    if [ "$MODE" = sudo ] && [ -n "$PEER" ]; then
        peer_makes
        is "$(as_root cat "$UNITS/antnode0002.service")" "$(unit 2)" 'the unit as the peer writes it'
    else
        lay_nodes
        lay_database
    fi
    until_so 20 'three run' sh -c "[ \$('$LAB' run $MACHINE pgrep -cf -- '[/]antnode .*--root-dir') = 3 ]"
    local before original
    before=$(pids; units; keys)
    original=$(dumped "$DATABASE")
    local kept
    kept=$(rows)

    ! wnm >"$LOG" 2>&1 || fail "$MODE: it did not refuse the database"
    grep -qF "run \`wnm $ADOPT\`" "$LOG" || fail "$MODE: what it says of the database"
    is "$(dumped "$DATABASE")" "$original" "$MODE: the database that was refused"
    # shellcheck disable=SC2086
    wnm $ADOPT >"$LOG" 2>&1 || fail "$MODE: it was not adopted"
    is "$(rows)" "$kept" "$MODE: settings and rows"
    is "$(ask "SELECT DISTINCT manager_type FROM node")" "systemd+$MODE" "$MODE: the manager of the nodes"
    local copy
    copy=$(as_root sh -c "ls $DATABASE.*.bak")
    is "$(dumped "$copy")" "$original" "$MODE: the copy"
    tell "$MODE: a database of $REVISION was adopted"

    for _ in 1 2 3 4 5 6 7 8 9 10; do cycle; done
    is "$(pids; units; keys)" "$before" "$MODE: processes, units and identities after ten cycles"
    [ "$MODE" = user ] || has_range || fail "the range in place of single rules: $(rules)"
    is "$(rows)" "$kept" "$MODE: settings and rows after ten cycles"
    is "$(in_state RUNNING) $(in_state STOPPED)" '3 1' "$MODE: nodes that run, and that are stopped"
    is "$(ask "SELECT count(*) FROM node WHERE status = 'RUNNING' AND peer_id LIKE '12D3%' AND uptime > 0")" 3 "$MODE: rows that say how nodes are"
    agree
    tell "$MODE: ten cycles, and no node noticed"

    cycle --mem_less_than 98
    cycles_until 60 "$MODE: the stopped one runs" state_is RUNNING 4
    is "$(pids | grep -Fxf <(echo "$before") | wc -l)" 3 "$MODE: processes that are those from before"
    [ "$MODE" = user ] || has_range || fail "the range for the one that was started: $(rules)"
    new_antnode 0.4.18
    cycles_until 120 "$MODE: all are upgraded" version_is 0.4.18 4
    is "$(units)" "$(grep '\.service$' <<<"$before")" "$MODE: units after the upgrade"
    is "$(keys | head -n 3)" "$(grep -E 'antnode000[123]/secret-key$' <<<"$before")" "$MODE: identities after the upgrade"
    agree
    wnm --force_action remove --service_name antnode0002 >"$LOG" 2>&1 || fail "$MODE: it was not removed"
    is "$(files_of 2)" 0 "$MODE: what is left of a node that was removed"
    [ "$MODE" = user ] || ! rules | grep -q 55002/udp || fail 'its rule is left'
    local added
    nodes_run_again() { state_is RUNNING 4; }
    cycles_until 60 "$MODE: another takes its place" nodes_run_again
    added=$(ask "SELECT max(id) FROM node WHERE id NOT IN (1, 3, 4)")
    as_root grep -q '^ExecStart=' "$UNITS/antnode000$added.service" || fail "$MODE: its unit"
    is "$(units | grep -E "antnode000[134].service$")" "$(grep -E 'antnode000[134].service$' <<<"$before")" "$MODE: units of the others"
    agree
    tell "$MODE: one started, all upgraded, one removed, node $added added"

    wnm --remove_lockfile >/dev/null 2>&1
    is "$(ask 'SELECT version_num FROM alembic_version')" e2f4a512d24c "$MODE: the release it says it is of"
    if [ "$MODE" = sudo ] && [ -n "$PEER" ]; then
        before=$(pids; units; keys)
        peer --report node-status >"$LOG" 2>&1 || fail 'the peer does not read the database'
        is "$(grep -c 'antnode000.*RUNNING' "$LOG")" 4 'nodes that the peer believes to run'
        peer --force_action survey >"$LOG" 2>&1 || fail 'the peer asks no node'
        peer >"$LOG" 2>&1 || fail 'the peer does nothing'
        is "$(pids; units; keys)" "$before" 'processes, units and identities under the peer'
        peer --force_action stop --service_name antnode0003 >"$LOG" 2>&1 || fail 'the peer stops no node'
        is "$(pids | grep -c antnode0003 || true)" 0 'the process of a node that the peer stopped'
        is "$(ask "SELECT status FROM node WHERE id = 3")" STOPPED 'the row of a node that the peer stopped'
        cycles_until 60 'it runs again' state_is RUNNING 4
        tell "the Python wnm worked on the adopted database, and gave it back"
    fi
    wnm --force_action teardown --confirm >/dev/null 2>&1
    is "$(running)" 0 "$MODE: processes after teardown"
    is "$(files_of '*')" 0 "$MODE: files after teardown"
    is "$(rules)" '' "$MODE: rules after teardown"
    as_root sh -c "rm -f $DATABASE*"
    new_antnode 0.4.17
}

for mode in sudo user; do play $mode; done
tell "PASSED"
