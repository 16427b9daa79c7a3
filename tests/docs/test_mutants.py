"""`make mutants` takes a quarter of an hour; that it would still run is found here."""

import importlib.machinery
import importlib.util
import sys

from test_manual import SOURCE


def test_each_text_to_replace_is_there_once(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("mutants", str(SOURCE / "tests/proof/mutants"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
    loader.exec_module(module)
    assert [line for mutant in module.MUTANTS for line in module.misplaced(*mutant)] == []
