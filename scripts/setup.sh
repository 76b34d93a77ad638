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
#   scripts/setup.sh --test   all of that, Chromium, in which tests open pages, and
#                             the fuzzers, instrumented, in the folder fuzz of the build
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
    -h | --help) sed -n '5,19s/^# \{0,1\}//p' scripts/setup.sh; exit 0 ;;
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
# The pages of lpu-objdump --html are tested in a browser; the fuzzers need clang's runtime.
[ $test = no ] || packages+=(chromium chromium-driver libclang-rt-22-dev)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "installing Debian packages needs root or sudo; somebody who has it can run
    apt-get install --no-install-recommends ${missing[*]}
  (LLVM 22 is in bookworm-security), then run this again"; fi
}

# Says only what goes wrong: apt's own account of 150 packages hides everything else.
apt_update() { as_root apt-get update -qq >/dev/null || fail "apt-get update failed"; }

has_candidate() { [[ "$(apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[!\(]* ]]; }

install_packages() {
  local missing=() name
  for name in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  if [ ${#missing[@]} = 0 ]; then say "Debian packages: all ${#packages[@]} present"; return; fi
  say "Debian packages: ${#missing[@]} of ${#packages[@]} missing: ${missing[*]}"
  say "Debian packages: reading apt's package lists"
  apt_update
  # LLVM 22 for Debian 12 is in Debian's own security archive, which every normal
  # installation has; a minimal debootstrap has not.
  if ! has_candidate libmlir-22-dev; then
    # The same mirror that serves the base archive has it beside it.
    local mirror
    mirror=$(apt-cache policy | sed -nE 's,^ *[0-9]+ +(https?://[^ ]+/debian)/? bookworm/main .*,\1,p' | head -n 1)
    # apt-get update counts an archive that does not answer as a mere warning.
    has_candidate cmake || fail "apt knows no package at all: is there a network, and does the Debian mirror of this machine answer?"
    [ -n "$mirror" ] || fail "no package libmlir-22-dev: add Debian's bookworm-security archive (main) to the apt sources"
    say "adding the bookworm-security archive, which holds LLVM 22"
    echo "deb $mirror-security bookworm-security main" |
      as_root tee /etc/apt/sources.list.d/lpu-mlir-bookworm-security.list >/dev/null
    apt_update
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
  [ ${#wanted[@]} != 0 ] || return 0
  say "Debian packages: downloading and installing (on a bare machine some minutes: 350 MB, with Chromium more)"
  # Another apt (a second checkout, unattended upgrades) is waited for. Without a network
  # apt writes thousands of lines, so only the first errors are shown.
  local log code=0
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "${wanted[@]}" >"$log" 2>&1 || code=$?
  if [ $code != 0 ]; then
    { grep -E '^(E|dpkg|sudo): ' "$log" || tail -n 5 "$log"; } | sed -n 1,5p >&2
    fail "apt-get install failed; all of its output is in $log"
  fi
  rm -f "$log"
}

# An own MLIR means own packages: nothing is installed then.
if [ -n "${MLIR_DIR:-}" ]; then
  say "MLIR_DIR is set: using $MLIR_DIR, installing no system packages"
elif command -v apt-get >/dev/null && [ -r /etc/os-release ] && (. /etc/os-release; [ "${ID:-}${VERSION_ID:-}" = debian12 ]); then
  install_packages
  MLIR_DIR=/usr/lib/llvm-22/lib/cmake/mlir
else
  fail "this is not Debian 12 with apt: install the equivalents of
    ${packages[*]}
  and run: MLIR_DIR=/path/to/lib/cmake/mlir scripts/setup.sh $*"
fi

# --- Python -----------------------------------------------------------------
# A stamp with the wanted versions tells whether anything is left to do.
venv=.venv
pip_install() {
  "$venv/bin/python" -m pip install -q --no-deps --disable-pip-version-check "$@" ||
    fail "pip could not install $* (see above): is there a network, and does pip's package index answer?"
}

# The CPU build by its name: from pip's configured index or folder of wheels, else from PyTorch's own
# index. PyPI's build is for GPUs: it cannot be imported without gigabytes of CUDA libraries.
install_torch() {
  local pip=("$venv/bin/python" -m pip install -q --disable-pip-version-check)
  "${pip[@]}" --no-deps "torch==$torch_version+cpu" 2>/dev/null && return
  local index=https://download.pytorch.org/whl/cpu
  say "Python: no CPU build of PyTorch in pip's index; asking $index"
  "${pip[@]}" --no-deps --index-url "$index" "torch==$torch_version+cpu" && return
  say "Python: not there either (see above): installing PyTorch as pip's index has it, with all that it needs;
  on Linux these are builds for GPUs, and several gigabytes"
  "${pip[@]}" "torch==$torch_version" || fail "pip could not install torch==$torch_version (see above): is there a network?"
}

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
    install_torch
  fi
  pip_install -r scripts/requirements.txt
  "$venv/bin/python" -c 'import torch' ||
    fail "PyTorch $torch_version is installed but cannot be imported (see above); rm -rf $venv and try again"
  echo "$wanted" > "$venv/.lpu-full"
fi
say "Python: $venv ready$([ $full = yes ] && echo ' with PyTorch and ONNX Runtime' || true)"

# --- Build ------------------------------------------------------------------
say "configuring and building into $build/ (first time: some minutes)"
# ccache stops the build where it cannot write, for example in a read-only home.
cache=${CCACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/}/.cache}/ccache}
if ! mkdir -p "$cache" 2>/dev/null || ! [ -w "$cache" ]; then
  say "cannot write to $cache: building without ccache"
  export CCACHE_DISABLE=1
fi
compilers=()
if [ ! -f "$build/CMakeCache.txt" ] && command -v clang++-22 >/dev/null; then
  # Debian 12's std::stable_sort calls what the same library calls deprecated: pages of warnings.
  compilers=(-DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_CXX_FLAGS=-Wno-deprecated-declarations)
fi
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMLIR_DIR="$MLIR_DIR" \
  "${compilers[@]}" -DPython3_EXECUTABLE="$PWD/$venv/bin/python" --log-level=WARNING --no-warn-unused-cli 2>&1 |
  { grep -v "^Not searching for unused variables" || true; }
cmake --build "$build"
if [ $test = yes ]; then
  say "building the fuzzers into $build/fuzz/ (first time: some minutes)"
  [ -f "$build/fuzz/CMakeCache.txt" ] || compilers=(-DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22)
  cmake -S . -B "$build/fuzz" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLPU_FUZZ=ON -DMLIR_DIR="$MLIR_DIR" \
    "${compilers[@]}" -DPython3_EXECUTABLE="$PWD/$venv/bin/python" --log-level=WARNING --no-warn-unused-cli
  cmake --build "$build/fuzz" --target lpu-fuzzers
fi
say "done; the tools are in $build/bin"
