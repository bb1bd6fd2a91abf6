#!/usr/bin/env bash
# Installs the outside readers (requirements.txt from PyPI into a venv, jars.txt from Maven Central) into a cache outside the clone.
# Safe to run again: a finished installation of the same pins is used as it is, an unfinished one is made anew. Prints versions.
set -euo pipefail
cd "$(dirname "$0")"

fail() { echo "readers: $1" >&2; exit 1; }
for tool in python3 java mvn sha256sum flock; do
  command -v "$tool" >/dev/null || fail "$tool is needed to install or run the outside readers, and is not on PATH."
done
java_major=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
[ "$java_major" -ge 17 ] || fail "Spark needs Java 17 or later; found $java_major."

# The same name as readers.ts computes, so that tests never run on other pins than these.
pins=$(cat requirements.txt jars.txt | sha256sum | cut -c1-12)
root="${TIDEWATER_CACHE:-$HOME/.cache/tidewater}/readers"
home="$root/$pins"
mkdir -p "$root"
exec 9>"$root/lock"
flock -w 1800 9 || fail "another installation held $root/lock for half an hour."

if [ ! -e "$home/complete" ]; then
  started=$SECONDS
  rm -rf "$home"
  mkdir -p "$home/jars"
  python3 -m venv "$home/venv" || fail "python3 -m venv failed; on Debian, install python3-venv."
  "$home/venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt || fail "pip could not install requirements.txt."
  while read -r artifact; do
    mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
      -Dartifact="$artifact" -DoutputDirectory="$home/jars" || fail "Maven could not copy $artifact."
  done < jars.txt
  touch "$home/complete"
  echo "readers: installed in $((SECONDS - started)) s"
fi
"$home/venv/bin/python" -c 'import pyarrow, pyiceberg, pyspark; print(f"readers: pyiceberg {pyiceberg.__version__}, pyarrow {pyarrow.__version__}, spark {pyspark.__version__}, java '"$java_major"'")'
sed "s|^[^:]*:|readers: |" jars.txt
