#!/bin/sh
# Installs wnm, its man page and its shell completions, from a built program or a release archive.
#     packaging/install.sh [--system] [--remove] [WNM | ARCHIVE.tar.gz]
# Without a file, it installs `wnm` from the directory of this script, or else target/release/wnm. The target is ~/.local, or
# /usr/local with --system (needs root). --remove uninstalls. It never changes colonies, nodes, settings or crontabs.
set -eu
# Everybody may read and run what is installed, also if root's umask is 077.
umask 022

fail() { echo "install.sh: $*" >&2; exit 1; }

prefix=
remove=
given=
for word in "$@"; do
    case $word in
        --system) prefix=/usr/local ;;
        --remove) remove=yes ;;
        -h | --help) sed -n '2,5p' "$0"; exit 0 ;;
        -*) fail "unexpected argument \`$word\`; \`--help\` lists the flags" ;;
        *) [ -z "$given" ] || fail "unexpected argument \`$word\`: the file to install is already \`$given\`"; given=$word ;;
    esac
done
if [ -z "$prefix" ]; then
    [ -n "${HOME:-}" ] || fail 'HOME is not set'
    prefix=$HOME/.local
fi

man=$prefix/share/man/man1/wnm.1
bash=$prefix/share/bash-completion/completions/wnm
zsh=$prefix/share/zsh/site-functions/_wnm
fish=$prefix/share/fish/vendor_completions.d/wnm.fish

if [ -n "$remove" ]; then
    rm -f "$prefix/bin/wnm" "$man" "$bash" "$zsh" "$fish"
    echo "removed wnm from $prefix; nodes, colonies and crontabs were not changed"
    exit 0
fi

box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
here=$(cd "$(dirname "$0")" && pwd)
case $given in
    *.tar.gz | *.tgz)
        if [ -f "$given.sha256" ]; then
            sum=$(sha256sum <"$given")
            [ "${sum%% *}" = "$(cut -d' ' -f1 "$given.sha256")" ] || fail "the checksum of \`$given\` does not match \`$given.sha256\`"
        fi
        tar -xzf "$given" -C "$box" --strip-components=1 || fail "cannot unpack \`$given\`"
        program=$box/wnm
        ;;
    '')
        program=$here/wnm
        [ -f "$program" ] || program=$here/../target/release/wnm
        ;;
    *) program=$given ;;
esac
[ -f "$program" ] || fail "no file \`$program\`: build it with \`cargo build --release\`, or pass the path of another wnm"
version=$("$program" --version) || fail "\`$program\` does not run on this machine"

mkdir -p "$prefix/bin" "${man%/*}" "${bash%/*}" "${zsh%/*}" "${fish%/*}" || fail "cannot write to $prefix"
# The rename makes the change atomic: a run that cron starts meanwhile uses the old program or the new one.
install -m 755 "$program" "$prefix/bin/.wnm.new"
mv -f "$prefix/bin/.wnm.new" "$prefix/bin/wnm"
"$program" --man >"$man"
"$program" --completions bash >"$bash"
"$program" --completions zsh >"$zsh"
"$program" --completions fish >"$fish"
echo "installed $version in $prefix/bin"
case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) echo "$prefix/bin is not on your PATH" ;;
esac
echo 'next: wnm --init, then wnm --doctor'
