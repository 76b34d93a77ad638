#!/usr/bin/env bash
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Sets up everything and builds. On Debian 12 nothing needs to be there before
# (root or sudo); on other systems install what is listed under `packages` below
# and name your MLIR 22:  MLIR_DIR=/path/to/lib/cmake/mlir scripts/setup.sh
#
#   scripts/setup.sh          Debian packages, small .venv, compiler and tools
#   scripts/setup.sh --full   also PyTorch, transformers and ONNX Runtime in .venv
#                             (about 1.4 GB; only the demo and the tests need them)
#   scripts/setup.sh --test   all of that and Chromium, in which tests open pages
#
# LPU_BUILD_DIR names another build folder than build/. Running it again is
# quick: each step first looks whether it is done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

full=no
test=no
for argument in "$@"; do
  case "$argument" in
    --full) full=yes ;;
    --test) full=yes test=yes ;;
    -h | --help) sed -n '5,18s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "setup: unknown option $argument (known: --full, --test, --help)" >&2; exit 2 ;;
  esac
done
build=${LPU_BUILD_DIR:-build}
torch_version=2.13.0

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

# --- Debian packages --------------------------------------------------------
packages=(
  git cmake ninja-build ccache                # build
  clang-22 lld-22 g++                         # compiler; g++ brings libstdc++'s headers
  libmlir-22-dev mlir-22-tools                # MLIR: libraries, mlir-tblgen
  llvm-22-dev llvm-22-tools                   # LLVM: libraries, lit, FileCheck
  libprotobuf-dev protobuf-compiler           # ONNX files, package manifests
  zlib1g-dev                                  # compressed .npz files
  python3 python3-venv python3-psutil         # psutil: lit's time limit per test
  ca-certificates
)
# The pages of lpu-objdump --html are tested in a browser.
[ $test = no ] || packages+=(chromium chromium-driver)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "needs root or sudo to run: $*"; fi
}

has_candidate() { [[ "$(apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[!\(]* ]]; }

install_packages() {
  local missing=() name
  for name in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  if [ ${#missing[@]} = 0 ]; then say "Debian packages: all ${#packages[@]} present"; return; fi
  say "Debian packages: installing ${missing[*]}"
  as_root apt-get update -q
  # LLVM 22 for Debian 12 is in Debian's own security archive, which every normal
  # installation has; a minimal debootstrap has not.
  if ! has_candidate libmlir-22-dev; then
    # The same mirror that serves the base archive has it beside it.
    local mirror
    mirror=$(apt-cache policy | sed -nE 's,^ *[0-9]+ +(https?://[^ ]+/debian)/? bookworm/main .*,\1,p' | head -n 1)
    [ -n "$mirror" ] || fail "no package libmlir-22-dev: add Debian's bookworm-security archive (main) to the apt sources"
    say "adding the bookworm-security archive, which holds LLVM 22"
    echo "deb $mirror-security bookworm-security main" |
      as_root tee /etc/apt/sources.list.d/lpu-mlir-bookworm-security.list >/dev/null
    as_root apt-get update -q
  fi
  has_candidate libmlir-22-dev ||
    fail "no package libmlir-22-dev in any apt source; is bookworm-security (main) reachable?"
  local wanted=()
  for name in "${missing[@]}"; do
    if [[ $name == chromium* ]] && ! has_candidate "$name"; then
      say "no package $name in any apt source: tests that open pages will be skipped"
    else
      wanted+=("$name")
    fi
  done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${wanted[@]}"
}

# An own MLIR means own packages: nothing is installed then.
if [ -n "${MLIR_DIR:-}" ]; then
  say "MLIR_DIR is set: using $MLIR_DIR, installing no system packages"
elif [ -r /etc/os-release ] && (. /etc/os-release; [ "${ID:-}${VERSION_ID:-}" = debian12 ]); then
  install_packages
  MLIR_DIR=/usr/lib/llvm-22/lib/cmake/mlir
else
  fail "this is not Debian 12: install the equivalents of
    ${packages[*]}
  and run: MLIR_DIR=/path/to/lib/cmake/mlir $0 $*"
fi

# --- Python -----------------------------------------------------------------
# A stamp with the wanted versions tells whether anything is left to do.
venv=.venv
pip_install() { "$venv/bin/python" -m pip install -q --no-deps "$@"; }

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  # The system's python3 first: the one on PATH may be another, without venv.
  python=
  for candidate in ${PYTHON:-/usr/bin/python3 python3}; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      python=$candidate; break
    fi
  done
  [ -n "$python" ] || fail "no python3 >= 3.11 with the venv module found (set PYTHON)"
  say "Python: creating $venv with $python"
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi

python_step() { # python_step <stamp> <inputs...>: true if there is work to do
  local stamp="$venv/.lpu-$1"; shift
  wanted=$(cat "$@" | sha256sum)
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]
}

if python_step build scripts/requirements-build.txt; then
  say "Python: installing what the build needs (onnx, numpy)"
  pip_install -r scripts/requirements-build.txt
  echo "$wanted" > "$venv/.lpu-build"
fi
if [ $full = yes ] && python_step full scripts/requirements-build.txt scripts/requirements.txt; then
  say "Python: installing PyTorch $torch_version, transformers and ONNX Runtime (once; about 1.4 GB on disk)"
  if ! "$venv/bin/python" -c "import importlib.metadata as m, sys
sys.exit(m.version('torch').split('+')[0] != '$torch_version')" 2>/dev/null; then
    # By name and exact version from pip's configured index. A configured wheel folder with the CPU
    # build is taken first; PyPI's own build brings CUDA libraries that are not used.
    pip_install "torch==$torch_version" || fail "could not install torch $torch_version"
  fi
  pip_install -r scripts/requirements.txt
  echo "$wanted" > "$venv/.lpu-full"
fi
say "Python: $venv ready$([ $full = yes ] && echo ' with PyTorch and ONNX Runtime' || true)"

# --- Build ------------------------------------------------------------------
say "configuring and building into $build/ (first time: some minutes)"
compilers=()
if [ ! -f "$build/CMakeCache.txt" ] && command -v clang++-22 >/dev/null; then
  compilers=(-DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22)
fi
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMLIR_DIR="$MLIR_DIR" \
  "${compilers[@]}" -DPython3_EXECUTABLE="$PWD/$venv/bin/python" --log-level=WARNING --no-warn-unused-cli
cmake --build "$build"
say "done; the tools are in $build/bin"
