# ~/.bash_logout: executed by bash when a login shell exits.

if [ "$SHLVL" = 1 ] && [ -x /usr/bin/clear_console ]; then
    /usr/bin/clear_console -q
fi
