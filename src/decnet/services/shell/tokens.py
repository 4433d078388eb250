"""Between characters and commands: blanks, operators, reserved words, redirections and here-documents."""

from __future__ import annotations

import re

from decnet.services.shell.scanner import METACHARACTERS, Incomplete, Scanner, SyntaxFault
from decnet.services.shell.syntax import Lit, Redirect, Word

RESERVED = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "while",
        "until",
        "for",
        "do",
        "done",
        "case",
        "esac",
        "in",
        "{",
        "}",
        "!",
        "function",
        "[[",
        "]]",
        "select",
        "time",
    ]
)
_OPERATORS = (
    ";;&",
    "<<-",
    "<<<",
    "&>>",
    "&&",
    "||",
    ";;",
    ";&",
    "|&",
    "<<",
    ">>",
    "<&",
    ">&",
    "<>",
    ">|",
    "&>",
)
_REDIRECT = re.compile(r"(\d{0,3})(<<<|<<-|<<|<&|<>|>>|>&|>\||<|>)")
_BARE = re.compile(r"[^\s;&|()<>]+")


class Tokens(Scanner):
    """Reads what stands between words."""

    def _redirect(self, redirects: list[Redirect]) -> bool:
        if self.peek(2) in ("<(", ">("):
            return False
        if self.text.startswith("&>", self.at) and not self.ash:
            append = self.text.startswith("&>>", self.at)
            self.at += 3 if append else 2
            redirects.append(Redirect(-1, ">>" if append else ">", self._target()))
            return True
        match = _REDIRECT.match(self.text, self.at)
        if match is None or (match[1] and self.at and self.text[self.at - 1] not in METACHARACTERS):
            return False
        self.at = match.end()
        op = match[2]
        fd = int(match[1]) if match[1] else 0 if op[0] == "<" else 1
        target = self._target()
        if op in ("<<", "<<-"):
            delimiter = "".join(part.text for part in target.parts if isinstance(part, Lit))
            raw = any(isinstance(part, Lit) and part.quoted for part in target.parts)
        elif op == ">&" and not match[1] and not re.fullmatch(r"\d+|-|\$.*", target.source):
            fd, op = -1, ">"
        redirects.append(Redirect(fd, op, target))
        if op in ("<<", "<<-"):
            redirects[-1] = Redirect(fd, "<<", self._here_document(op, delimiter, raw=raw))
        return True

    def _target(self) -> Word:
        self._spaces()
        word = self.word()
        if not word.source:
            if not self.peek():
                raise SyntaxFault("newline", self.line())
            raise SyntaxFault(self._token(), self.line())
        return word

    def _here_document(self, op: str, delimiter: str, *, raw: bool) -> Word:
        """Cut the body out of the text, from the next line on, at once: the rest of this line is read later."""
        newline = self.text.find("\n", self.at)
        if newline < 0:
            raise Incomplete(f"here-document delimited by {delimiter}", self.line())
        at = newline + 1
        lines: list[str] = []
        while True:
            if at >= len(self.text):
                raise Incomplete(f"here-document delimited by {delimiter}", self.line())
            end = self.text.find("\n", at)
            line = self.text[at:] if end < 0 else self.text[at:end]
            at = len(self.text) if end < 0 else end + 1
            if op == "<<-":
                line = line.lstrip("\t")
            if line == delimiter:
                break
            lines.append(line + "\n")
        self.text = self.text[: newline + 1] + self.text[at:]
        body = "".join(lines)
        return Word((Lit(body, quoted=True),), body) if raw else self.inner(body).here_body()

    def _spaces(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _blank_lines(self) -> None:
        self._spaces()
        while self.peek() == "\n":
            self._newline()
            self._spaces()

    def _newline(self) -> None:
        if self.peek() == "\n":
            self.at += 1

    def _operator(self) -> str:
        for operator in _OPERATORS:
            if self.text.startswith(operator, self.at):
                return operator
        char = self.peek()
        return char if char in METACHARACTERS else ""

    def _reserved(self) -> str:
        """The word here if it is a reserved one, unquoted and whole."""
        match = _BARE.match(self.text, self.at)
        return match[0] if match and match[0] in RESERVED else ""

    def _token(self) -> str:
        """What stands here, for a message."""
        if self.peek() in ("\n", ""):
            return "newline"
        operator = self._operator().strip()
        if operator:
            return operator
        match = _BARE.match(self.text, self.at)
        return match[0] if match else self.peek()
