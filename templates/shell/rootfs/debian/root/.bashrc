# ~/.bashrc: executed by bash for shells that are not login shells.

# PS1 and umask are set in /etc/profile already.
# umask 022

# export LS_OPTIONS='--color=auto'
# alias ls='ls $LS_OPTIONS'
# alias ll='ls $LS_OPTIONS -l'
#
# alias rm='rm -i'
# alias cp='cp -i'
# alias mv='mv -i'
