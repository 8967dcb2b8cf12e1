"""Answers questions about versions with `packaging`, one line each, from standard input.

    read TEXT          the canonical version, or `!` where it is none
    compare ONE OTHER  `<`, `=` or `>`, or `!` where one of them is no version
    allows TEXT CLAUSES  `y` or `n`, with pre-releases admitted and then with them refused; `!` where one cannot be read
"""

import sys

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version


def answer(line):
    verb, *words = line.rstrip("\n").split("\t")
    try:
        if verb == "read":
            return str(Version(words[0]))
        if verb == "compare":
            one, other = Version(words[0]), Version(words[1])
            return "<" if one < other else ">" if one > other else "="
        version, clauses = Version(words[0]), SpecifierSet(words[1])
        return "".join("y" if clauses.contains(version, prereleases=rule) else "n" for rule in (True, False))
    except (InvalidVersion, InvalidSpecifier):
        return "!"


for question in sys.stdin:
    print(answer(question))
