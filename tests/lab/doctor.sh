#!/usr/bin/env bash
# Checks that `wnm --doctor`, in cron's environment, finds common problems on a real system: no lingering,
# a sudo that asks for a password, a firewall without rules, a crontab without wnm.
MACHINE=doctor-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/home/op/.local/share/autonomi/colony.db
. "$(dirname "$0")/story.sh"
raise

# doctor CODE: runs the doctor, which must exit with CODE; its output is in FOUND.
doctor() {
    local code=0
    FOUND=$("$LAB" cron "$MACHINE" op "$PROGRAM" --doctor 2>&1) || code=$?
    is "$code" "$1" "the exit code of
$FOUND
"
}
# finds VERDICT CHECK WORDS
finds() { grep -qE "^$1 +$2 .*$3" <<<"$FOUND" || fail "no '$1 $2 … $3' in
$FOUND"; }

wnm --init --rewards_address faucet --process_manager systemd+user --node_cap 2 $LIMITS 2>&1 | tail -n 1
doctor 1
finds failed schedule 'neither cron nor a timer'
finds failed cycle 'no cycle has ended yet'
cycles_until 60 'two nodes run' state_is RUNNING 2
cron_on '* * * * * /usr/local/bin/wnm --quiet'
doctor 0
finds ok manager 'systemd.user responds in the environment'
finds ok lingering 'enabled for .op.'
tell "a sound colony under the user's systemd is found sound, in cron's environment"

cron_off
as_root loginctl disable-linger op
as_root systemctl stop user@1000
doctor 1
finds failed manager ''
finds failed lingering 'stop when .op. logs out'
as_root loginctl enable-linger op
until_so 20 'the systemd of op is back' as_op systemctl --user is-system-running --quiet
doctor 1
finds ok manager ''
finds failed schedule 'neither cron'
as_op install -d /home/op/.config/systemd/user
"$LAB" push "$MACHINE" "$HERE/../../packaging/systemd/wnm.timer" /home/op/.config/systemd/user/wnm.timer
"$LAB" push "$MACHINE" "$HERE/../../packaging/systemd/wnm.service" /home/op/.config/systemd/user/wnm.service
doctor 1
finds failed schedule 'not started'
as_op systemctl --user enable --now wnm.timer 2>/dev/null
doctor 0
finds ok schedule 'wnm.timer. of the user'
as_op systemctl --user disable --now wnm.timer 2>/dev/null
tell "a user's systemd that is not there, lingering, a timer that is off: each is named"

wnm --force_action teardown --confirm >/dev/null
DATABASE=/var/antctl/colony.db
as_root rm -rf /home/op/.local/share/autonomi
as_root ufw --force enable >/dev/null
as_root install -d -o op -g op /var/antctl
# shellcheck disable=SC2086
wnm --init --rewards_address faucet --process_manager systemd+sudo --node_cap 2 $LIMITS 2>&1 | tail -n 1
cycles_until 60 'two nodes run' state_is RUNNING 2
cron_on '* * * * * /usr/local/bin/wnm --quiet'
doctor 0
finds ok sudo 'without a password'
finds ok firewall 'ufw: the ports of all running nodes are open'
as_root ufw delete allow 55001:55002/udp >/dev/null
doctor 1
finds failed firewall 'closed: 55001, 55002 by ufw, which has no rule'
as_root ufw allow 55001:55002/udp comment wnm >/dev/null
as_root sh -c 'printf "op ALL=(ALL) ALL\nop ALL=(root) NOPASSWD: /usr/bin/systemctl, /usr/sbin/ufw\n" >/etc/sudoers.d/op'
doctor 1
finds failed sudo 'does not run .install .*rm -rf'
as_root sh -c 'echo "op ALL=(ALL) ALL" >/etc/sudoers.d/op'
doctor 1
finds failed sudo 'asks .op. for a password'
tell "PASSED"
