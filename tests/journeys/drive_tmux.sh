#!/usr/bin/env bash
# The main job in a real terminal: drives `frieze` inside tmux by keys, reads the screen, exits 0 when a LoRA was made.
#
#   drive_tmux.sh PYTHON COLLECTION PICTURES BASE [WIDTH HEIGHT]
#
# Prints the last screen. Needs tmux 3 or newer. Uses a server of its own and ends it.
set -euo pipefail
python=$1 collection=$2 pictures=$3 base=$4 width=${5:-120} height=${6:-40}
socket="frieze-journey-$$"
tmux() { command tmux -L "$socket" "$@"; }
trap 'tmux kill-server 2>/dev/null || true' EXIT

screen() { tmux capture-pane -p -t journey; }
keys() { tmux send-keys -t journey "$@"; sleep 0.3; }
types() { tmux send-keys -t journey -l "$1"; sleep 0.3; }
sees() { # waits for a text on the screen, ten minutes at most
    for _ in $(seq 3000); do
        if screen | grep -qF -- "$1"; then return; fi
        sleep 0.2
    done
    echo "waited in vain for: $1" >&2
    screen >&2
    exit 1
}
sets() { # finds a field of the recipe and fills it in
    keys /; types "$1"; keys Enter; keys Enter; keys C-u; types "$2"; keys Enter
}

tmux new-session -d -s journey -x "$width" -y "$height" \
    "env TERM=tmux-256color bash -c \"set -e
    $python -m curator scan '$pictures' --collection '$collection'
    $python -m curator buckets --resolution 128 --min 64 --max 256 --set --collection '$collection'
    exec $python -m curator '$collection'\""
sees '1 Browse'
sees 'cat-1.png'
keys /; types 'cat -outdoors'; keys Enter
sees 'cat-1.png'
keys a; types 'by hand'; keys Enter
sees 'by hand'
keys u
keys /; keys C-u; keys Enter
sees '6 images'
keys y; keys x # keep the first, reject the next
keys /; keys C-u; types 'mark:keep OR mark:reject'; keys Enter
sees '2 images'
keys u; keys u
keys /; keys C-u; types 'mark:none'; keys Enter
sees '6 images'
keys /; keys C-u; keys Enter
sees '6 images'
keys 2
sees 'steps per epoch'
keys 4
sees 'Freeze'
sleep 1
keys n; types 'first'; keys Enter
sees 'digest'
keys 3
sees 'step 1 '
keys 5
sees 'manifest'
sets model.path "$base"
sets length.epochs 1
sets precision.mixed fp32
sets batch.size 2
keys L
sees 'Start training'
keys y
sees '[6 Runs]'
sees 'finished'
screen
keys q
ls "$collection"/runs/*/output/*.safetensors
