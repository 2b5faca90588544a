#!/bin/sh
# Fetches the files that vendored.txt lists from npm, with their licences, checks them
# against it and puts them, compressed, into vendored: in the folder that is given, else
# in assets. Exit status 3: npm cannot be used, and nothing has changed.
set -eu
cd "${1:-$(dirname "$0")/assets}"

sums() { awk '!/^#/ { n = split($3, parts, "/"); print $1 "  " parts[n] }' vendored.txt; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sums >"$dir/sums"
current() {
  test -d vendored/_licenses && test "$(ls vendored/*.gz | wc -l)" -eq "$(wc -l <"$dir/sums")" && while read -r sum name; do
    test "$(gzip -dc "vendored/$name.gz" | sha256sum | cut -d ' ' -f 1)" = "$sum" || return 1
  done <"$dir/sums"
}
if current >/dev/null 2>&1; then exit 0; fi
for package in $(awk '!/^#/ { print $2 }' vendored.txt | sort -u); do
  mkdir -p "$dir/$package" "$dir/new/_licenses/$package"
  archive=$(cd "$dir" && npm pack --silent "$package" 2>/dev/null) || exit 3
  tar xzf "$dir/$archive" -C "$dir/$package"
  find "$dir/$package/package" \( -name 'LICENSE*' -o -name 'NOTICE*' -o -name '*.LICENSE.txt' \) -exec cp {} "$dir/new/_licenses/$package/" \;
done
awk '!/^#/ { print $2 "/package/" $3 }' vendored.txt | while read -r file; do cp "$dir/$file" "$dir/new/"; done
(cd "$dir/new" && sha256sum -c "$dir/sums" >"$dir/log") || { grep -v ': OK$' "$dir/log" >&2; exit 1; }
gzip -9n "$dir"/new/*.*
rm -rf vendored
mv "$dir/new" vendored
