#!/usr/bin/env bash
# One would guess: a sudoers file without patterns that sudo accepts is accepted by sudo-rs too.
#
# What happens: a list of commands may have 127 items in sudo-rs. With 128 visudo exits with 1 ("too many items in
# list"), and sudo's own visudo accepts 200 and more. The limit is the same in a Cmnd_Alias; several lists of 127
# are accepted.
#
# Output:
#    sudo-rs, 127 commands: exit code 0
#    sudo-rs, 128 commands: exit code 1, too many items in list
#    sudo, 200 commands: exit code 0
#    sudo-rs, two lists of 127 commands: exit code 0
#    sudo-rs, an alias of 128 commands: exit code 1, too many items in list
#
# Version: sudo-rs 0.2.15 (crate), sudo 1.9.13p3 (Debian 12). Some distributions install sudo-rs as sudo by
# default.
#
# Why it matters for a node manager: sudo-rs has no patterns in arguments, so rules for ports or services of
# single nodes must be written one by one. For more than 127 nodes they must be split into several lists, or be
# avoided: one rule for a range of ports.
#
# Needs: cargo with a C linker (it builds one small program, half a minute), and apt-get with Debian 12's
# packages.
set -euo pipefail
export LC_ALL=C

skip() { echo "skipped: $1" >&2; exit 77; }
changed() { echo "changed: $1" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
command -v cargo >/dev/null || skip "no cargo"
apt-get download -qq -o APT::Sandbox::User=root sudo=1.9.13p3-1+deb12u4 libpam0g=1.5.2-6+deb12u3 \
    libpam0g-dev=1.5.2-6+deb12u3 2>log ||
    skip "no such package: $(cat log)"
for package in *.deb; do dpkg-deb -x "$package" root; done
# A rustup that belongs to the account is found without HOME as well.
[ -d "${RUSTUP_HOME:-$HOME/.rustup}" ] || RUSTUP_HOME=$(getent passwd "$(id -u)" | cut -d: -f6)/.rustup
[ -z "${RUSTUP_HOME:-}" ] || export RUSTUP_HOME
arch=$(uname -m)-linux-gnu
RUSTFLAGS="-L $work/root/usr/lib/$arch -L $work/root/lib/$arch" CARGO_TARGET_DIR=$work/target \
    cargo install --quiet --locked --debug --version 0.2.15 --bin visudo --root "$work/rs" sudo-rs >log 2>&1 ||
    skip "sudo-rs cannot be built: $(tail -n 3 log)"

items() { seq -f '/usr/sbin/ufw allow %.0f/udp' -s ', ' 55001 $((55000 + $1)); }
check() {
    local code=0
    chmod 440 sudoers
    case $1 in
        sudo) LD_LIBRARY_PATH=root/usr/libexec/sudo root/usr/sbin/visudo -c -f sudoers >text 2>&1 || code=$? ;;
        sudo-rs) rs/bin/visudo -c -f sudoers >text 2>&1 || code=$? ;;
    esac
    echo "$1, $2: exit code $code$(grep -o 'too many items in list' text | sed 's/^/, /')"
    [ $code = "$3" ] || changed "exit code $3 was expected: $(head -c 300 text)"
    [ $code = 0 ] || grep -q 'too many items in list' text || changed "another error: $(head -c 300 text)"
    rm -f sudoers
}
rules() { echo "%wnm ALL=(root) NOPASSWD: $(items "$1")"; }
rules 127 >sudoers; check sudo-rs "127 commands" 0
rules 128 >sudoers; check sudo-rs "128 commands" 1
rules 200 >sudoers; check sudo "200 commands" 0
{ rules 127; rules 127; } >sudoers; check sudo-rs "two lists of 127 commands" 0
echo "Cmnd_Alias PORTS = $(items 128)" >sudoers; check sudo-rs "an alias of 128 commands" 1
echo "holds"
