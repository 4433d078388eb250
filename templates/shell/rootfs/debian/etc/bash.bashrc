# /etc/bash.bashrc: what every interactive bash reads.

[ -z "$PS1" ] && return

shopt -s checkwinsize

[ -r /etc/debian_chroot ] && debian_chroot=$(cat /etc/debian_chroot)
PS1='${debian_chroot:+($debian_chroot)}\u@\h:\w\$ '

[ -f /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion
