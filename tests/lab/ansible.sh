#!/usr/bin/env bash
# Runs the playbook of packaging/ansible on two servers, with a real ansible-playbook over a real ssh. It creates colonies that cron and a
# timer run. A second run changes nothing. A changed inventory changes only the named settings, and check mode shows this before. Nodes
# keep running. Unknown settings and invalid values change nothing.
# Takes 150 s.
MACHINE=ansible-$$
# shellcheck disable=SC2034
PROGRAM=/root/unused
DATABASE=/home/op/.local/share/autonomi/colony.db
. "$(dirname "$0")/story.sh"
for tool in ansible-playbook ssh ssh-keygen; do
    command -v $tool >/dev/null && continue
    echo "SKIPPED: ansible: there is no $tool (Debian: ansible-core, openssh-client)"
    [ "${LAB:-}" = required ] && exit 1
    exit 0
done
TOP=$(realpath "$HERE/../..")
WNM_BINARY=$(realpath "$WNM_BINARY")
ANTNODE_BINARY=$(realpath "$ANTNODE_BINARY")
BOX=$(mktemp -d)
SERVERS=("$MACHINE" "ansible2-$$")
raise
trap 'rm -rf "$LOG" "$BOX"; [ -n "${WNM_LAB_KEEP:-}" ] || for one in "${SERVERS[@]}"; do "$LAB" down "$one"; done' EXIT
(MACHINE=${SERVERS[1]} && "$LAB" up "$MACHINE")
as_root rm -r /home/op/.local

# --- ssh: each connection starts an sshd inside the machine's namespaces, because the machine's network is separate
ssh-keygen -q -t ed25519 -N '' -f "$BOX/key"
for one in "${SERVERS[@]}"; do
    "$LAB" run "$one" install -d -m 700 -o op -g op /home/op/.ssh
    "$LAB" run "$one" sh -c 'cat >/home/op/.ssh/authorized_keys; mkdir -p /run/sshd' <"$BOX/key.pub"
    "$LAB" run "$one" test ! -e /usr/local/bin/wnm
done
export ANSIBLE_CONFIG=$TOP/packaging/ansible/ansible.cfg ANSIBLE_LOCAL_TEMP=$BOX/tmp ANSIBLE_NOCOLOR=1 ANSIBLE_HOME=$BOX/home
export ANSIBLE_STDOUT_CALLBACK=default ANSIBLE_SSH_CONTROL_PATH_DIR=$BOX/cp ANSIBLE_LOCALHOST_WARNING=false
inventory() {
    cat >"$BOX/inventory.yml" <<YAML
all:
  vars:
    ansible_user: op
    ansible_python_interpreter: /usr/bin/python3
    ansible_ssh_private_key_file: $BOX/key
    ansible_ssh_common_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=$BOX/known -o ProxyCommand="$LAB run %h /usr/sbin/sshd -i"
    wnm_rewards_address: faucet
    wnm_process_manager: setsid+user
    wnm_no_upnp: true
    wnm_environment: 'GREETING="good day" LEVEL=3'
    wnm_enable_upgrade: true
    wnm_desired_load_average: 5000
    wnm_max_load_average_allowed: 10000
    wnm_cpu_less_than: 99
    wnm_cpu_remove: 100
    wnm_mem_less_than: 98
    wnm_mem_remove: 99
    wnm_hd_less_than: 98
    wnm_hd_remove: 99
    wnm_delay_start: 4
    wnm_max_concurrent_starts: 2
    wnm_max_concurrent_operations: 2
    wnm_antnode: $ANTNODE_BINARY
    wnm_node_cap: ${cap:-2}
    ${more:-}
  hosts:
    ${SERVERS[0]}:
      ${first:-wnm_binary: $WNM_BINARY}
    ${SERVERS[1]}:
      wnm_binary: $WNM_BINARY
      wnm_schedule: timer
      wnm_port_start: 56
YAML
}
# play CODE FLAGS...: runs the playbook; its output is in $BOX/said, the recap of each server in $BOX/recap.
play() {
    local code=0 wanted=$1
    shift
    inventory
    ansible-playbook -i "$BOX/inventory.yml" "$TOP/packaging/ansible/site.yml" "$@" >"$BOX/said" 2>&1 || code=$?
    if [ "$code" != "$wanted" ]; then
        tail -n 60 "$BOX/said"
        fail "ansible-playbook $* ended with $code, and not $wanted"
    fi
    # `name : ok=12 changed=0 unreachable=0 failed=0 …`
    sed -n 's/^\(ansible[0-9]*-[0-9]*\) *: ok=[0-9]* *changed=\([0-9]*\) *unreachable=\([0-9]*\) *failed=\([0-9]*\).*/\1 \2 \3 \4/p' "$BOX/said" >"$BOX/recap"
    is "$(wc -l <"$BOX/recap")" 2 'servers in the recap'
}
changed() { sed -n "s/^$1 \([0-9]*\) .*/\1/p" "$BOX/recap"; }
# Prints everything on a server that the role could change, and the nodes.
state() {
    "$LAB" run "$1" sh -c 'crontab -l -u op 2>/dev/null; sqlite3 -readonly '"$DATABASE"' .dump 2>/dev/null | grep -v "INSERT INTO .*sample"
        find /home/op/.config /home/op/.local/bin /usr/local /etc/sudoers.d /etc/passwd -type f 2>/dev/null | sort | xargs sha256sum
        pgrep -f -- "[/]antnode .*--root-dir"' || true
}
tell 'two servers are up, with nothing of wnm on them'

before=$(state "$MACHINE")
play 0 --check
is "$(state "$MACHINE")" "$before" 'a server after check mode'
[ "$(changed "$MACHINE")" -gt 1 ] || fail 'check mode says that nothing would change'
play 0
tell 'from nothing to two colonies'
for one in "${SERVERS[@]}"; do
    settings=$("$LAB" as "$one" op /usr/local/bin/wnm -q --report machine-config --json)
    is "$(python3 -c 'import json, sys; c = json.load(sys.stdin)
print(*(c[k] for k in ("node_cap", "no_upnp", "environment", "cpu_remove", "rewards_address")))' <<<"$settings")" \
        '2 True GREETING="good day" LEVEL=3 100 faucet' 'its settings'
done
is "$("$LAB" run "$MACHINE" crontab -l -u op | grep -v '^#')" 'PATH="/usr/local/bin:/usr/bin:/bin"
* * * * * /usr/local/bin/wnm --quiet' 'the crontab of the first'
is "$("$LAB" run "${SERVERS[1]}" sh -c 'crontab -l -u op 2>/dev/null | grep -c wnm' || true)" 0 'lines of cron of the second'
is "$("$LAB" as "${SERVERS[1]}" op systemctl --user is-active wnm.timer)" active 'the timer of the second'
for one in "${SERVERS[@]}"; do
    { "$LAB" as "$one" op /usr/local/bin/wnm --doctor || true; } | grep -qE '^ok +schedule' || fail "the doctor of $one does not see what runs it"
done
play 0
is "$(changed "${SERVERS[0]}") $(changed "${SERVERS[1]}")" '0 0' 'changes the second time'
tell 'done again it changes nothing'

# Each colony grows through its own schedule; the load of the host is hidden from the machines.
each() { local own=$MACHINE one; for one in "${SERVERS[@]}"; do MACHINE=$one; "$@" || { MACHINE=$own; return 1; }; done; MACHINE=$own; }
both_grew() { each minute && each state_is RUNNING 2; }
until_so 300 'cron and the timer grew both colonies to 2' both_grew
"$LAB" run "$MACHINE" sh -c 'crontab -u op -r'
as_other() { "$LAB" as "${SERVERS[1]}" op "$@"; }
as_other systemctl --user stop wnm.timer
until_so 60 'no run is at work' sh -c "! '$LAB' run $MACHINE pgrep -x wnm && ! '$LAB' run ${SERVERS[1]} pgrep -x wnm"
tell 'cron and the timer grew both colonies'

pids() { for one in "${SERVERS[@]}"; do "$LAB" run "$one" pgrep -f -- '[/]antnode .*--root-dir'; done; }
nodes=$(pids)
before=$(state "${SERVERS[1]}")
cap=5 more='wnm_survey_delay: 10' play 0 --check
is "$(changed "${SERVERS[0]}") $(changed "${SERVERS[1]}")" '3 2' 'changes that check mode names: settings, and what runs it'
is "$(state "${SERVERS[1]}")" "$before" 'a server after check mode'
cap=5 more='wnm_survey_delay: 10' play 0
is "$(changed "${SERVERS[0]}") $(changed "${SERVERS[1]}")" '3 2' 'changes: settings, and what runs it'
is "$(comm -23 <(sort <<<"$nodes") <(pids | sort) | xargs)" '' 'nodes that are gone'
as_other systemctl --user stop wnm.timer
"$LAB" run "$MACHINE" sh -c 'crontab -u op -r'
for one in "${SERVERS[@]}"; do
    is "$("$LAB" run "$one" sqlite3 -readonly "$DATABASE" 'SELECT node_cap, survey_delay, port_start FROM machine')" \
        "5|10|$([ "$one" = "$MACHINE" ] && echo 55 || echo 56)" 'the settings that were changed, and one that was not'
done
tell 'what the inventory says anew is all that changes, as check mode said'

before=$(state "$MACHINE")
more='wnm_node_capp: 7' play 2
grep -q 'wnm_node_capp: neither settings of wnm nor variables of the role' "$BOX/said" || fail 'it does not say what is wrong'
is "$(changed "$MACHINE")" 0 'changes'
cap=99999 play 2
grep -q 'node_cap' "$BOX/said" || fail 'it does not name the setting'
more='wnm_rpc_port_start: 31' play 2
grep -q "cannot change .*to .31." "$BOX/said" || fail 'it does not say what is fixed'
is "$(state "$MACHINE")" "$before" 'a server after all that was refused'
tell 'what is no setting, what cannot be and what is fixed change nothing'

# On the first server: the package, and the sudo rights of the operator, which come only from the group.
export DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1
"$TOP/packaging/deb/build" "$WNM_BINARY" "$BOX/wnm.deb" >/dev/null
first="wnm_deb: $BOX/wnm.deb
      wnm_rights: true
      wnm_schedule: none" cap=5 more='wnm_survey_delay: 10' play 0
is "$(as_op /usr/bin/wnm --version)" "$("$WNM_BINARY" --version)" 'the program of the package'
is "$(as_root getent group wnm | cut -d: -f4)" op 'who is in the group wnm'
as_root visudo -cq || fail 'the rights'
is "$(as_root stat -c '%a %U' /etc/sudoers.d/wnm)" '440 root' 'the file of rights'
first="wnm_deb: $BOX/wnm.deb
      wnm_rights: true
      wnm_schedule: none" cap=5 more='wnm_survey_delay: 10' play 0
is "$(changed "$MACHINE")" 0 'changes the second time, with the package'
# Meanwhile the timer of the second server added nodes.
is "$(comm -23 <(sort <<<"$nodes") <(pids | sort) | xargs)" '' 'nodes that are gone after all'
tell 'PASSED'
