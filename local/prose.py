"""`python -m local.prose`: reads README, docs, docstrings and comments as a strict editor. Part of `make lint`; needs nothing but Python.

Two rules, for text outside of code: words that we replaced are not used, and no sentence of a document has more than 35 words.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from local.tools import ROOT

LONGEST_SENTENCE: Final = 35
"""Words."""

INSTEAD: Final = {
    r"mend(s|ed|ing)?": "fix, repair",
    r"put(s|ting)? aside": "backlog",
    r"see(s|ing)? to it": "the verb that is meant",
    r"hold(s|ing)? back": "delay",
    r"fulfil(s|led|ling)?": "match, meet",
    r"(is|are|was) no more": "no longer exists",
    r"gives? out": "issue, run out of",
    r"what (waits|waited|is due|became of)": "the noun: backlog, delivery, retry",
    r"parked": "in the backlog",
    r"drain(s|ed|ing)?": "send the backlog, backlog run",
    r"strikes?": "consecutive failure",
    r"cool(s|ed|ing)( down| off)?": "back-off",
    r"fates?": "outcome",
    r"hops?": "continuation",
    r"an own": "its own, of your own",
    r"(an|per one) (invocation|endpoint|event) each": "for each",
    r"as it comes to": "when",
    r"who(ever)? (wants|gives|finds) .{1,40}, (he|it|who)": "you, a caller",
    r"(utilise|utilize|leverage)[sd]?": "use",
    r"in order to": "to",
    r"simply|obviously|of course": "nothing: leave it out",
    r"just": "nothing: leave it out",
}
"""What is not written, as a regular expression, and what is written instead."""

_WORDS: Final = {re.compile(rf"\b(?:{words})\b", re.IGNORECASE): instead for words, instead in INSTEAD.items()}
_ALLOWED_IN_CODE: Final = r"\b(?:just)\b"
"""There it says when something happened."""
_NOT_PROSE: Final = re.compile(
    r"^```.*?^```|^    \S.*?$|`[^`\n]*`|\]\([^)\s]*\)|https?://\S+|^- (?:Date|Status|Area): .*?$", re.MULTILINE | re.DOTALL
)
_END: Final = re.compile(r"(?<=[.!?:;])[)*\"]*\s+(?=\S)|\n\s*\n|\n\s*(?=[-#|]|\d+\.)|\s\|\s")


class Fault(NamedTuple):
    """One thing to change."""

    line: int
    text: str
    advice: str


def documents() -> list[Path]:
    """What people read; reports that programs write are left out."""
    written_by_programs = {ROOT / "docs" / "benchmarks.md"}
    return sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - written_by_programs)


def modules() -> list[Path]:
    """The product's, whose docstrings and comments people read."""
    return sorted(path for folder in ("layers", "functions", "cli") for path in (ROOT / folder).rglob("*.py"))


def faults_of_code(source: str) -> Iterator[Fault]:
    """Replaced words in the docstrings and comments of a module, from top to bottom."""
    strings = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr))
    texts = [(one.lineno, one.value) for one in strings if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    texts += [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    for line, text in sorted(texts):
        prose = re.sub(r"`+[^`]*`+|https?://\S+", "x", text)
        for words, instead in _WORDS.items():
            if words.pattern != _ALLOWED_IN_CODE:
                yield from (Fault(line, match[0], f"write: {instead}") for match in words.finditer(prose))


def faults(text: str) -> Iterator[Fault]:
    """What is wrong with the prose of a Markdown document, from top to bottom."""
    # Code becomes a word of the same length, so that positions, and so lines, stay what they are.
    prose = _NOT_PROSE.sub(lambda found: re.sub(r"[^\n]", "x", found[0]), text)
    found = [
        *(
            Fault(text.count("\n", 0, match.start()) + 1, match[0], f"write: {instead}")
            for words, instead in _WORDS.items()
            for match in words.finditer(prose)
        ),
        *_long_sentences(prose),
    ]
    return iter(sorted(found))


def _long_sentences(prose: str) -> Iterator[Fault]:
    begin = 0
    for end in [*_END.finditer(prose), None]:
        sentence = prose[begin : end.start() if end else len(prose)]
        words = [word for word in sentence.split() if re.search(r"\w", word)]
        if len(words) > LONGEST_SENTENCE:
            line = prose.count("\n", 0, begin) + 1
            yield Fault(line, " ".join(words[:6]) + " …", f"{len(words)} words: make it two sentences of at most {LONGEST_SENTENCE}")
        begin = end.end() if end else begin


def main() -> int:
    """Prints what is wrong, a line each; returns the exit status."""
    status = 0
    for paths, read in ((documents(), faults), (modules(), faults_of_code)):
        for path in paths:
            for fault in read(path.read_text(encoding="utf-8")):
                print(f"{path.relative_to(ROOT)}:{fault.line}: “{fault.text}”: {fault.advice}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
