#!/usr/bin/env bash
# Runs a colony on Debian 13 with sudo-rs in place of sudo and with packaging/sudoers, with an active ufw: add, stop, restore and teardown. The
# file must be accepted by visudo of sudo and of sudo-rs, and commands that are not in it must be rejected.
# Takes 110 s.
export WNM_LAB_SUITE=trixie
MACHINE=sudors-$$
PROGRAM=/usr/local/bin/wnm
DATABASE=/var/antctl/colony.db
. "$(dirname "$0")/story.sh"
"$LAB" base || { echo 'SKIPPED: sudo-rs: there is no image of Debian 13'; exit 0; }
raise
"$LAB" install "$MACHINE" sudo-rs || { echo 'SKIPPED: sudo-rs: the package could not be installed'; exit 0; }
sudo_rs=$(as_root sh -c 'command -v sudo-rs || ls /usr/lib/cargo/bin/sudo')
visudo_rs=$(as_root sh -c 'command -v visudo-rs || ls /usr/lib/cargo/bin/visudo')
"$LAB" push "$MACHINE" "$HERE/../../packaging/sudoers" /etc/sudoers.d/wnm
as_root sh -c 'chown root: /etc/sudoers.d/wnm; chmod 440 /etc/sudoers.d/wnm; rm /etc/sudoers.d/op; groupadd wnm; usermod -aG wnm op'
as_root visudo -c >"$LOG" 2>&1 || fail 'visudo of sudo does not accept packaging/sudoers'
as_root "$visudo_rs" -c -f /etc/sudoers.d/wnm >"$LOG" 2>&1 || fail 'visudo of sudo-rs does not accept packaging/sudoers'
as_root ln -sf "$sudo_rs" /usr/bin/sudo
as_op sudo --version 2>&1 | grep -q sudo-rs || fail 'sudo is not sudo-rs'
for refused in 'ufw disable' 'ufw allow 53/udp' 'ufw allow 55001:55021/udp comment wnm' 'nft flush ruleset' sh; do
    # shellcheck disable=SC2086
    ! as_op sudo -n -l -- $refused >/dev/null 2>&1 || fail "sudo-rs would run $refused"
done
tell "visudo of both accepts packaging/sudoers"
as_root ufw --force enable >/dev/null
rules() { as_root ufw show added | grep 'allow 55' || true; }
for kind in systemd+sudo setsid+sudo; do
    # shellcheck disable=SC2086
    wnm --init --rewards_address faucet --process_manager $kind $LIMITS >/dev/null 2>&1 || fail "$kind: no colony"
    wnm --force_action add --count 2 >"$LOG" 2>&1 || fail "$kind: add"
    ! grep -q WARN "$LOG" || fail "$kind: add warned"
    is "$(rules)" "ufw allow 55001:55020/udp comment 'wnm'" "$kind: the rule"
    is "$(running)" 2 "$kind: processes"
    { as_op wnm --doctor || true; } | grep -E '^ok +sudo' >/dev/null || fail "$kind: the doctor does not like these rights"
    wnm --force_action stop --service_name antnode0001 >"$LOG" 2>&1 || fail "$kind: stop"
    wnm --force_action remove --service_name antnode0001 >"$LOG" 2>&1 || fail "$kind: remove"
    wnm --force_action restore --service_name antnode0001 >"$LOG" 2>&1 || fail "$kind: restore"
    is "$(running)" 2 "$kind: processes after a restore"
    wnm --force_action teardown --confirm >"$LOG" 2>&1 || fail "$kind: teardown"
    is "$(running) $(rules)" '0 ' "$kind: processes and rules after teardown"
    as_op sh -c 'rm -rf /var/antctl/colony.db* /var/antctl/removed'
    tell "$kind: add, stop, remove, restore and teardown with sudo-rs"
done
tell "PASSED"
