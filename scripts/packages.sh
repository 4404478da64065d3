# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the scripts beside it: the Debian packages that they need, and how to install those that are missing.
# shellcheck shell=bash disable=SC2034

packages_build=(gcc libc6-dev meson ninja-build pkg-config protobuf-c-compiler libuv1-dev libexpat1-dev libssl-dev
	libsqlite3-dev libprotobuf-c-dev libidn-dev libgsasl-dev libwebsockets-dev libwebsockets-evlib-uv libc-ares-dev libcurl4-openssl-dev)
packages_demo=(python3 ngircd openssl)
packages_demo_gateway=(prosody)
packages_demo_clients=(prosody prosody-modules inspircd atheme-services)
packages_test=(libcmocka-dev clang-14 python3-pytest python3-pytest-asyncio python3-pytest-xdist python3-slixmpp python3-websockets python3-openssl libstrophe0 prosody
	prosody-modules ejabberd ngircd inspircd atheme-services openssl dnsmasq-base mandoc jabberd2
	sslscan curl biboumi chromium)
# What the libpurple backend is built and tested with; it is left out where these are missing.
packages_libpurple=(libpurple-dev kamailio kamailio-sqlite-modules kamailio-presence-modules purple-discord
	purple-rocketchat dbus-daemon avahi-daemon)

say()
{
	printf '\n== %s\n' "$*"
}

# Installs what is missing of the named packages, and nothing else.
need()
{
	local package missing=() root=()
	command -v dpkg-query >/dev/null || {
		echo "This is no Debian: please see to it that you have what these packages hold: $*" >&2
		return 0
	}
	for package; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "Installing with apt-get: ${missing[*]}"
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || {
			echo "Some packages are missing, and there is no sudo. As root: apt-get install ${missing[*]}" >&2
			exit 1
		}
		root=(sudo)
	fi
	"${root[@]}" apt-get update
	# Debian starts a server as soon as it is installed; what we start ourselves is enough.
	local policy=/usr/sbin/policy-rc.d held=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
		"${root[@]}" chmod 755 $policy
		held=yes
	fi
	local status=0
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" || status=$?
	[ -z "$held" ] || "${root[@]}" rm -f $policy
	[ $status -eq 0 ] || {
		echo "apt-get could not install the packages (status $status); see above." >&2
		exit 1
	}
}

# configure DIRECTORY OPTIONS...: a build directory, made anew if the options have changed.
configure()
{
	local directory=$1
	shift
	if [ ! -f "$directory/build.ninja" ] || [ "$(cat "$directory/options.txt" 2>/dev/null)" != "$*" ]; then
		rm -rf "$directory"
		meson setup "$directory" "$@" || exit 1
		printf '%s\n' "$*" >"$directory/options.txt"
	fi
}

# Cores, but no more than memory allows: a compiler with sanitizers may take half a gigabyte.
jobs_at_once()
{
	local cores memory
	cores=$(nproc)
	memory=$(awk '/MemAvailable/ { print int($2 / 524288) }' /proc/meminfo)
	[ "$memory" -ge "$cores" ] || cores=$memory
	[ "$cores" -ge 1 ] || cores=1
	echo "$cores"
}
