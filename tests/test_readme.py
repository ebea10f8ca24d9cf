"""The README's Python blocks, one after the other, as a reader would run them."""

import ast
import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_run_and_give_what_their_comments_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(README.read_text("utf8"))
    names = {}
    shown = 0
    for block in blocks:
        lines = block.splitlines()
        for statement in ast.parse(block).body:
            if not isinstance(statement, ast.Expr):
                exec(ast.unparse(statement), names)
                continue
            value = eval(ast.unparse(statement), names)
            _, comment, expected = lines[statement.end_lineno - 1].partition("  # ")
            if comment:
                assert repr(value) == expected
                shown += 1
    assert len(blocks) == 5
    assert shown == 3
