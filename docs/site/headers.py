# SPDX-License-Identifier: Apache-2.0
"""Reads the public declarations of C++ headers, with their comments.

A parser of declarations at namespace and class level, for code as clang-format writes it. It does not look into the bodies of
functions, and expands a macro only where a documented use of it declares something.

A comment belongs to the declaration below it (`///`), or before it on the same line (`///<`).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.)*)
      | (?P<string>(?:u8|[LuU])?R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"|(?:u8|[LuU])?"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')
      | (?P<number>\.?\d(?:'?[\w.]|[eEpP][+-])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign>\#\#|::|->|\.\.\.|&&|\|\||[<>=!]=|[^\s\w])""",
    re.X | re.S | re.M,
)
CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
TYPES = ("class", "struct", "union", "enum")
MACRO = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]*")
# A macro of LibTorch that declares a type.
MACROS = {"TORCH_MODULE": (["Name"], "class Name : public torch::nn::ModuleHolder<Name##Impl> {}", 0)}
ACCESS = ("public", "protected", "private")


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass
class Declaration:
    kind: str  # class, struct, union, enum, concept, alias, function, variable, enumerator
    name: str
    scope: tuple  # the names of the namespaces and classes around it
    text: str  # the declaration without a body
    doc: str = ""
    header: str = ""
    line: int = 0
    access: str = "public"
    is_definition: bool = True
    is_specialization: bool = False
    is_implicit: bool = False  # defaulted or deleted
    members: list = field(default_factory=list)

    @property
    def path(self):
        return (*self.scope, self.name)

    @property
    def is_type(self):
        return self.kind in TYPES


class Unreadable(Exception):
    pass


class Reader:
    """Reads one header into `declarations`."""

    def __init__(self, text, header, line=1, macros=None, scope=()):
        self.text, self.header, self.first_line = text, header, line
        self.macros = dict(MACROS) if macros is None else macros
        self.tokens, self.comments = [], []
        branches = []  # for each open #if: whether this is its first branch
        for match in TOKEN.finditer(text):
            kind = match.lastgroup if match.lastgroup != "delimiter" else "string"
            if kind == "directive" and (word := re.match(r"\s*#\s*(if|el|endif)", match[0])):
                if word[1] != "if":
                    branches.pop()
                if word[1] != "endif":
                    branches.append(word[1] == "if")
            elif not all(branches):
                continue
            elif kind == "comment":
                self.comments.append(Token(kind, match[0], match.start(), match.end()))
            elif kind == "directive":
                self.define(match[0], match.start())
            else:
                self.tokens.append(Token(kind, match[0], match.start(), match.end()))
        self.above, self.behind = self.attach_comments()
        self.declarations = []
        self.at = 0
        self.tokens.append(Token("end", "", len(text), len(text)))
        self.read_scope(scope, self.declarations, "public")
        if self.at + 1 != len(self.tokens):
            self.fail("a } without its {.")

    # -------------------------------------------------------------------------------------------------- comments, macros

    def line(self, place):
        return self.first_line + self.text.count("\n", 0, place)

    def define(self, text, start):
        if match := re.match(r"\s*#\s*define\s+(\w+)(?:\(([^)]*)\))?(.*)", text, re.S):
            body = re.sub(r"\\\n", "\n", match[3])
            parameters = None if match[2] is None else [name.strip() for name in match[2].split(",")]
            self.macros[match[1]] = (parameters, body, self.line(start))

    def attach_comments(self):
        """Two tables: line -> the comment that ends above it, line -> the comment that trails it."""
        above, behind, block, last = {}, {}, [], -1
        trailing = None
        for comment in self.comments:
            line = self.line(comment.start)
            column = comment.start - (self.text.rfind("\n", 0, comment.start) + 1)
            alone = not self.text[comment.start - column : comment.start].strip()
            if match := re.match(r"///< ?(.*)", comment.text, re.S):
                if alone and trailing == line - 1:  # continues the comment before it
                    behind[place] += "\n" + match[1]
                else:
                    place = line
                    behind[place] = match[1]
                trailing = line
            elif comment.text.startswith("///") and alone:
                if last != line - 1:
                    block = []
                block.append(re.sub(r"^/// ?", "", comment.text))
                last = line
                above.pop(line, None)
                above[line + 1] = "\n".join(block)
        return above, behind

    # ----------------------------------------------------------------------------------------------------------- tokens

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead].text if self.at + ahead < len(self.tokens) else ""

    def fail(self, message):
        place = self.tokens[min(self.at, len(self.tokens) - 1)].start
        raise Unreadable(f"{self.header}:{self.line(place)}: {message}")

    def expect(self, text):
        if self.peek() != text:
            self.fail(f"{self.peek() or 'the end'} instead of {text}.")
        self.at += 1

    def skip_group(self):
        """Moves behind a group in (), [], {} or <>."""
        opening = self.peek()
        closing = CLOSING[opening]
        self.at += 1
        while self.peek() != closing:
            text = self.peek()
            if not text:
                self.fail(f"no {closing} for this {opening}.")
            if text in "([{" or (text == "<" and opening == "<"):
                self.skip_group()
            else:
                self.at += 1
        self.at += 1

    def opens_arguments(self):
        """True if the `<` here opens template arguments that close before the group or the statement ends."""
        before = self.tokens[self.at - 1] if self.at else None
        if before is None or not (before.kind == "word" or before.text == "operator"):
            return False
        closing = []
        for token in self.tokens[self.at :]:
            if token.text in CLOSING:
                closing.append(CLOSING[token.text])
            elif token.text in CLOSING.values():
                if token.text != closing.pop():
                    return False
                if not closing:
                    return True
            elif token.text in (";", "&&", "||") and len(closing) == 1:
                return False
        return False

    def skip_to(self, *ends):
        """Moves to the first of `ends` outside of groups."""
        while self.peek() not in ends:
            text = self.peek()
            if not text:
                self.fail(f"none of {' '.join(ends)} follows.")
            if text in "([{" or (text == "<" and self.opens_arguments()):
                self.skip_group()
            else:
                self.at += 1

    def skip_requires_clause(self):
        """Moves behind `requires a<b> && (c) || requires(...) {...}`."""
        self.at += 1
        while True:
            if self.peek() == "!":
                self.at += 1
            if self.peek() == "requires":
                self.at += 1
                if self.peek() == "(":
                    self.skip_group()
                self.skip_group()
            elif self.peek() == "(":
                self.skip_group()
            else:
                while True:
                    self.at += 1
                    if self.peek() == "<":
                        self.skip_group()
                    if self.peek() != "::":
                        break
                    self.at += 1
                    if self.peek() == "template":
                        self.at += 1
            if self.peek() not in ("&&", "||"):
                return
            self.at += 1

    # ----------------------------------------------------------------------------------------------------- declarations

    def read_scope(self, scope, into, access):
        """Reads declarations up to the } of a namespace or class, or to the end."""
        while self.peek() not in ("", "}"):
            if self.peek() == ";":
                self.at += 1
                continue
            if self.peek() in ACCESS and self.peek(1) == ":":
                access = self.peek()
                self.at += 2
                continue
            begin = self.at
            made = len(into)
            holds_scope = self.peek() in ("namespace", "extern") or self.peek(1) == "namespace"
            self.read_declaration(scope, into, access)
            start, end = self.tokens[begin].start, self.tokens[self.at - 1].end
            first, last = self.line(start), self.line(end - 1)
            doc = self.above.get(first, "")
            trailing = self.behind.get(last) or self.behind.get(first) or ""
            for declaration in into[made:] if not holds_scope else ():
                declaration.header = declaration.header or self.header
                declaration.line = declaration.line or first
                declaration.doc = declaration.doc or doc or trailing

    def read_declaration(self, scope, into, access):
        begin = self.at
        text = self.peek()
        if text == "namespace" or (text == "inline" and self.peek(1) == "namespace"):
            return self.read_namespace(scope, into)
        if text == "extern" and self.peek(1).startswith('"') and self.peek(2) == "{":
            self.at += 3
            self.read_scope(scope, into, access)
            self.at += 1
            return None
        if text == "static_assert":
            self.skip_to(";")
            self.at += 1
            return None
        if MACRO.fullmatch(text) and self.peek(1) == "(":
            return self.read_macro(scope, into, access)
        is_specialization = False
        while self.peek() in ("template", "requires", "[") or self.peek() == "extern":
            if self.peek() == "requires":
                self.skip_requires_clause()
            elif self.peek() == "[":
                self.skip_group()
            else:
                self.at += 1
                if self.peek() == "<":
                    is_specialization |= self.peek(1) == ">"
                    self.skip_group()
        head = self.at
        while self.peek() in ("inline", "constexpr", "static", "typedef"):
            self.at += 1

        def make(kind, name, end, named_specialization=False, **more):
            into.append(Declaration(kind, name, scope, self.slice(begin, end), access=access,
                                    is_specialization=is_specialization or named_specialization, **more))

        word = self.peek()
        if word in TYPES and self.names_a_type():
            return self.read_type(scope, into, access, begin, make)
        if word == "concept":
            name = self.peek(1)
            self.skip_to(";")
            self.at += 1
            return make("concept", name, self.at)
        if word == "using":
            name, is_alias = self.peek(1), self.peek(2) == "=" or self.peek(2) == "["
            self.skip_to(";")
            self.at += 1
            return make("alias", name, self.at) if is_alias else None
        if word == "friend":
            self.skip_to(";", "{")
            if self.peek() == "{":
                self.skip_group()
            else:
                self.at += 1
            return None
        self.at = head
        return self.read_function_or_variable(begin, make, scope)

    def names_a_type(self):
        """True if class, struct, ... here defines or declares a type instead of being a part of a variable's type."""
        here = self.at
        self.at += 1
        if self.peek() in ("class", "struct"):
            self.at += 1
        while self.peek() == "[":
            self.skip_group()
        self.at += 1
        if self.peek() == "<":
            self.skip_group()
        result = self.peek() in ("{", ";", ":", "final")
        self.at = here
        return result

    def read_namespace(self, scope, into):
        while self.peek() in ("inline", "namespace"):
            self.at += 1
        names = []
        while self.peek() not in ("{", ";", "="):
            if self.peek() != "::":
                names.append(self.peek())
            self.at += 1
        if self.peek() != "{":  # an alias
            self.skip_to(";")
            self.at += 1
            return
        self.at += 1
        self.read_scope((*scope, *(names or ["(anonymous)"])), into, "public")
        self.expect("}")

    def read_type(self, scope, into, access, begin, make):
        kind = self.peek()
        self.at += 1
        if kind == "enum" and self.peek() in ("class", "struct"):
            self.at += 1
        while self.peek() == "[":
            self.skip_group()
        name = self.peek()
        self.at += 1
        is_specialization = self.peek() == "<"
        if is_specialization:
            self.skip_group()
        self.skip_to("{", ";")
        end = self.at
        if self.peek() == ";":
            self.at += 1
            return make(kind, name, end, is_definition=False, named_specialization=is_specialization)
        make(kind, name, end, named_specialization=is_specialization)
        declaration = into[-1]
        # A comment behind the opening brace.
        declaration.doc = self.above.get(self.line(self.tokens[begin].start), "") or self.behind.get(
            self.line(self.tokens[self.at].start), "")
        self.at += 1
        if kind == "enum":
            self.read_enumerators((*scope, name), declaration.members)
        else:
            self.read_scope((*scope, name), declaration.members, "private" if kind == "class" else "public")
        self.at += 1
        self.skip_to(";")
        self.at += 1
        return None

    def read_enumerators(self, scope, into):
        while self.peek() != "}":
            if MACRO.fullmatch(self.peek()) and self.peek(1) == "(":
                self.at += 1
                self.skip_group()
                continue
            begin = self.at
            self.skip_to(",", "}")
            end = self.at
            if self.peek() == ",":
                self.at += 1
            first, last = self.line(self.tokens[begin].start), self.line(self.tokens[end - 1].start)
            into.append(Declaration("enumerator", self.tokens[begin].text, scope, self.slice(begin, end), header=self.header,
                                    line=first, doc=self.above.get(first) or self.behind.get(last) or ""))

    def read_macro(self, scope, into, access):
        """Reads the use of a macro. If it has a comment, the declarations are those of its expansion."""
        name, begin = self.peek(), self.at
        parameters, body, line = self.macros.get(name, (None, "", 0))
        self.at += 1
        arguments = []
        if self.peek() == "(":
            first = self.tokens[self.at].end
            self.skip_group()
            arguments = [part.strip() for part in re.split(r",(?![^()<>]*[)>])", self.text[first : self.tokens[self.at - 1].start])]
        if self.peek() == ";":
            self.at += 1
        start, last = self.line(self.tokens[begin].start), self.line(self.tokens[self.at - 1].start)
        doc = self.above.get(start) or self.behind.get(last)
        if not doc or parameters is None or len(arguments) != len(parameters):
            return
        table = dict(zip(parameters, arguments))
        body = re.sub(r"\w+", lambda match: table.get(match[0], match[0]), re.sub(r"(?<!#)#(\w+)", r'"\1"', body)).replace("##", "")
        for declaration in Reader(body + ";", self.header, line, self.macros, scope).declarations:
            declaration.access, declaration.line, declaration.doc = access, start, doc
            declaration.members = []
            into.append(declaration)

    def read_function_or_variable(self, begin, make, scope):
        """Reads one declaration of functions or variables; `self.at` is at its first specifier."""
        name = ""
        while True:
            text = self.peek()
            if text in ("decltype", "alignas", "explicit", "noexcept") and self.peek(1) == "(":
                self.at += 1
                self.skip_group()
            elif text == "requires":
                self.skip_requires_clause()
            elif text == "operator":
                first = self.at
                self.at += 1
                if self.peek() in ("(", "["):
                    self.skip_group()
                while self.peek() != "(":
                    if self.peek() == "<" and self.tokens[self.at - 1].kind == "word" and self.tokens[self.at - 1].text != "operator":
                        self.skip_group()
                    else:
                        self.at += 1
                words = [token.text for token in self.tokens[first : self.at]]
                joiner = " " if self.tokens[first + 1].kind == "word" else ""
                name = "operator" + joiner + "".join(words[1:])
                return self.read_function(begin, name, make)
            elif text == "[":
                self.skip_group()
            elif text == "<":
                self.skip_group()
            elif text == "(":
                if self.peek(1) in ("*", "&"):  # a pointer to a function
                    name = self.peek(2)
                    self.skip_to(";", "=", "{")
                    return self.read_variables(begin, name, make)
                if self.tokens[self.at - 2].text == "::":  # the definition of a member outside of its class
                    make = lambda *arguments, **more: None  # noqa: E731
                return self.read_function(begin, name, make)
            elif text in ("=", "{", ";", ":", ","):
                return self.read_variables(begin, name, make)
            elif text == "~":
                name = "~" + self.peek(1)
                self.at += 2
            elif text in ("}", ""):
                self.fail(f"a declaration that ends too early: {self.slice(begin, self.at)}")
            else:
                if self.tokens[self.at].kind == "word":
                    name = text
                self.at += 1

    def read_function(self, begin, name, make):
        self.skip_group()
        end = None
        while True:
            text = self.peek()
            if text == ";":
                end = end or self.at
                self.at += 1
                return make("function", name, end)
            if text == "=":
                is_implicit = self.peek(1) in ("default", "delete")
                end = self.at + 2 if is_implicit else self.at
                self.skip_to(";")
                self.at += 1
                return make("function", name, end, is_implicit=is_implicit)
            if text == "{":
                end = end or self.at
                self.skip_group()
                return make("function", name, end)
            if text == ":":
                end = self.at
                self.at += 1
                while True:  # the initializers of a constructor
                    self.skip_to("(", "{")
                    self.skip_group()
                    if self.peek() == "...":
                        self.at += 1
                    if self.peek() != ",":
                        break
                    self.at += 1
            elif text == "requires":
                self.skip_requires_clause()
            elif text in "([" or (text == "<" and self.opens_arguments()):
                self.skip_group()
            elif not text:
                self.fail("a function without an end.")
            else:
                self.at += 1

    def read_variables(self, begin, name, make):
        names = [name]
        while self.peek() != ";":
            if self.peek() == ",":
                self.at += 1
                names.append(self.peek())
            else:
                self.skip_to(";", ",")
        self.at += 1
        for each in names:
            make("variable", each, self.at)

    def slice(self, begin, end):
        """The text of the tokens, without comments and with its own indentation removed."""
        first, last = self.tokens[begin].start, self.tokens[end - 1].end
        text = self.text[first:last]
        for comment in reversed(self.comments):
            if first <= comment.start < last and comment.text.startswith("//"):
                text = text[: comment.start - first].rstrip(" ") + text[comment.end - first :]
        column = first - (self.text.rfind("\n", 0, first) + 1)
        lines = text.split("\n")
        return "\n".join([lines[0], *(line[column:] if not line[:column].strip() else line.lstrip() for line in lines[1:])])


class Reference:
    """The public declarations of a project: those in its namespace, outside of `detail`, that are public members."""

    def __init__(self, include, project="hone"):
        self.docs, self.top, self.named = {}, [], {}  # the comment of each header; declarations of namespaces; path -> declarations
        for path in sorted((include / project).rglob("*.hpp")):
            reader = Reader(path.read_text(), path.relative_to(include).as_posix())
            comment = re.search(r"\A(?:// SPDX[^\n]*\n)?((?:///[^\n]*\n)+)#pragma once", reader.text)
            self.docs[reader.header] = re.sub(r"^/// ?", "", comment[1], flags=re.M) if comment else ""
            self.top += [each for each in reader.declarations
                         if each.scope[:1] == (project,) and not {"detail", "(anonymous)"} & {*each.scope}]
        for each, _ in self.all():
            self.named.setdefault(each.path, []).append(each)
        # Interfaces are concepts, and constants such as `is_compatible`. header -> the slots that its concepts are for.
        interfaces = [each for each in self.top if each.kind == "concept" or (each.kind == "variable" and each.doc)]
        slots = {}
        for each in interfaces:
            slots.setdefault(each.header, set()).update(re.findall(r"\bslots::(\w+)", each.text))
        self.asked = {}  # module or slot -> {name that an interface asks for: the interfaces}
        for each in interfaces:
            text = each.text if each.kind == "concept" else ""
            names = set(re.findall(r"(?:\.|->|::)\s*(?:template\s+)?(\w+)", text))
            names |= set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", each.doc))))
            for key in {module_of(each), *slots[each.header]}:
                for name in names:
                    self.asked.setdefault(key, {}).setdefault(name, []).append(each)

    def all(self):
        """(declaration, the type that it is a member of or None) of every public declaration."""
        def walk(each, owner):
            yield each, owner
            for member in each.members:
                if member.access == "public":
                    yield from walk(member, each)

        for each in self.top:
            yield from walk(each, None)

    def asking(self, member, owner):
        """The interfaces of the owner's module, of `core` or of the owner's slot that ask for a member of this name."""
        slot = next((re.search(r"\bslots::(\w+)", each.text) for each in owner.members if each.name == "slot"), None)
        keys = {module_of(owner), "core", *([slot[1]] if slot else [])}
        return [each for key in sorted(keys) for each in self.asked.get(key, {}).get(member.name, [])]

    def needs_comment(self, each, owner):
        """True if the declaration is a public name that nothing documents."""
        if any(other.doc for other in self.named[each.path]) or each.is_implicit:
            return False
        if owner is None:
            return not each.is_specialization
        if each.kind == "alias" or each.name.startswith(("~", "operator", "on_")) or re.search(r"\boverride\b", each.text):
            return False
        if each.name in ("begin", "end", "size", "empty") and each.kind == "function":  # as of the standard's containers
            return False
        if is_special(each, owner):
            return False
        if any(member.name == "serialize" for member in owner.members) and len(owner.scope) > 1:  # saved state
            return False
        if any(re.search(rf"\b{re.escape(each.name)}\b", other.doc) for other in self.named[owner.path]):
            return False
        return not self.asking(each, owner)


def is_special(member, owner):
    """True for default, copy and move constructors and assignments."""
    arguments = re.search(r"\((.*?)\)", member.text, re.S)
    taken = re.sub(r"\b(const|noexcept)\b|&+|<.*>|\s", "", arguments[1]) if arguments and member.kind == "function" else None
    is_of_itself = taken is not None and re.fullmatch(rf"{re.escape(owner.name)}\w*", taken)
    return bool(member.name == owner.name and (taken == "" or is_of_itself) or member.name == "operator=" and is_of_itself)


def module_of(declaration):
    """The folder of a header below the project's."""
    folders = declaration.header.split("/")[1:-1]
    return folders[0] if folders else ""
