#!/usr/bin/env bash
# For other scripts to source: gives them `apt`, which fetches packages of Debian into $parts/cache, as anybody, and changes nothing on this machine.
# Before it, $wanted says what the script wants, for who has to install it otherwise.

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "install $wanted" >&2
  exit 1
fi
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
mkdir -p "$parts/lists/partial" "$parts/cache/archives/partial"
: >"$parts/status"
# The mirror that this machine uses; its release may be an older one.
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 | tr -d ' ' || true)
if [ -z "$mirror" ]; then
  echo "no mirror of Debian is set up on this machine: install $wanted" >&2
  exit 1
fi
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$parts/sources.list"
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$parts/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$parts" -o Dir::State::lists="$parts/lists" \
    -o Dir::State::status="$parts/status" -o Dir::Cache="$parts/cache" -o APT::Sandbox::User=root "$@" >&2
}
apt update
