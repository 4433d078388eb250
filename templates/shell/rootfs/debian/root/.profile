# ~/.profile: executed by login shells.

[ -n "$BASH" ] && [ -f ~/.bashrc ] && . ~/.bashrc

mesg n 2>/dev/null || true
