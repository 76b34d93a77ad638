//===- CInterface.cpp - run a package from C ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu-c/Emulator.h"
#include "lpu/Session/Session.h"
#include <cstdlib>
#include <cstring>

using namespace lpu;

struct LpuSession {
  std::unique_ptr<Session> session;
};

static int fail(char **error, const std::string &message) {
  if (error) {
    *error = static_cast<char *>(std::malloc(message.size() + 1));
    memcpy(*error, message.c_str(), message.size() + 1);
  }
  return 1;
}

static size_t byteSize(const TensorBinding &binding) {
  size_t bytes = npyTypeBytes(*parseNpyTypeName(binding.hostType));
  for (int64_t dim : binding.shape)
    bytes *= size_t(dim);
  return bytes;
}

static LpuTensor describe(const TensorBinding &binding) {
  return {binding.name.c_str(), binding.hostType.c_str(), binding.shape.data(),
          binding.shape.size(), byteSize(binding)};
}

LpuSession *lpuSessionOpen(const char *path, LpuEngine engine, char **error) {
  auto session = Session::open(
      path, engine == LPU_ENGINE_TICK ? EngineKind::Tick : EngineKind::Event);
  if (!session) {
    fail(error, llvm::toString(session.takeError()));
    return nullptr;
  }
  return new LpuSession{std::move(*session)};
}

void lpuSessionDestroy(LpuSession *session) { delete session; }
void lpuFree(char *text) { std::free(text); }

size_t lpuSessionNumInputs(const LpuSession *s) {
  return s->session->package().inputs.size();
}
size_t lpuSessionNumOutputs(const LpuSession *s) {
  return s->session->package().outputs.size();
}
LpuTensor lpuSessionInput(const LpuSession *s, size_t index) {
  return describe(s->session->package().inputs[index]);
}
LpuTensor lpuSessionOutput(const LpuSession *s, size_t index) {
  return describe(s->session->package().outputs[index]);
}

int lpuSessionFeed(LpuSession *s, const void *const *data, char **error) {
  std::vector<NpyArray> arrays;
  for (const TensorBinding &binding : s->session->package().inputs) {
    auto *bytes = static_cast<const uint8_t *>(data[arrays.size()]);
    NpyArray &array = arrays.emplace_back();
    array.name = binding.name;
    array.type = *parseNpyTypeName(binding.hostType);
    array.shape = binding.shape;
    array.bytes.assign(bytes, bytes + byteSize(binding));
  }
  if (llvm::Error failure = s->session->feed(arrays))
    return fail(error, llvm::toString(std::move(failure)));
  return 0;
}

int lpuSessionRun(LpuSession *s, const LpuRunOptions *options,
                  LpuRunResult *result, char **error) {
  const Package &package = s->session->package();
  emulator::RunOptions runOptions;
  if (options) {
    if (options->maxCycles != 0)
      runOptions.maxCycles = options->maxCycles;
    runOptions.threads = std::max(1u, options->threads);
    runOptions.dataFree = options->dataFree != 0;
  }
  if (runOptions.dataFree)
    s->session->feedZeros();
  emulator::RunResult run = s->session->run(runOptions);
  if (run.fault)
    return fail(error, run.fault->str(package.machine));
  if (run.ranOut)
    return fail(error, "the program still runs behind cycle " +
                           std::to_string(runOptions.maxCycles));
  *result = {run.cycles, package.cycles, run.counters.issues,
             s->session->hostPortCycles(), package.hostNodes};
  return 0;
}

int lpuSessionFetch(LpuSession *s, size_t index, void *data, size_t bytes,
                    char **error) {
  auto outputs = s->session->fetch();
  if (!outputs)
    return fail(error, llvm::toString(outputs.takeError()));
  if (index >= outputs->size())
    return fail(error, "the program has " + std::to_string(outputs->size()) +
                           " outputs, there is no number " +
                           std::to_string(index));
  const NpyArray &output = (*outputs)[index];
  if (bytes != output.bytes.size())
    return fail(error, "output '" + output.name + "' has " +
                           std::to_string(output.bytes.size()) +
                           " bytes, not " + std::to_string(bytes));
  memcpy(data, output.bytes.data(), bytes);
  return 0;
}
