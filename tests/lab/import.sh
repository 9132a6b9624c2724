#!/usr/bin/env bash
# Imports units with unusual syntax under a real systemd: specifiers, variables, environment files, drop-ins, relative paths, unusual
# arguments. The imported arguments must be those of the running processes, and after ten cycles no process may have restarted.
# Takes 40 s.
MACHINE=import-$$
PROGRAM=/home/op/.local/bin/wnm
DATABASE=/home/op/.local/share/autonomi/colony.db
. "$(dirname "$0")/story.sh"
raise

W='--rewards-address 0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a evm-arbitrum-one'
UNITS=/home/op/.config/systemd/user
# Reads the arguments of a node's unit from stdin.
lay() {
    as_op sh -e -c "mkdir -p '$UNITS' '/home/op/my disk/antnode000$1'
        cp ~/.local/bin/antnode '/home/op/my disk/antnode000$1/antnode'
        printf '[Unit]\nDescription=mine\n[Service]\nRestart=always\n' >$UNITS/antnode000$1.service
        cat >>$UNITS/antnode000$1.service"
}
lay 1 <<END
Environment="ROOT=%h/my disk" PORT=56001 "WORDS=--no-upnp --ip 127.0.0.1"
ExecStart=@"%h/my disk/%N/antnode" some-node --root-dir "\${ROOT}/%p" --port=\${PORT} \\
  # a comment in between
    --metrics-server-port 14001 \$WORDS --max-log-files \$\$7 $W
END
lay 2 <<END
EnvironmentFile=-%h/not-there
EnvironmentFile=%h/my node.env
Environment=PORT=1 GREETING=no
ExecStart="%h/my disk/antnode0002/antnode" --root-dir '%h/my disk/antnode0002' --port \$PORT --metrics-server-port=14002 $W
END
as_op sh -c 'printf "# mine\nPORT=56002\nGREETING=\"two words\"\n" >"$HOME/my node.env"'
lay 3 <<END
WorkingDirectory=%h/my disk
ExecStart=:"%h/my disk/antnode0003/antnode" --root-dir antnode0003 --log-output-dest ./logs-3 --port 56003 --metrics-server-port 14003 --max-log-files 5\$5 $W
END
lay 4 <<END
Environment=A=1
ExecStart="%h/my disk/antnode0004/antnode" --root-dir /nowhere --port 1 --metrics-server-port 2 $W
END
as_op sh -e -c "mkdir $UNITS/antnode0004.service.d $UNITS/service.d; cat >$UNITS/antnode0004.service.d/10-mine.conf" <<END
[Service]
Environment=
Environment="B=50%% of \\"it\\"" 'C=\\x41 b'
ExecStart=
ExecStart="%h/my disk/antnode0004/antnode" --root-dir "%h/my disk/antnode0004" --port 56004 --metrics-server-port 14004 --bootstrap-cache-dir "/tmp/a \\"b\\" 50%%" $W
END
as_op sh -c "printf '[Service]\nEnvironment=FOR_ALL=yes\n' >$UNITS/service.d/90-all.conf"
as_op systemctl --user daemon-reload
as_op systemctl --user start antnode0001 antnode0002 antnode0003 antnode0004
pids() { for id in 1 2 3 4; do as_op systemctl --user show -p MainPID --value antnode000$id; done; }
units() { as_root sh -c "cd $UNITS && sha256sum antnode*.service */*.conf"; }
sleep 3
is "$(pids | grep -vc '^0$')" 4 'nodes that systemd runs'
before=$(pids)
texts=$(units)

BOX=$(mktemp -d)
wnm --init --import --process_manager systemd+user --dry_run --json >"$BOX/nodes" 2>"$LOG" || fail 'no dry run'
for id in 1 2 3 4; do
    pid=$(as_op systemctl --user show -p MainPID --value antnode000$id)
    as_root sh -c "tr '\\0' '\\n' </proc/$pid/cmdline" >"$BOX/words"
    as_root sh -c "tr '\\0' '\\n' </proc/$pid/environ" >"$BOX/environ"
    python3 - "$BOX/nodes" "$BOX/words" "$BOX/environ" "$id" >"$LOG" 2>&1 <<'PYTHON' || fail "node $id is not what systemd made of it"
import json, os, shlex, sys

nodes, id = json.load(open(sys.argv[1])), int(sys.argv[4])
words, environ = (open(path).read().split("\n")[:-1] for path in sys.argv[2:4])
node = next(node for node in nodes if node["id"] == id)
flat = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
of = lambda name: flat[flat.index(name) + 1]
print(node, words, environ, sep="\n")
assert (int(of("--port")), int(of("--metrics-server-port"))) == (node["port"], node["metrics_port"])
assert os.path.join("/home/op/my disk", of("--root-dir")) == node["root_dir"] == f"/home/op/my disk/antnode000{id}"
own, variables = (shlex.split(node[column] or "") for column in ("start_args", "environment"))
assert all(word in flat for word in own)
assert "FOR_ALL=yes" in variables and all(said in environ for said in variables)
expected = {
    1: ["--no-upnp", "--ip", "127.0.0.1", "--max-log-files", "$7"],
    2: [],
    3: ["--max-log-files", "5$5"],
    4: ["--bootstrap-cache-dir", '/tmp/a "b" 50%'],
}
assert own == expected[id], own
assert id != 2 or "GREETING=two words" in variables
assert id != 3 or node["log_dir"] == "/home/op/my disk/logs-3"
assert id != 4 or set(variables) == {'B=50% of "it"', "C=A b", "FOR_ALL=yes"}
PYTHON
done
rm -r "$BOX"
tell "an import reads four hard units as systemd does"

# shellcheck disable=SC2086
wnm --init --import --process_manager systemd+user --node_cap 4 $LIMITS >"$LOG" 2>&1 || fail 'no import'
for _ in 1 2 3 4 5 6 7 8 9 10; do cycle; done
is "$(pids)" "$before" 'processes after ten cycles'
is "$(units)" "$texts" 'units after ten cycles'
is "$(in_state RUNNING)" 4 'nodes that run'
is "$(ask 'SELECT count(*) FROM intent')" 0 'intents left'
for id in 1 3 4; do
    wnm --force_action stop --service_name antnode000$id >"$LOG" 2>&1 || fail "node $id does not stop"
    wnm --force_action start --service_name antnode000$id >"$LOG" 2>&1 || fail "node $id does not start"
done
cycles_until 60 'all run again' state_is RUNNING 4
is "$(units)" "$texts" 'units after a start'
tell "they are stopped and started, and their units stay as they are"

# Nodes of another account in its own home: wnm starts and stops them through systemd, but replaces no files, because that
# account could redirect root's writes.
as_op systemctl --user disable --now antnode0001 antnode0002 antnode0003 antnode0004
as_root sh -c "rm -r $DATABASE* $UNITS"
as_op systemctl --user daemon-reload
DATABASE=/var/antctl/colony.db
as_root useradd --create-home --shell /bin/bash bob
as_root chmod 755 /home/bob
for id in 1 2; do
    as_root sh -e -c "cd /home/bob; mkdir -p disk/antnode000$id; cp /home/op/.local/bin/antnode disk/antnode000$id/; chown -R bob:bob disk
        cat >/etc/systemd/system/antnode000$id.service" <<END
[Service]
User=bob
Restart=always
ExecStart=/home/bob/disk/antnode000$id/antnode --root-dir /home/bob/disk/antnode000$id --log-output-dest /home/bob/disk/antnode000$id/logs --port 5610$id --metrics-server-port 1410$id $W
END
done
as_root sh -c 'systemctl daemon-reload; systemctl start antnode0001 antnode0002'
versions() { ask "SELECT group_concat(id || ' ' || status || ' ' || version, ', ') FROM node"; }
# shellcheck disable=SC2086
wnm --init --import --process_manager systemd+sudo --node_cap 2 $LIMITS --delay_start 0 --delay_upgrade 0 >"$LOG" 2>&1 || fail 'no import for bob'
cycles_until 30 "bob's run" state_is RUNNING 2
wnm --force_action stop --service_name antnode0001 >"$LOG" 2>&1 || fail "bob's node does not stop"
wnm --force_action start --service_name antnode0001 >"$LOG" 2>&1 || fail "bob's node does not start"
cycles_until 30 'it runs again' state_is RUNNING 2
wnm --force_action stop --service_name antnode0001 >"$LOG" 2>&1 || fail "bob's node does not stop again"
new_antnode 0.4.18
# A cycle with a refused upgrade exits with 3.
tried() { minute; "$LAB" cron "$MACHINE" op "$PROGRAM" >>"$LOG" 2>&1 || [ $? = 3 ] || fail 'a cycle over them'; state_is RUNNING 2; }
until_so 60 'an outdated one starts as it is' tried
is "$(versions)" '1 RUNNING 0.4.17, 2 RUNNING 0.4.17' "bob's nodes"
is "$(as_root grep -c 'antnode-version:0.4.17' /home/bob/disk/antnode0001/antnode || true)" 1 "bob's antnode"
# Its start says it, or, if the start had no upgrade slot, its upgrade in a later cycle.
explained() {
    minute
    "$LAB" cron "$MACHINE" op "$PROGRAM" >>"$LOG" 2>&1 || [ $? = 3 ] || fail 'a cycle over them'
    ask "SELECT coalesce(warning, error) FROM event WHERE node = 1 AND action IN ('start', 'upgrade')" | grep -q 'belongs to `bob`'
}
until_so 60 'history says why it is not upgraded' explained
wnm --force_action remove --service_name antnode0001 --confirm >"$LOG" 2>&1 && fail "a removal in bob's home"
grep -q 'belongs to `bob`' "$LOG" || fail 'the removal is refused for another reason'
is "$(as_root ls /home/bob/disk)" "antnode0001
antnode0002" "what is bob's"
is "$(as_root find /home/bob ! -user bob ! -path /home/bob | wc -l)" 0 "what is not bob's in his home"
tell "nodes of another account run, and nothing in its home is exchanged"
tell "PASSED"
