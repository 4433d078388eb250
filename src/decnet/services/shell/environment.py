"""What a shell process remembers: variables, functions, options, where it is; copied for each subshell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from decnet.services.shell.filesystem import Credentials
from decnet.services.shell.limits import MAX_MEMORY, MAX_TEXT, MAX_VARIABLES, Exhausted
from decnet.services.shell.syntax import Command


@dataclass(frozen=True, slots=True)
class Variable:
    """A shell variable; ``items`` is an array's (indexed by number text, or associative)."""

    value: str = ""
    exported: bool = False
    readonly: bool = False
    integer: bool = False
    items: Mapping[str, str] | None = None
    associative: bool = False
    unset: bool = False
    case: str = ""
    """``l`` or ``u`` of ``declare -l``, ``-u``."""


@dataclass(slots=True)
class Environment:
    """The state of one shell process. ``name`` is ``$0``; ``scopes`` hold what ``local`` hid, innermost last."""

    who: Credentials
    cwd: str
    name: str
    pid: int
    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Command] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)
    positional: list[str] = field(default_factory=list)
    scopes: list[dict[str, Variable | None]] = field(default_factory=list)
    traps: dict[str, str] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    status: int = 0
    umask: int = 0o022
    line: int = 1
    background: int = 0
    """``$!``."""
    calls: int = 0
    memory: int = 0
    subshell: int = 0
    getopts: int = 0

    def copy(self) -> Environment:
        """The same for a subshell; nothing it does comes back."""
        return replace(
            self,
            variables=dict(self.variables),
            functions=dict(self.functions),
            aliases=dict(self.aliases),
            options=set(self.options),
            positional=list(self.positional),
            scopes=[dict(scope) for scope in self.scopes],
            traps={},
            directories=list(self.directories),
            subshell=self.subshell + 1,
        )

    def get(self, name: str) -> str | None:
        """A variable's text (an array's first item); None when it is not set."""
        variable = self.variables.get(name)
        if variable is None or variable.unset:
            return None
        if variable.items is not None:
            return variable.items.get("0")
        return variable.value

    def set(self, name: str, value: str, *, exported: bool | None = None) -> None:
        """Give a variable a text. Raises `Exhausted` past the bounds."""
        if len(value) > MAX_TEXT or (name not in self.variables and len(self.variables) >= MAX_VARIABLES):
            raise Exhausted
        old = self.variables.get(name, _NEW)
        self._account(len(value) - len(old.value))
        if old.case:
            value = value.lower() if old.case == "l" else value.upper()
        if old.items is not None:
            self.variables[name] = replace(old, items={**old.items, "0": value}, unset=False)
            return
        exported = old.exported or "a" in self.options if exported is None else exported
        if old is _NEW:
            self.variables[name] = Variable(value, exported)
        else:
            self.variables[name] = replace(old, value=value, exported=exported, unset=False)

    def set_items(self, name: str, items: Mapping[str, str], *, associative: bool = False) -> None:
        """Make a variable an array."""
        size = sum(len(value) for value in items.values())
        if len(items) > MAX_VARIABLES or size > MAX_TEXT:
            raise Exhausted
        self._account(size)
        old = self.variables.get(name, _NEW)
        self.variables[name] = replace(
            old, value="", items=dict(items), associative=associative or old.associative, unset=False
        )

    def _account(self, size: int) -> None:
        self.memory = max(0, self.memory + size)
        if self.memory > MAX_MEMORY:
            raise Exhausted

    def unset(self, name: str) -> None:
        """Forget a variable."""
        gone = self.variables.pop(name, None)
        if gone is not None:
            self.memory = max(0, self.memory - len(gone.value))

    def hide(self, name: str) -> None:
        """``local``: remember what the innermost function's end brings back."""
        if self.scopes and name not in self.scopes[-1]:
            self.scopes[-1][name] = self.variables.get(name)
            exported = self.variables[name].exported if name in self.variables else False
            self.variables[name] = Variable(unset=True, exported=exported)

    def leave(self) -> None:
        """The end of a function: its locals go."""
        for name, old in self.scopes.pop().items():
            if old is None:
                self.variables.pop(name, None)
            else:
                self.variables[name] = old

    def exports(self) -> dict[str, str]:
        """The environment of a command."""
        return {
            name: variable.value
            for name, variable in self.variables.items()
            if variable.exported and not variable.unset and variable.items is None
        }

    def adopt(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Set and export variables."""
        for name, value in pairs:
            self.set(name, value, exported=True)


_NEW = Variable()
