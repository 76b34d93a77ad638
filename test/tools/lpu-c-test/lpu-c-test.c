/* Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * lpu-c-test package.lpu: opens, feeds ones, runs and fetches from C. */

#include "lpu-c/Emulator.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(char *error) {
  fprintf(stderr, "%s\n", error);
  lpuFree(error);
  return 1;
}

int main(int argc, char **argv) {
  char *error = NULL;
  if (argc != 2)
    return 2;
  LpuSession *session = lpuSessionOpen(argv[1], LPU_ENGINE_EVENT, &error);
  if (!session)
    return failed(error);
  size_t inputs = lpuSessionNumInputs(session);
  void **data = calloc(inputs + 1, sizeof(void *));
  for (size_t i = 0; i < inputs; ++i) {
    LpuTensor tensor = lpuSessionInput(session, i);
    printf("input %s %s", tensor.name, tensor.type);
    for (size_t d = 0; d < tensor.rank; ++d)
      printf(" %lld", (long long)tensor.shape[d]);
    printf("\n");
    data[i] = malloc(tensor.bytes + 1);
    memset(data[i], strncmp(tensor.type, "int8", 4) == 0 ? 1 : 0, tensor.bytes);
  }
  if (lpuSessionFeed(session, (const void *const *)data, &error))
    return failed(error);
  LpuRunResult result;
  if (lpuSessionRun(session, NULL, &result, &error))
    return failed(error);
  printf("cycles %llu, stated %llu, host nodes %u\n",
         (unsigned long long)result.cycles,
         (unsigned long long)result.statedCycles, result.hostNodes);
  if (result.cycles != result.statedCycles)
    return 1;
  for (size_t i = 0; i < lpuSessionNumOutputs(session); ++i) {
    LpuTensor tensor = lpuSessionOutput(session, i);
    unsigned char *output = malloc(tensor.bytes + 1);
    if (lpuSessionFetch(session, i, output, tensor.bytes, &error))
      return failed(error);
    printf("output %s %s, first byte %u\n", tensor.name, tensor.type, output[0]);
    if (!lpuSessionFetch(session, i, output, tensor.bytes + 1, &error))
      return 1;
    printf("refused: %s\n", error);
    lpuFree(error);
    free(output);
  }
  for (size_t i = 0; i < inputs; ++i)
    free(data[i]);
  free(data);
  lpuSessionDestroy(session);
  return 0;
}
