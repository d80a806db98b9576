# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the demonstrations share. Each sets `dir`, its temporary directory, before it calls one of these.
# shellcheck disable=SC2034,SC2154 # it sets the colours for them, and they set dir

if [ -t 1 ]; then
    bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else
    bold='' green='' red='' plain=''
fi

step_number=0
step() {
    step_number=$((step_number + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$step_number" "$*" "$plain"
}

tell() {
    printf '   %s\n' "$*"
}

give_up() {
    printf '\n%sThe demonstration failed: %s%s\n' "$red" "$*" "$plain" >&2
    for log in "$dir"/*.log; do
        sed "s,^,   ${log##*/}: ," "$log" >&2
    done
    exit 1
}

# wait_until WHAT COMMAND...: asks 50 times a second, 20 seconds at most.
wait_until() {
    what=$1 end=$(($(date +%s) + 20))
    shift
    until "$@"; do
        [ "$(date +%s)" -le "$end" ] || give_up "waited 20 s for $what"
        sleep 0.02
    done
}

says() { # LOG TEXT
    grep -q -e "$2" "$1"
}
