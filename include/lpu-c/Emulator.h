/*===- Emulator.h - run a package from C ----------------------------- C -*-===*
 *
 * Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * A session feeds named arrays to a package, runs it in the emulator and reads
 * the outputs (include/lpu/Session/Session.h). Functions that can fail take
 * `char **error`: on a failure it points to a message that the caller frees
 * with lpuFree; it may be NULL. Nothing is global; a session belongs to one
 * thread at a time.
 *
 *===----------------------------------------------------------------------===*/

#ifndef LPU_C_EMULATOR_H
#define LPU_C_EMULATOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct LpuSession LpuSession;

typedef enum { LPU_ENGINE_TICK, LPU_ENGINE_EVENT } LpuEngine;

/* NULL on a failure. */
LpuSession *lpuSessionOpen(const char *path, LpuEngine engine, char **error);
void lpuSessionDestroy(LpuSession *session);
void lpuFree(char *text);

/* A named array of the program. Pointers live as long as the session. */
typedef struct {
  const char *name;
  const char *type; /* NumPy's name: "int64", "float32", ... */
  const int64_t *shape;
  size_t rank;
  size_t bytes;
} LpuTensor;

size_t lpuSessionNumInputs(const LpuSession *session);
size_t lpuSessionNumOutputs(const LpuSession *session);
LpuTensor lpuSessionInput(const LpuSession *session, size_t index);
LpuTensor lpuSessionOutput(const LpuSession *session, size_t index);

/* Gives all inputs, in the order of lpuSessionInput, each with the bytes that
 * it states, in C order. 0 on success. */
int lpuSessionFeed(LpuSession *session, const void *const *data, char **error);

typedef struct {
  uint64_t maxCycles; /* 0: no limit of interest */
  unsigned threads;   /* 0: one; event engine only */
  int dataFree;       /* timing and faults only; event engine only */
} LpuRunOptions;

typedef struct {
  uint64_t cycles;
  uint64_t statedCycles; /* of the package; 0 if it states none */
  uint64_t issues;
  uint64_t hostPortCycles;
  uint32_t hostNodes;
} LpuRunResult;

/* 0 on success. A fault of the program is a failure; the message describes it.
 * `options` may be NULL. */
int lpuSessionRun(LpuSession *session, const LpuRunOptions *options,
                  LpuRunResult *result, char **error);

/* Copies an output; `bytes` is the size of `data`, which must be the output's.
 */
int lpuSessionFetch(LpuSession *session, size_t index, void *data, size_t bytes,
                    char **error);

#ifdef __cplusplus
}
#endif

#endif /* LPU_C_EMULATOR_H */
