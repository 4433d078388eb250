# ~/.profile: executed by the command interpreter for login shells.

if [ -n "$BASH_VERSION" ] && [ -f "$HOME/.bashrc" ]; then
    . "$HOME/.bashrc"
fi

for folder in "$HOME/bin" "$HOME/.local/bin"; do
    [ -d "$folder" ] && PATH="$folder:$PATH"
done
