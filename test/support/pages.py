"""
What a page of docs tells the reader to write: the tests do just that.
"""

import re

from support import ROOT


def blocks(page):
    """
    Return the code of a page that an HTML comment ``<!-- way: TITLE -->`` names.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^<!-- way: (.+?) -->\n```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return dict(found)


def block(page, title):
    """
    Return one of them.
    """
    return blocks(page)[title]
