#!/usr/bin/env bash
# Prints the folder with Postgres's client programs, 17 or newer: those on the PATH where they fit, or else Debian's, in a folder of their own
# that changes nothing on this machine. They come with the C library that they were made for. Usage: postgres-client.sh [folder]
set -euo pipefail

major=17
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/oauth2-serverless/postgres-client-$major}

fits() {
  local told
  told=$("$1" --version 2>/dev/null) && [[ $told =~ \(PostgreSQL\)\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= major))
}

for known in "$(command -v pg_dump || true)" "$folder/bin/pg_dump"; do
  if [ -n "$known" ] && fits "$known" && fits "$(dirname "$known")/pg_restore"; then
    dirname "$known"
    exit
  fi
done

wanted="the PostgreSQL $major client programs"
. "$(dirname "$0")/debian.sh"
apt install -y --download-only --no-install-recommends "postgresql-client-$major"

rm -rf "$folder"
mkdir -p "$folder/root" "$folder/bin"
for package in "$parts"/cache/archives/*.deb; do
  case $(basename "$package") in
    # What the programs load, and not what packages them.
    postgresql-client-"$major"_* | lib* | zlib* ) dpkg-deb -x "$package" "$folder/root" ;;
  esac
done
loader=$(find "$folder/root" -name 'ld-linux*.so.*' | head -1)
libraries=$(find "$folder/root" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd:)
for program in pg_dump pg_restore; do
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" "$libraries" "$folder/root/usr/lib/postgresql/$major/bin/$program" >"$folder/bin/$program"
  chmod 755 "$folder/bin/$program"
done
fits "$folder/bin/pg_dump" && fits "$folder/bin/pg_restore" || {
  echo "Debian's programs in $folder do not run on this machine" >&2
  exit 1
}
echo "$folder/bin"
