#!/usr/bin/env bash
# Runs a colony of an operator with sudo, as system units, with an active ufw. Cron grows the colony to 5 nodes with a firewall
# rule. After a node is killed and its unit broken, wnm repairs both. After the cap is lowered, the rule has fewer ports.
# Takes 330 s.
MACHINE=sudo-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/var/antctl/colony.db
. "$(dirname "$0")/story.sh"
raise
"$LAB" push "$MACHINE" "$HERE/../../packaging/sudoers-strict" /etc/sudoers.d/wnm
as_root sh -c 'chmod 440 /etc/sudoers.d/wnm && rm /etc/sudoers.d/op && groupadd wnm && usermod -aG wnm op'
as_root visudo -cq || fail 'visudo does not take packaging/sudoers-strict'
as_op sudo -n true 2>/dev/null && fail 'sudo lets the operator do what he likes'
as_root ufw --force enable >/dev/null

# Commands that are similar to the allowed ones: sudo must reject them without asking for a password.
while IFS= read -r escape; do
    eval "words=($escape)"
    # shellcheck disable=SC2154
    ! as_op sudo -n -l "${words[@]}" >/dev/null 2>&1 || fail "sudo would run $escape"
done <<'ESCAPES'
/usr/bin/cp -P --reflink=never -T -- /etc/shadow /var/antctl/bin/.antnode-1.new
/usr/bin/cp -P --reflink=never -T -- /home/op/antnode /etc/shadow /var/antctl/bin/.antnode-1.new
/usr/bin/cp -P --reflink=never -T -- /home/op/antnode /var/antctl/bin/../../etc/.antnode-1.new
/usr/bin/install -m 0644 -- /dev/stdin /etc/systemd/system/ssh.service
/usr/bin/install -m 0644 -- /dev/stdin /etc/systemd/system/.antnode1.service.new /etc/passwd
/usr/bin/install -m 0644 -- /dev/stdin $'/etc/systemd/system/.antnode1.service.new\n/etc/passwd'
/usr/bin/install -m 4755 -- /dev/stdin /etc/systemd/system/.antnode1.service.new
/usr/bin/install -d -m 0755 -o op -g 0 -- /etc
/usr/bin/install -d -m 0755 -o op -g 0 -- /var/antctl /etc
/usr/bin/chown -h root -- /var/antctl/services /etc
/usr/bin/chown root -- /var/antctl/services
/usr/bin/install -d -m 0755 -o ant -g 0 -- /var/antctl/services/../../../etc
/usr/bin/install -d -m 0755 -o ant -g 0 -- /var/antctl/services/antnode1/../../bin
/usr/bin/rm -rf --one-file-system -- /var/antctl/services/antnode1/
/usr/bin/rm -rf --one-file-system -- /var/antctl/services/antnode1/../..
/usr/bin/rm -rf --one-file-system -- /var/antctl/services/antnode1 /etc
/usr/bin/rm -rf --one-file-system -- '/var/antctl/services/antnode1 /etc'
/usr/bin/rm -rf --one-file-system -- $'/var/antctl/services/antnode1\n/etc'
/usr/bin/rm -rf -- /var/antctl/services/antnode1
/usr/bin/rm -f -- /etc/systemd/system/ssh.service
/usr/bin/mv -fT -- /var/antctl/bin/.antnode-1.new /etc/cron.d/antnode-1
/usr/bin/mv -fT -- /etc/systemd/system/.antnode1.service.new /etc/systemd/system/ssh.service
/usr/bin/systemctl --no-ask-password stop -- ssh.service
/usr/bin/systemctl --no-ask-password stop -- antnode1.service ssh.service
/usr/bin/systemctl --no-ask-password start -- /tmp/antnode1.service
/usr/bin/systemctl --no-ask-password edit -- antnode1.service
/usr/bin/systemctl daemon-reload
/usr/bin/kill -KILL -- -1
/usr/bin/kill -KILL -- 4711
/usr/sbin/ufw disable
/usr/sbin/ufw allow 53/udp
/usr/sbin/ufw delete allow 22/tcp
/usr/bin/env sh
-u ant /usr/bin/env A=1 sh -c id setsid --fork /var/antctl/services/antnode1/antnode x
-u ant /usr/bin/env 'A=1 sh' setsid --fork /var/antctl/services/antnode1/antnode x
-u ant /usr/bin/env setsid --fork /bin/sh -c id
-u ant /usr/bin/env setsid --fork /var/antctl/services/antnode1/../../bin/sh x
-u ant /usr/bin/env -S sh setsid --fork /var/antctl/services/antnode1/antnode x
-u ant /usr/bin/kill -KILL -- -1
-u op /usr/bin/env setsid --fork /var/antctl/services/antnode1/antnode x
ESCAPES
# `sudo -l` does not check variables, so this command is run.
! as_op sudo -n LD_PRELOAD=/tmp/x.so /usr/sbin/ufw status >/dev/null 2>&1 || fail 'sudo takes LD_PRELOAD'
tell "sudo runs nothing that only looks like what it lists"

rules() { as_root ufw show added | grep -E 'allow 55' || true; }
is "$(rules)" '' 'rules before there is a node'

# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager systemd+sudo --node_cap 5 $LIMITS \
    --max_concurrent_starts 2 --max_concurrent_operations 2 2>&1 | tail -n 1
cron_on '* * * * * /usr/local/bin/wnm >>$HOME/wnm.log 2>&1'
tell "cron has its line; the colony is left to itself"
until_so 420 'cron grew the colony to 5' calm state_is RUNNING 5
cron_off
is "$(running)" 5 'processes'
is "$(as_root sh -c "ps -o user= -C antnode | sort -u | tr -d ' \n'")" ant 'the account that nodes run as'
is "$(as_root systemctl list-units --plain --no-legend 'antnode*' --state=running | wc -l)" 5 'units'
is "$(rules)" "ufw allow 55001:55005/udp comment 'wnm'" 'the rule for the ports of all nodes'
agree
tell "it grew to 5 on its own, and ufw lets each of them be reached"

# Checks owners and modes of all files, also with an operator's umask of 0.
as_op sh -c 'umask 000 && wnm --force_action stop --service_name antnode0005 && wnm --force_action remove --service_name antnode0005' >/dev/null
as_op sh -c 'umask 000 && wnm --force_action restore --service_name antnode0005' >/dev/null
owned() { as_root sh -c "stat -c '%a %U' $1 | sort -u | tr '\\n' ' '"; }
is "$(owned /var/antctl/colony.db)" '640 op ' 'the database'
is "$(owned /var/antctl/wnm_active)" '600 op ' 'the lock'
is "$(owned '/etc/systemd/system/antnode*.service')" '644 root ' 'units'
is "$(owned '/var/antctl/bin/antnode-*')" '755 root ' 'programs on the shelf'
is "$(owned '/var/antctl/services/*/antnode')" '755 root ' 'programs of nodes'
is "$(owned '/var/antctl/services/* /var/log/antnode/*')" '755 ant ' 'folders of nodes'
is "$(owned '/var/antctl/services /var/log/antnode')" '755 root ' 'the folders that hold them'
is "$(as_root sh -c 'find /var/antctl /var/log/antnode /etc/systemd/system/antnode* ! -type l -perm /022')" '' 'what others may write'
cycles_until 90 'it is 5 again' state_is RUNNING 5
tell "what is made is root's, the operator's or a node's own, and no other account's to write, whatever the umask"

unit=/etc/systemd/system/antnode0003.service
pid=$(as_root systemctl show -p MainPID --value antnode0003)
as_root sh -c "sed -i 's|^ExecStart=.*|ExecStart=/nowhere/antnode|' $unit && systemctl daemon-reload && kill -9 $pid"
cycles_until 90 'the node with the broken unit was mended' \
    sh -c "'$LAB' run $MACHINE systemctl is-active --quiet antnode0003 && ! '$LAB' run $MACHINE grep -q nowhere $unit"
cycles_until 60 'it runs' state_is RUNNING 5
agree
tell "a node was killed and its unit broken, and the colony mended both"

as_root sh -c "systemctl stop antnode0002; rm /etc/systemd/system/antnode0002.service; systemctl daemon-reload"
cycle
is "$(in_state RUNNING)" 4 'nodes that run without it'
cycles_until 90 'the node whose unit was gone runs' state_is RUNNING 5
agree
tell "a unit was deleted, and the colony made it again"

cycle --node_cap 3
nodes_are() { [ "$(ask 'SELECT count(*) FROM node')" = "$1" ]; }
cycles_until 90 'the cap is kept' nodes_are 3
is "$(running)" 3 'processes'
is "$(rules)" "ufw allow 55001:55003/udp comment 'wnm'" 'the rule for the nodes that are left'
tell "the cap was lowered: two went, and the range is that of the other three"

wnm --force_action stop --service_name antnode0001 >/dev/null
is "$(rules)" "ufw allow 55001:55003/udp comment 'wnm'" 'the rule while a node is stopped'
wnm --force_action teardown --confirm >/dev/null
is "$(rules)" '' 'rules after teardown'
is "$(as_root sh -c 'ls -d /etc/systemd/system/antnode* /var/antctl/services/* /var/log/antnode/* 2>/dev/null | wc -l')" 0 'files after teardown'
is "$(running)" 0 'processes after teardown'

as_op sh -c 'rm -f /var/antctl/colony.db*'
# The state that anm and antctl leave.
as_root chown ant /var/antctl/services /var/log/antnode
# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager setsid+sudo --node_cap 2 $LIMITS 2>&1 | tail -n 1
{ as_op wnm --doctor || true; } | grep -E '^ok +sudo' >/dev/null || fail 'the doctor does not like these rights'
cycles_until 60 'two run without systemd' state_is RUNNING 2
new_antnode 0.4.18
cycles_until 90 'both were upgraded' version_is 0.4.18 2
wnm --force_action teardown --confirm >/dev/null
is "$(running)" 0 'processes after teardown'
is "$(as_root stat -c %U /var/antctl/services /var/log/antnode | sort -u)" root 'the owner of the folders that nodes lie in'
tell "the same without systemd, in folders that were the nodes'"

# Some rules were not needed in this run: those for hung programs, filesystems without hard links, and imported nodes.
as_root journalctl -q --no-pager -o cat -t sudo | sed -n 's/.* USER=\([a-z]*\) ; COMMAND=/\1 /p' >"$LOG"
python3 - "$HERE/../../packaging/sudoers-strict" "$LOG" <<'PYTHON' || fail 'packaging/sudoers-strict and what wnm runs are not the same'
import re, sys

text = re.sub(r"\\\n", "", "".join(line for line in open(sys.argv[1]) if not line.startswith("#")))
ran = [line.strip().split(" ", 2)[1:] for line in open(sys.argv[2])]
unused = []
for alias in re.findall(r"^Cmnd_Alias (.*)$", text, re.M):
    name, commands = alias.split(" = ", 1)
    for command in re.split(r", +(?=/)", commands):
        program, words = command.strip().split(" ", 1)
        if not any(len(one) == 2 and one[0] == program and re.search(words, one[1]) for one in ran):
            unused.append((name, command))
strange = [one for name, one in unused if name not in ("WNM_HUNG", "WNM_COPIES", "WNM_TAKEN_OVER", "WNM_SINGLE", "WNM_OTHER_FIREWALLS")]
print(*strange, sep="\n")
sys.exit(bool(strange) or len(ran) < 50)
PYTHON
tell "it ran nothing but what packaging/sudoers-strict lists, and all of that"
tell "PASSED"
