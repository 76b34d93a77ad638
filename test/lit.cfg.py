# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# How a test is written: a file in this folder (never in one named Inputs) with
# RUN lines. The build's tools, FileCheck, not, count and split-file are on PATH;
# %python is the Python of .venv, %root the checkout, %models the exported ONNX
# files (scripts/export_minilm.py, scripts/export_zoo.py), %numerics and %many the
# drivers that compare whole models with ONNX Runtime. A file with CASE lines is
# one test per line (test/lpu_lit.py); test/known-failures.txt names what is skipped.
#
# LPU_OPT_CHECK_IR_ROUNDTRIP=1 in the environment adds --verify-roundtrip to every
# lpu-opt, so that one run of the suite proves that each printed IR parses back to
# itself. scripts/test.sh sets it.
import os
import pathlib
import shutil
import sys

sys.path.append(os.path.dirname(__file__))
import lpu_lit


config.name = "lpu-mlir"
config.test_format = lpu_lit.Format(os.path.dirname(__file__))
config.suffixes = [".mlir", ".test", ".isa", ".py"]
config.excludes = ["Inputs", "CMakeLists.txt", "lit.cfg.py", "lit.site.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
# A Python file is a test if it has a RUN line, otherwise a helper of one.
config.excludes += [
    path.name for path in pathlib.Path(config.test_source_root).rglob("*.py")
    if "Inputs" not in path.parts and "RUN:" not in path.read_text()]
config.test_exec_root = os.path.join(config.lpu_build_dir, "test")

tools = os.path.join(config.lpu_build_dir, "bin")
fuzzers = os.path.join(config.lpu_build_dir, "fuzz", "bin")
config.environment["PATH"] = os.pathsep.join(
    [tools, fuzzers, config.llvm_tools_dir, os.environ.get("PATH", "")])
# lit runs one test per core; a library that starts threads of its own would
# only make the machine's load, and the tests' times, harder to read.
config.environment["OMP_NUM_THREADS"] = "1"
# Nothing here may reach for a model hub.
config.environment["HF_HUB_OFFLINE"] = "1"
config.environment["TRANSFORMERS_OFFLINE"] = "1"

# The tools that this build has: a test whose REQUIRES names one is skipped, and
# counted as skipped, in a build without it.
for folder in tools, fuzzers:
    if os.path.isdir(folder):
        config.available_features.update(os.listdir(folder))

has_venv = os.access(config.venv_python, os.X_OK)
python = config.venv_python if has_venv else sys.executable
models = os.path.join(config.lpu_build_dir, "models")
config.substitutions += [
    ("%python", f'"{python}"'),
    ("%root", config.lpu_source_dir),
    ("%tools", tools),
    ("%models", models),
    ("%numerics", f'"{python}" "{config.test_source_root}/numerics/run_model.py"'),
    ("%many", f'"{python}" "{config.test_source_root}/numerics/run_many.py"'),
]
if os.environ.get("LPU_OPT_CHECK_IR_ROUNDTRIP", "0") not in ("", "0"):
    config.available_features.add("roundtrip")
    # Only lpu-opt as a command, not a path or another word that contains it.
    config.substitutions.append((r"(?<![\w./-])lpu-opt(?![\w.-])", "lpu-opt --verify-roundtrip"))

# Features for REQUIRES lines. A missing package is a skip with its name, and
# scripts/test.sh installs all of them.
if has_venv:
    site_packages = sorted(pathlib.Path(config.venv_python).parent.parent.glob("lib/python*/site-packages"))
    for package in ["onnx", "onnxruntime", "torch", "transformers", "onnxscript"]:
        if any((site / package).is_dir() for site in site_packages):
            config.available_features.add(package)
if os.path.isdir(models):
    for path in pathlib.Path(models).rglob("*.onnx"):
        config.available_features.add("model-" + path.stem)
# A browser without a window, for the pages of lpu-objdump --html.
if shutil.which("chromium") and shutil.which("chromedriver"):
    config.available_features.add("chromium")
try:
    flags = pathlib.Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
except (OSError, IndexError):
    flags = []
for feature in "avx2", "avx512f":
    if feature in flags:
        config.available_features.add(feature)
    else:
        lit_config.note(f"this host has no {feature}: what a test does with it (%if {feature}) is not run")
