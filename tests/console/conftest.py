"""The console in a real browser, without a stack: these tests run beside those of code, in as many processes."""

from tests.support.browser import chromium

__all__ = ["chromium"]
