#!/bin/sh
# Looks for what the make targets need and cannot install, and says all that is missing in one
# line with the command that installs it. Called by the Makefile before it does anything:
#
#   prerequisites.sh PYTHON VENV [PROGRAM]...     VENV: made by PYTHON where it is not there yet

python=$1 venv=$2
shift 2

missing= debian= dragonfly=

# Adds to what is missing: what it is, and the packages of Debian and of DragonFly that bring it.
lacks()
{
	missing="$missing${missing:+, }$1"
	debian="$debian $2"
	dragonfly="$dragonfly $3"
}

can()
{
	"$python" -c "$1" > /dev/null 2>&1
}

if ! can 'import sys; sys.exit(sys.version_info < (3, 11))'; then
	lacks "Python 3.11 or newer as \"$python\"" "python3 python3-venv" "python311 py311-sqlite3 py311-psutil"
else
	# A venv that is there needs none of it.
	[ -x "$venv/bin/python" ] || can 'import ensurepip, venv' ||
	    lacks "Python's venv with ensurepip" python3-venv python311
	can 'import sqlite3' || lacks "Python's sqlite3" libpython3-stdlib py311-sqlite3
	# psutil's own release does not build there; DPorts' patched one does.
	[ "$(uname -s)" != DragonFly ] || can 'import psutil' || lacks psutil "" py311-psutil
fi
for program in "$@"; do
	command -v "$program" > /dev/null 2>&1 || lacks "$program" procps ""
done

[ -n "$missing" ] || exit 0
case $(uname -s) in
DragonFly|FreeBSD)
	how="pkg install$dragonfly (then say PYTHON=python3.11)"
	;;
*)
	how="on Debian: apt-get install$debian; elsewhere your system's packages of these"
	;;
esac
echo "missing: $missing; as root $how" >&2
exit 1
