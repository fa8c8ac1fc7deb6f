#!/usr/bin/env bash
# Installs and starts a Docker engine with Compose and BuildKit on Debian, where there is none. Runs as root, and
# does nothing where all of it answers already. What it does by hand: docs/how-to/install-docker.md
set -euo pipefail
plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
log=/var/log/dockerd.log

say() { echo "engine: $*" >&2; }

install_packages() {
  say "installing $*"
  apt-get update -qq
  # RUNLEVEL=1: no package starts its service
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq \
    --no-install-recommends "$@" >/dev/null
}

# Compose 2 and buildx are packages since Debian 13. Debian 12 takes the two programs, which need no library but libc,
# out of those packages, with an apt of its own that leaves the machine's as it is.
fetch_plugins() {
  local work mirror
  work=$(mktemp -d)
  mkdir -p "$work"/{lists/partial,cache/archives/partial,root} "$plugins"
  # shellcheck disable=SC2016 # what stands in single quotes is for apt
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' | grep -v security | sort -u | head -n 1)
  [ -n "$mirror" ] || { say "no Debian archive among apt's sources: run apt-get update first"; exit 1; }
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$work/sources.list"
  {
    echo "Dir::Etc::SourceList \"$work/sources.list\"; Dir::Etc::SourceParts \"/dev/null\";"
    echo "Dir::State::Lists \"$work/lists\"; Dir::Cache \"$work/cache\"; APT::Sandbox::User \"root\";"
  } >"$work/apt.conf"
  export APT_CONFIG=$work/apt.conf
  apt-get update -qq
  (cd "$work" && apt-get download -qq docker-compose docker-buildx)
  for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
  install -m 755 "$work"/root/usr/libexec/docker/cli-plugins/* "$plugins"
  unset APT_CONFIG
  rm -rf "$work"
}

if ! docker info >/dev/null 2>&1; then
  packages=()
  command -v dockerd >/dev/null || packages+=(docker.io)
  command -v iptables >/dev/null || packages+=(iptables)
  [ "${#packages[@]}" -eq 0 ] || install_packages "${packages[@]}"
  # Debian 13 has the command in a package of its own
  command -v docker >/dev/null || install_packages docker-cli
  if [ -d /run/systemd/system ]; then
    systemctl start docker
  else
    setsid dockerd >"$log" 2>&1 </dev/null &
  fi
  for _ in $(seq 60); do
    if docker info >/dev/null 2>&1; then break; fi
    sleep 1
  done
  docker info >/dev/null || { say "dockerd does not answer after 60 s, see $log"; tail -n 20 "$log" >&2; exit 1; }
fi
if ! docker compose version >/dev/null 2>&1 || ! docker buildx version >/dev/null 2>&1; then
  say "fetching Compose and buildx"
  fetch_plugins
fi
say "$(docker version --format 'engine {{.Server.Version}}, client {{.Client.Version}}'), $(docker compose version)," \
  "$(docker buildx version | cut -d ' ' -f 2)"
