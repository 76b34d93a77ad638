//===- Kernels.h - lane loops of the event engine ---------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic of docs/isa.md, section 10, over whole vectors. Kernels.inc is
// compiled three times (base x86-64, AVX2, AVX-512), each into its own
// namespace; the engine picks a table at run time. All give equal bits: every
// fp32 operation is one IEEE operation in the specified order, and the only
// fused operation is a multiply-add of two fp16 values, whose product is exact
// in fp32, so that fusing rounds exactly where the specification rounds.
//
// These files include no C++ library header: an inline function compiled with
// AVX flags must never be the copy that the linker keeps for everyone.
//
// n is a number of lanes, a multiple of 16. Buffers are 64-byte aligned unless
// they are rows of a mapped image.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_KERNELS_H
#define LPU_RUNTIME_EMULATOR_EVENT_KERNELS_H

#include <stdint.h>

namespace lpu::emulator::event {

/// Operations of the vector unit that work lane by lane on 32-bit words.
#define LPU_ALU_KERNELS(X)                                                     \
  X(mov)                                                                       \
  X(abs)                                                                       \
  X(neg)                                                                       \
  X(f2i) X(i2f) X(floor) X(trunc) X(rint) X(add) X(sub) X(mul) X(min) X(max)   \
      X(cmpeq) X(cmplt) X(cmple) X(cmpuno) X(iadd) X(isub) X(imul) X(imin)     \
          X(imax) X(icmpeq) X(icmplt) X(icmple) X(and_) X(or_) X(xor_) X(shl)  \
              X(shr) X(sar) X(muladd) X(select) X(exp2) X(log2) X(tanh) X(erf) \
                  X(rsqrt) X(sqrt) X(recip)

enum class AluKernel : uint8_t {
#define LPU_KERNEL(NAME) NAME,
  LPU_ALU_KERNELS(LPU_KERNEL)
#undef LPU_KERNEL
      count
};

enum class ReduceKernel : uint8_t { sum, max, min, argmax };

using AluFunction = void (*)(const uint32_t *a, const uint32_t *b,
                             const uint32_t *c, uint32_t *out, unsigned n);

struct Kernels {
  const char *name;
  AluFunction alu[unsigned(AluKernel::count)];

  /// Lane reduction over groups of `group` lanes (the last may be shorter),
  /// result broadcast.
  void (*reduce)(ReduceKernel op, const uint32_t *a, uint32_t *out, unsigned n,
                 unsigned group);
  /// One step of a running arg max: `value` and `index` per lane are updated
  /// with the operand of repeat `step`.
  void (*argmaxStep)(const uint32_t *a, uint32_t *value, uint32_t *index,
                     uint32_t step, unsigned n);

  // Streams to 32-bit words and back.
  void (*widenI8)(const uint8_t *in, uint32_t *out, unsigned n);
  void (*widenU8)(const uint8_t *in, uint32_t *out, unsigned n);
  void (*widenI16)(const uint16_t *in, uint32_t *out, unsigned n);
  void (*widenF16)(const uint16_t *in, uint32_t *out, unsigned n);
  void (*narrowI8)(const uint32_t *in, uint8_t *out, unsigned n);
  void (*narrowU8)(const uint32_t *in, uint8_t *out, unsigned n);
  void (*narrowI16)(const uint32_t *in, uint16_t *out, unsigned n);
  void (*narrowF16)(const uint32_t *in, uint16_t *out, unsigned n);
  void (*interleave2)(const uint8_t *low, const uint8_t *high, uint16_t *out,
                      unsigned n);
  void (*interleave4)(const uint8_t *const *bytes, uint32_t *out, unsigned n);
  /// Byte `byte` of each `width`-byte element.
  void (*extract)(const uint8_t *in, unsigned width, unsigned byte,
                  uint8_t *out, unsigned n);

  /// out[r][c] = sum over k < depth, in this order from +0, of a[r][k] *
  /// w[k][c]; operands hold fp16 values. `pitch`: elements between rows of w.
  void (*passF16)(const float *const *a, unsigned rows, unsigned depth,
                  const float *w, unsigned pitch, unsigned n,
                  float *const *out);
  /// The same, exact, over pairs: w[p][c][2], a[r][p][2].
  void (*passI8)(const int16_t *const *a, unsigned rows, unsigned pairs,
                 const int16_t *w, unsigned pitch, unsigned n,
                 int32_t *const *out);
};

const Kernels &baseKernels();
const Kernels &avx2Kernels();
const Kernels &avx512Kernels();

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_KERNELS_H
