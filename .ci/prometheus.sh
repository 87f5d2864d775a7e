#!/usr/bin/env bash
# Says where Prometheus and promtool are: on PATH, or taken out of Debian's package into .local/prometheus, without installing it.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  dirname "$(command -v prometheus)"
  exit
fi
folder="$PWD/.local/prometheus"
if [ ! -x "$folder/usr/bin/prometheus" ]; then
  mkdir -p "$folder"
  (
    cd "$folder"
    apt-get update -qq >&2
    apt-get download -qq prometheus >&2
    dpkg-deb -x prometheus_*.deb .
    rm prometheus_*.deb
  )
fi
echo "$folder/usr/bin"
