//===- Template.cpp - a rigid pattern of issues ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Template.h"
#include "lpu/Support/Check.h"
#include <cstring>
#include <numeric>

using namespace lpu;
using namespace lpu::schedule;

unsigned lpu::schedule::fieldIndex(isa::Opcode op, const char *name) {
  const isa::InstructionInfo *info = isa::lookup(uint8_t(op));
  for (unsigned i = 0; i < info->fields.size(); ++i)
    if (!std::strcmp(info->fields[i].name, name))
      return i;
  LPU_CHECK(false, "no such instruction field");
  return 0;
}

void lpu::schedule::setField(isa::Instruction &inst, const char *name,
                             int64_t value) {
  inst.fields[fieldIndex(inst.opcode, name)] = value;
}

QueueItem lpu::schedule::itemOf(const QueueRun &run, const Template &t,
                                int64_t anchor) {
  if (run.iterations) {
    std::vector<QueueItem> body;
    for (const QueueRun &inner : run.body)
      body.push_back(itemOf(inner, t, 0));
    return QueueItem::loop(uint64_t(anchor + run.offset), run.iterations,
                           uint64_t(run.period), std::move(body));
  }
  isa::Instruction inst = run.inst;
  for (const StreamField &f : run.streamFields)
    inst.fields[f.field] = t.groups[f.group].stream + f.byte;
  return QueueItem::instruction(uint64_t(anchor + run.offset), inst);
}

/// The hardware's limits of one repeat: count and inner are 16 and 12 bits.
static constexpr int64_t maxCount = 65535, maxInner = 4095, maxStride = 32767;

static void pushLinear(std::vector<AccessPiece> &pieces, int64_t first,
                       int64_t step, int64_t count, int64_t row,
                       int64_t rowStep, int64_t panelRows, unsigned stripes) {
  // Repeats first, first+step, ..: rows row, row+rowStep, ..; all in one
  // stripe. Cut at panel borders.
  int64_t i = 0;
  while (i < count) {
    int64_t r = row + i * rowStep, panel = r / panelRows;
    int64_t n = 1;
    if (rowStep == 0) {
      n = count - i;
    } else {
      int64_t edge =
          rowStep > 0 ? (panel + 1) * panelRows - 1 - r : r - panel * panelRows;
      n = std::min(count - i, edge / std::abs(rowStep) + 1);
    }
    n = std::min(n, maxCount);
    AccessPiece piece;
    piece.first = first + i * step;
    piece.step = step;
    piece.count = n;
    piece.panel = unsigned(panel);
    int64_t local = r - panel * panelRows;
    piece.stripe = unsigned(local % stripes);
    piece.address = local / stripes;
    piece.stride = rowStep / int64_t(stripes);
    LPU_CHECK(rowStep % int64_t(stripes) == 0, "stripe of a run changes");
    LPU_CHECK(std::abs(piece.stride) <= maxStride, "row stride too long");
    pieces.push_back(piece);
    i += n;
  }
}

/// Inner rows [0, inner) of an affine pattern, cut by stripe and panel.
static void pushStriped(std::vector<AccessPiece> &pieces, int64_t first,
                        int64_t count, int64_t row, int64_t stride,
                        int64_t panelRows, unsigned stripes) {
  int64_t phases =
      stride == 0 ? 1 : stripes / std::gcd<int64_t>(stripes, stride);
  for (int64_t p = 0; p < std::min(phases, count); ++p)
    pushLinear(pieces, first + p, phases, (count - p + phases - 1) / phases,
               row + p * stride, stride * phases, panelRows, stripes);
}

std::vector<AccessPiece>
lpu::schedule::splitAccess(const stream::Access &access, int64_t iterations,
                           int64_t panelRows, unsigned stripes) {
  std::vector<AccessPiece> pieces;
  bool nested = access.inner > 0 && access.inner < iterations;
  if (!nested) {
    pushStriped(pieces, 0, iterations, access.row, access.stride, panelRows,
                stripes);
    return pieces;
  }
  // Two levels in one instruction if everything stays in one panel.
  int64_t outer = (iterations + access.inner - 1) / access.inner;
  int64_t low = access.row, high = access.row;
  for (int64_t span :
       {(access.inner - 1) * access.stride, (outer - 1) * access.stride2})
    (span < 0 ? low : high) += span;
  if (stripes == 1 && low / panelRows == high / panelRows &&
      access.inner <= maxInner && iterations <= maxCount &&
      std::abs(access.stride2) <= maxStride) {
    AccessPiece piece;
    piece.count = iterations;
    piece.panel = unsigned(low / panelRows);
    piece.address = access.row - int64_t(piece.panel) * panelRows;
    piece.stride = access.stride;
    piece.inner = access.inner;
    piece.stride2 = access.stride2;
    pieces.push_back(piece);
    return pieces;
  }
  // A constant inner row (a value repeated for a group of rows), or a short
  // nest: one run per outer step.
  for (int64_t o = 0; o < outer; ++o)
    pushStriped(pieces, o * access.inner,
                std::min(access.inner, iterations - o * access.inner),
                access.row + o * access.stride2, access.stride, panelRows,
                stripes);
  return pieces;
}
