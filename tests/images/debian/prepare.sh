#!/usr/bin/env bash
# Writes rootfs.tar, a small Debian trixie, into the directory $1. Needs root, for debootstrap.
set -euo pipefail
out=$1
command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap
# where this machine's own Debian comes from, whatever else is among its sources
# shellcheck disable=SC2016 # what stands in single quotes is for apt
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' | grep -v security | sort -u | head -n 1)
[ -n "$mirror" ] || { echo "no Debian archive among apt's sources: run apt-get update first" >&2; exit 1; }
script=/usr/share/debootstrap/scripts/trixie
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid # this machine's debootstrap is older than trixie
root=$(mktemp -d -p "$out")
for attempt in 1 2 3; do # a mirror that refuses once is asked again
  rm -rf "$root" && mkdir -m 755 "$root"
  debootstrap --variant=minbase --include=ca-certificates trixie "$root" "$mirror" "$script" && break
  [ "$attempt" -lt 3 ]
done

# as upstream's slim images: nothing to read, no translations, and no service that starts by being installed
cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude /usr/share/doc/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
cat >"$root/etc/apt/apt.conf.d/10slim" <<'END'
APT::Install-Recommends "false";
Acquire::Languages "none";
Dpkg::Use-Pty "false";
END
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
rm -rf "$root"/usr/share/{doc,info,locale,man}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
  "$root"/var/log/* "$root"/etc/machine-id "$root"/etc/hostname "$root"/etc/resolv.conf
tar -C "$root" --numeric-owner --exclude './dev/*' -cf "$out/rootfs.tar" .
rm -rf "$root"
