#!/bin/bash
# Unpacks a real Asterisk and every library it needs into PREFIX (about 10 s and 200 MB): no chroot, no root needed for a
# PREFIX you own, the machine's own packages untouched. Run it then as PREFIX/asterisk -f -C /path/to/asterisk.conf
#
#   install.sh PREFIX
#
# Debian: the testing suite (it has Asterisk 22) from the mirror this machine already uses. Ubuntu: its own suite's.
# ASTERISK_DEBIAN_MIRROR and ASTERISK_SUITE override what is found. A PREFIX that already works is left as it is.
# Exit codes: 0 done, 2 wrong use, 3 no apt on this machine, 4 no usable mirror, 5 download failed, 6 does not run here.
set -euo pipefail

fail() { echo "install-asterisk: $2" >&2; exit "$1"; }

[ $# -eq 1 ] || fail 2 "usage: install-asterisk PREFIX"
prefix=$(realpath -m -- "$1")
if [ -x "$prefix/asterisk" ]; then exec "$prefix/asterisk" -V; fi

for tool in apt-get apt-config dpkg dpkg-deb; do
    command -v "$tool" > /dev/null || fail 3 "no $tool on this machine: Asterisk can be unpacked on Debian and Ubuntu only"
done

case $(dpkg --print-architecture) in
    amd64) triplet=x86_64-linux-gnu ;;
    arm64) triplet=aarch64-linux-gnu ;;
    armhf) triplet=arm-linux-gnueabihf ;;
    *) triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2> /dev/null) || fail 3 "unknown architecture $(dpkg --print-architecture)" ;;
esac

parent=$(dirname "$prefix")
{ mkdir -p "$parent" && [ -w "$parent" ]; } 2> /dev/null || fail 2 "cannot write to $parent"
work=$(mktemp -d "$prefix.apt.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,etc/preferences.d,etc/apt.conf.d,etc/sources.list.d,etc/trusted.gpg.d,new}
: > "$work/state/status" # an empty package status puts libc and everything else into the closure

repositories() { apt-get indextargets --no-release-info --format "$1" 'Created-By: Packages' 2> /dev/null || true; }

distribution=$(. /etc/os-release 2> /dev/null && echo "${ID:-unknown}" || echo unknown)
if [ "$distribution" = ubuntu ]; then
    sources="Dir::Etc::sourcelist \"/etc/apt/sources.list\"; Dir::Etc::sourceparts \"/etc/apt/sources.list.d\"; Dir::Etc::trusted \"/etc/apt/trusted.gpg\"; Dir::Etc::trustedparts \"/etc/apt/trusted.gpg.d\";"
else
    mirror=${ASTERISK_DEBIAN_MIRROR:-$(repositories '$(REPO_URI)' | grep '/debian/\?$' | sort -u | head -n 1)}
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -n "$mirror" ] || fail 4 "no Debian mirror among this machine's apt sources: set ASTERISK_DEBIAN_MIRROR"
    [ -r "$keys" ] || fail 4 "no Debian archive keys ($keys): install debian-archive-keyring"
    echo "deb [signed-by=$keys] $mirror ${ASTERISK_SUITE:-testing} main" > "$work/etc/sources.list"
    sources="Dir::Etc::sourcelist \"$work/etc/sources.list\"; Dir::Etc::sourceparts \"$work/etc/sources.list.d\";"
fi

# The machine's way through proxies is kept, the rest of its apt configuration is not.
apt-config dump Acquire 2> /dev/null | grep -iE 'proxy|cainfo|sslcert|verify' > "$work/apt.conf" || true
cat >> "$work/apt.conf" << CONF
Dir "$work"; Dir::Etc "$work/etc"; Dir::Etc::parts "$work/etc/apt.conf.d";
$sources
Dir::State "$work/state"; Dir::State::status "$work/state/status"; Dir::Cache "$work/cache";
APT::Install-Recommends "false"; APT::Sandbox::User ""; Acquire::Languages "none"; Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
CONF
export APT_CONFIG=$work/apt.conf

apt-get -qq update || fail 5 "apt-get update failed for Asterisk's package source"
packages="asterisk asterisk-core-sounds-en-gsm asterisk-core-sounds-ru-gsm asterisk-moh-opsound-gsm"
if [ -n "$(apt-cache madison asterisk-opus 2> /dev/null)" ]; then packages="$packages asterisk-opus"; fi
# shellcheck disable=SC2086 # words on purpose
apt-get -qq -y --download-only install $packages || fail 5 "downloading Asterisk's packages failed"

new=$work/new
for deb in "$work"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$new"; done
sounds=$new/usr/share/asterisk/sounds # Debian makes these links when a package is configured
ln -sfn en_US_f_Allison "$sounds/en"
ln -sfn en_US_f_Allison "$sounds/en_US"
ln -sfn ru_RU_f_IvrvoiceRU "$sounds/ru"
rm -rf "$new"/usr/share/{doc,man,locale,perl,perl5,icons,fonts,mime,bug,lintian,info} \
    "$new/usr/lib/$triplet"/{perl,perl-base,gconv,security,systemd} "$new"/usr/lib/{systemd,udev}

cat > "$new/asterisk" << RUN
#!/bin/sh
# --library-path, unlike LD_LIBRARY_PATH, is not inherited by child processes
here=\$(CDPATH= cd -- "\${0%/*}" && pwd)
lib=\$here/usr/lib/$triplet
for loader in "\$lib"/ld-linux*.so.* "\$here"/lib/$triplet/ld-linux*.so.* "\$here"/lib*/ld-linux*.so.*; do
    [ -x "\$loader" ] && break
done
exec "\$loader" --library-path "\$lib:\$here/lib/$triplet" --argv0 asterisk "\$here/usr/sbin/asterisk" "\$@"
RUN
chmod +x "$new/asterisk"
version=$("$new/asterisk" -V 2>&1) || fail 6 "the unpacked Asterisk does not run on this machine: $version"

# All at once, so that a PREFIX that exists is whole; when two install at the same time the first one stays.
if [ ! -e "$prefix" ]; then mv -T "$new" "$prefix"; elif [ ! -x "$prefix/asterisk" ]; then cp -a "$new/." "$prefix/"; fi
echo "$version"
