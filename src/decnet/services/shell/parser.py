"""From text to syntax tree: the grammar of POSIX.1-2017 XCU 2.10 with bash's everyday extensions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from decnet.services.shell.scanner import METACHARACTERS, NAME, Incomplete, SyntaxFault
from decnet.services.shell.syntax import (
    AndOr,
    ArithCommand,
    Assignment,
    Case,
    Command,
    For,
    ForArith,
    Function,
    Group,
    If,
    Lit,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Test,
    While,
    Word,
)
from decnet.services.shell.tokens import RESERVED, Tokens

CLOSERS = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
DECLARERS = frozenset(("declare", "typeset", "local", "export", "readonly"))
MAX_ALIASES = 20
_TEST = ("&&", "||", "(", ")", "<", ">")
_ASSIGN = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[|\+?=)")
_FUNCTION = re.compile(r"([^\s;&|()<>$`\"'\\={}\[\]]+)[ \t]*\([ \t]*\)")


class Parser(Tokens):
    """Reads a script command by command: `next` gives the commands of one logical line, None at the end."""

    aliases: Mapping[str, str] = {}

    def __init__(self, text: str, *, depth: int = 0, ash: bool = False) -> None:
        super().__init__(text, depth=depth, ash=ash)
        self._expansions = 0

    def next(self) -> Sequence | None:
        """The next complete line of commands. Raises `Incomplete` or `SyntaxFault`."""
        self._blank_lines()
        if self.at >= len(self.text):
            return None
        items: list[AndOr] = []
        while True:
            items.append(self._and_or())
            self._spaces()
            if self.peek() in ("\n", ""):
                self._newline()
                return Sequence(tuple(items))
            if self._operator() == ";" or items[-1].background:
                if not items[-1].background:
                    self.at += 1
                self._spaces()
                if self.peek() in ("\n", ""):
                    self._newline()
                    return Sequence(tuple(items))
                continue
            raise SyntaxFault(self._token(), self.line())

    def substitution(self) -> Sequence:
        """The commands up to the closing parenthesis, which is passed."""
        body = self._sequence(frozenset(), empty=True)
        if self.peek() != ")":
            raise Incomplete(")", self.line()) if not self.peek() else SyntaxFault(self._token(), self.line())
        self.at += 1
        return body

    def nested(self, text: str) -> Sequence:
        """All commands of another text."""
        inner = self.inner(text)
        assert isinstance(inner, Parser)  # noqa: S101 (inner makes its own kind)
        body = inner._sequence(frozenset(), empty=True)  # noqa: SLF001 (its own kind)
        if inner.at < len(inner.text):
            raise SyntaxFault(inner._token(), self.line())  # noqa: SLF001
        return body

    def _sequence(self, closers: frozenset[str], *, empty: bool = False) -> Sequence:
        """Commands up to one of the closing words, a closing parenthesis, ``;;`` or the end."""
        self.deeper()
        items: list[AndOr] = []
        while True:
            self._blank_lines()
            if self._ends(closers):
                break
            items.append(self._and_or())
            self._spaces()
            if items[-1].background:
                continue
            if self._operator() == ";":
                self.at += 1
            elif self.peek() not in ("\n", ")", "") and not self._operator().startswith(";"):
                raise SyntaxFault(self._token(), self.line())
        if not items and not empty:
            raise SyntaxFault(self._token(), self.line()) if self.peek() else Incomplete("word", self.line())
        self.depth -= 1
        return Sequence(tuple(items))

    def _ends(self, closers: frozenset[str]) -> bool:
        char = self.peek()
        if char in (")", "") or (char == ";" and self.peek(2) in (";;", ";&")):
            return True
        word = self._reserved()
        return word in closers

    def _and_or(self) -> AndOr:
        self._spaces()
        start = self.at
        first = self._pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while True:
            self._spaces()
            operator = self._operator()
            if operator not in ("&&", "||"):
                break
            self.at += 2
            self._blank_lines()
            rest.append((operator, self._pipeline()))
        source = self.text[start : self.at].strip()
        background = operator == "&"
        if background:
            self.at += 1
        return AndOr(first, tuple(rest), background, source)

    def _pipeline(self) -> Pipeline:
        negated = timed = False
        self._spaces()
        while True:
            if self._reserved() == "!":
                negated = not negated
                self.at += 1
            elif self._reserved() == "time":
                timed = True
                self.at += 4
                self._spaces()
                if self.peek(2) == "-p":
                    self.at += 2
            else:
                break
            self._spaces()
        if (timed or negated) and self.peek() in ("\n", ";", ""):
            return Pipeline((Simple((), (), (), self.line()),), negated, timed)
        commands = [self._command()]
        while True:
            self._spaces()
            operator = self._operator()
            if operator not in ("|", "|&"):
                break
            self.at += len(operator)
            if operator == "|&":
                both = Redirect(2, ">&", Word((Lit("1"),), "1"))
                commands[-1] = Redirected(commands[-1], (both,))
            self._blank_lines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated, timed)

    def _command(self) -> Command:
        self._spaces()
        if not self.peek():
            raise Incomplete("command", self.line())
        command = self._compound()
        if command is None:
            return self._simple()
        if isinstance(command, Function):
            return command
        redirects: list[Redirect] = []
        while True:
            self._spaces()
            if not self._redirect(redirects):
                break
        return Redirected(command, tuple(redirects)) if redirects else command

    def _compound(self) -> Command | None:
        if self.peek(2) == "((" and not self.ash:
            start = self.at
            self.at += 2
            expression = self._arithmetic()
            if expression is not None:
                return ArithCommand(expression)
            self.at = start
        if self.peek() == "(":
            self.at += 1
            self.deeper()
            body = self._sequence(frozenset())
            self.depth -= 1
            self._expect_parenthesis()
            return Group(body, subshell=True)
        word = self._reserved()
        reader = {
            "if": self._if,
            "while": self._while,
            "until": self._while,
            "for": self._for,
            "case": self._case,
            "{": self._group,
            "[[": self._test,
            "function": self._function_word,
        }.get(word)
        if reader:
            self.at += len(word)
            return reader() if word != "until" else self._while(until=True)
        if word in RESERVED:
            raise SyntaxFault(word, self.line())
        match = _FUNCTION.match(self.text, self.at)
        if match:
            self.at = match.end()
            return self._function(match[1])
        return None

    def _expect_parenthesis(self) -> None:
        if not self.peek():
            raise Incomplete(")", self.line())
        if self.peek() != ")":
            raise SyntaxFault(self._token(), self.line())
        self.at += 1

    def _expect(self, word: str) -> None:
        self._blank_lines()
        if not self.peek():
            raise Incomplete(word, self.line())
        if self._reserved() != word:
            raise SyntaxFault(self._token(), self.line())
        self.at += len(word)

    def _if(self) -> Command:
        branches = []
        otherwise = None
        condition = self._sequence(frozenset(("then",)))
        self._expect("then")
        body = self._sequence(frozenset(("elif", "else", "fi")))
        branches.append((condition, body))
        while self._reserved() == "elif":
            self.at += 4
            condition = self._sequence(frozenset(("then",)))
            self._expect("then")
            branches.append((condition, self._sequence(frozenset(("elif", "else", "fi")))))
        if self._reserved() == "else":
            self.at += 4
            otherwise = self._sequence(frozenset(("fi",)))
        self._expect("fi")
        return If(tuple(branches), otherwise)

    def _while(self, *, until: bool = False) -> Command:
        condition = self._sequence(frozenset(("do",)))
        return While(condition, self._do(), until)

    def _do(self) -> Sequence:
        self._expect("do")
        body = self._sequence(frozenset(("done",)))
        self._expect("done")
        return body

    def _for(self) -> Command:
        self._spaces()
        if self.peek(2) == "((":
            return self._for_arith()
        name = self.word()
        if not NAME.fullmatch(name.source):
            if not self.peek() and not name.source:
                raise Incomplete("word", self.line())
            raise SyntaxFault(name.source or self._token(), self.line())
        self._blank_lines()
        words: tuple[Word, ...] | None = None
        if self._reserved() == "in":
            self.at += 2
            found: list[Word] = []
            while True:
                self._spaces()
                word = self.word()
                if not word.source:
                    break
                found.append(word)
            words = tuple(found)
        self._spaces()
        if self._operator() == ";":
            self.at += 1
        self._blank_lines()
        return For(name.source, words, self._do())

    def _for_arith(self) -> Command:
        self.at += 2
        start = self.at
        if self._arithmetic() is None:
            raise SyntaxFault("((", self.line())
        pieces = self.text[start : self.at - 2].split(";")
        if len(pieces) != 3:
            raise SyntaxFault("((", self.line())
        first, condition, step = (self.inner(piece).quoted_word() for piece in pieces)
        self._spaces()
        if self._operator() == ";":
            self.at += 1
        self._blank_lines()
        if self._reserved() == "{":
            self.at += 1
            group = self._group()
            assert isinstance(group, Group)  # noqa: S101 (it makes nothing else)
            return ForArith(first, condition, step, group.body)
        return ForArith(first, condition, step, self._do())

    def _case(self) -> Command:
        self._spaces()
        subject = self.word()
        self._expect("in")
        items: list[tuple[tuple[Word, ...], Sequence, str]] = []
        while True:
            self._blank_lines()
            if not self.peek():
                raise Incomplete("esac", self.line())
            if self._reserved() == "esac":
                self.at += 4
                return Case(subject, tuple(items))
            if self.peek() == "(":
                self.at += 1
            patterns = self._patterns()
            body = self._sequence(frozenset(("esac",)), empty=True)
            operator = self._operator()
            if operator in (";;", ";&", ";;&"):
                self.at += len(operator)
            elif not self.peek():
                raise Incomplete("esac", self.line())
            items.append((patterns, body, operator))

    def _patterns(self) -> tuple[Word, ...]:
        patterns: list[Word] = []
        while True:
            self._spaces()
            word = self.word()
            self._spaces()
            if not self.peek():
                raise Incomplete("esac", self.line())
            if not word.source or self.peek() not in "|)":
                raise SyntaxFault(self._token(), self.line())
            patterns.append(word)
            self.at += 1
            if self.text[self.at - 1] == ")":
                return tuple(patterns)

    def _group(self) -> Command:
        body = self._sequence(frozenset(("}",)))
        self._expect("}")
        return Group(body)

    def _test(self) -> Command:
        words: list[Word] = []
        while True:
            self._blank_lines()
            if not self.peek():
                raise Incomplete("]]", self.line())
            regex = bool(words) and words[-1].source == "=~"
            operator = "" if regex else next((op for op in _TEST if self.text.startswith(op, self.at)), "")
            if operator:
                self.at += len(operator)
                words.append(Word((Lit(operator),), operator))
                continue
            word = self.word(frozenset(" \t\n") if regex else METACHARACTERS)
            if not word.source:
                raise SyntaxFault(self._token(), self.line())
            if word.source == "]]":
                return Test(tuple(words))
            words.append(word)

    def _function_word(self) -> Command:
        self._spaces()
        name = self.word().source
        if not name:
            raise SyntaxFault(self._token(), self.line())
        self._spaces()
        if self.peek() == "(":
            self.at += 1
            self._spaces()
            self._expect_parenthesis()
        return self._function(name)

    def _function(self, name: str) -> Command:
        self._blank_lines()
        if not self.peek():
            raise Incomplete("}", self.line())
        body = self._compound()
        if body is None:
            raise SyntaxFault(self._token(), self.line())
        redirects: list[Redirect] = []
        while self._redirect(redirects):
            self._spaces()
        return Function(name, Redirected(body, tuple(redirects)) if redirects else body)

    def _simple(self) -> Command:
        line = self.line()
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        arrays: list[tuple[int, Assignment]] = []
        while True:
            self._spaces()
            if self._redirect(redirects):
                continue
            declares = bool(words) and words[0].source in DECLARERS
            if not words or declares:
                assignment = self._assignment(arrays_only=declares)
                if assignment is not None:
                    if declares:
                        arrays.append((len(words), assignment))
                        words.append(Word((Lit(assignment.name),), assignment.name))
                    else:
                        assignments.append(assignment)
                    continue
            if not words and self._alias():
                continue
            word = self.word()
            if not word.source:
                break
            words.append(word)
        if self.peek() == "(" and words:
            raise SyntaxFault("(", self.line())
        if not (assignments or words or redirects):
            raise SyntaxFault(self._token(), self.line()) if self.peek() else Incomplete("command", line)
        return Simple(tuple(assignments), tuple(words), tuple(redirects), line, tuple(arrays))

    def _alias(self) -> bool:
        """Put an alias's text in the place of the word here; whether it did."""
        match = re.compile(r"[^\s;&|()<>\"'\\$`]+").match(self.text, self.at)
        value = self.aliases.get(match[0]) if match else None
        if match is None or value is None or self._expansions >= MAX_ALIASES:
            return False
        self._expansions += 1
        head = value.lstrip().split(" ")[0]
        tail = self.text[match.end() :]
        if head == match[0]:
            self.aliases = {name: text for name, text in self.aliases.items() if name != head}
        self.text = self.text[: self.at] + value.lstrip() + tail
        return True

    def _assignment(self, *, arrays_only: bool) -> Assignment | None:
        match = _ASSIGN.match(self.text, self.at)
        if match is None:
            return None
        start = self.at
        name, operator = match[1], match[2]
        self.at = match.end()
        index = None
        if operator == "[":
            self.at -= 1
            index = self._index()
            operator = self.peek(2) if self.peek(2) == "+=" else self.peek()
            if operator not in ("=", "+="):
                self.at = start
                return None
            self.at += len(operator)
        if self.peek() == "(" and not self.ash and index is None:
            self.at += 1
            return Assignment(name, self._array(), None, operator == "+=")
        if arrays_only:
            self.at = start
            return None
        return Assignment(name, self.word(), index, operator == "+=")

    def _array(self) -> tuple[Word, ...]:
        words: list[Word] = []
        while True:
            self._blank_lines()
            if not self.peek():
                raise Incomplete(")", self.line())
            if self.peek() == ")":
                self.at += 1
                return tuple(words)
            word = self.word()
            if not word.source:
                raise SyntaxFault(self._token(), self.line())
            words.append(word)
