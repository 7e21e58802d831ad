# SPDX-License-Identifier: MIT
"""RUN is tests/bench/run, whose table and rows others share; its name has no suffix."""

import importlib.machinery
import importlib.util
import pathlib
import sys

LOADER = importlib.machinery.SourceFileLoader("bench_run_script", str(pathlib.Path(__file__).resolve().parent / "run"))
RUN = importlib.util.module_from_spec(importlib.util.spec_from_loader(LOADER.name, LOADER))
sys.dont_write_bytecode = True
LOADER.exec_module(RUN)
