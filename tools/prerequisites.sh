#!/bin/sh
# Checks what pip cannot install: Python 3.11 or newer with venv and headers, and a C compiler. If one is missing, prints the
# one line that installs it here; it installs nothing itself. Usage: prerequisites.sh [PYTHON]

python=${1:-python3}
name=$(basename "$python")
missing=

add() { missing="${missing:+$missing, }$1"; }
try() { "$python" -c "$1" >/dev/null 2>&1; }

install_line() {
    system=$(uname -s)
    [ -r /etc/os-release ] && system="$system $(. /etc/os-release; echo "$ID $ID_LIKE")"
    case $system in
    Darwin*) echo "xcode-select --install; brew install python" ;;
    *debian* | *ubuntu*) echo "sudo apt-get install -y $name $name-venv $name-dev gcc make" ;;
    *fedora* | *rhel*) echo "sudo dnf install -y $name $name-devel gcc make" ;;
    *suse*) echo "sudo zypper install -y $name $name-devel gcc make" ;;
    *arch*) echo "sudo pacman -S --needed python gcc make" ;;
    *alpine*) echo "sudo apk add python3 python3-dev gcc musl-dev linux-headers make" ;;
    *) echo "(not a known system) Python 3.11 or newer with venv and headers, make and a C compiler" ;;
    esac
}

if ! try ''; then
    add "$python"
elif ! try 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    add "Python 3.11 or newer ($("$python" --version) found; name another by make PYTHON=python3.11)"
    name=python3.11
else
    try 'import venv, ensurepip' || add "the venv module of $python"
    try 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
        add "the C headers of $python"
fi
command -v "${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 ||
    add "a C compiler"

[ -z "$missing" ] && exit 0
echo "Missing: $missing. This line installs what fastact needs:" >&2
echo "    $(install_line)" >&2
exit 1
