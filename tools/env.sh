# Sourced by the scripts here: where the repository and its caches are, and how the build is set up.
#
#   $root    the repository            $cache   what tools/setup fetched, shared by all clones
# QUICKWATER_CACHE moves the cache, QUICKWATER_JOBS limits the build's parallel jobs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${QUICKWATER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quickwater}

# Debian's own interpreter, which is the one that has the packages tools/setup installs.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
venv=$cache/venv

# What ccache asks for with a precompiled header; relative paths let two clones share one cache. That
# a header may not be newer than the compilation stays checked: one edited during a build would
# leave its old meaning in the cache under its new content.
export CCACHE_SLOPPINESS=pch_defines,time_macros
# The dependency file is enough to know a result again: without it a miss preprocesses every file
# twice.
export CCACHE_DEPEND=1
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${CCACHE_BASEDIR:-$(dirname "$root")}

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }
