// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sequences of tensors, as the unoptimised dynamo exporter writes splits. A
// sequence exists only while importing: its elements are values of the graph.

#include "Records.h"

#include <algorithm>

namespace lpu::importer {

static void splitToSequence(OpContext &c) {
  const Dims &dims = c.in(0)->dims;
  auto axis = c.axis("axis", 0, dims.size());
  bool keepdims = c.integer("keepdims", 1, 0, 1);
  if (!axis || c.failed())
    return;
  int64_t length = dims[*axis];
  std::vector<int64_t> sizes;
  if (c.has(1)) {
    auto given = c.b.knownInts(c.in(1));
    if (!given) {
      c.fail("its sizes are computed from data");
      return;
    }
    if (c.in(1)->dims.empty()) {
      if ((*given)[0] < 1) {
        c.fail("the size " + llvm::Twine((*given)[0]) +
               " of a part is not positive");
        return;
      }
      for (int64_t at = 0; at < length; at += (*given)[0])
        sizes.push_back(std::min((*given)[0], length - at));
    } else {
      sizes = *given;
    }
  } else {
    sizes.assign(length, 1);
  }
  int64_t sum = 0;
  for (int64_t size : sizes)
    sum = size < 0 || sum < 0 || size > length ? -1 : sum + size;
  if (sum != length) {
    c.fail("the parts " + dimsName(sizes) + " do not fill an axis of length " +
           llvm::Twine(length));
    return;
  }
  std::vector<Value *> parts;
  int64_t start = 0;
  for (int64_t size : sizes) {
    Value *part = c.b.slice1(c.in(0), *axis, start, size);
    start += size;
    if (!c.has(1) && !keepdims) {
      Dims without = part->dims;
      without.erase(without.begin() + *axis);
      part = c.b.reshape(part, without);
    }
    parts.push_back(part);
  }
  c.result(c.b.sequence(std::move(parts)));
}

/// The elements of the first input, or null after a report.
static const std::vector<Value *> *elements(OpContext &c) {
  if (c.in(0)->isSequence)
    return &c.in(0)->elements;
  c.fail("needs a sequence, has " + shapeName(c.in(0)->type, c.in(0)->dims));
  return nullptr;
}

static void sequenceAt(OpContext &c) {
  const std::vector<Value *> *of = elements(c);
  if (!of)
    return;
  auto position = c.b.knownInts(c.in(1));
  int64_t count = of->size();
  auto at = position && position->size() == 1
                ? normalizeAxis((*position)[0], count)
                : std::nullopt;
  if (!at) {
    c.fail(position && position->size() == 1
               ? "position " + llvm::Twine((*position)[0]) +
                     " is out of range for a sequence of " + llvm::Twine(count)
               : llvm::Twine("its position is computed from data"));
    return;
  }
  c.result((*of)[*at]);
}

static void concatFromSequence(OpContext &c) {
  const std::vector<Value *> *of = elements(c);
  if (!of)
    return;
  bool newAxis = c.integer("new_axis", 0, 0, 1);
  if (of->empty()) {
    c.fail("the sequence is empty");
    return;
  }
  int64_t rank = (*of)[0]->dims.size() + newAxis;
  auto axis = c.axis("axis", std::numeric_limits<int64_t>::max(), rank);
  if (!axis)
    return;
  std::vector<Value *> parts;
  for (Value *part : *of) {
    Dims dims = part->dims;
    if (newAxis && *axis <= static_cast<int64_t>(dims.size()))
      dims.insert(dims.begin() + *axis, 1);
    parts.push_back(c.b.reshape(part, dims));
  }
  c.result(c.b.concat(parts, *axis));
}

static void sequenceConstruct(OpContext &c) {
  std::vector<Value *> parts;
  for (size_t i = 0; i < c.inputCount(); ++i)
    parts.push_back(c.in(i));
  c.result(c.b.sequence(std::move(parts)));
}

static void sequenceLength(OpContext &c) {
  if (const std::vector<Value *> *of = elements(c))
    c.result(c.b.scalar(DType::I64, of->size()));
}

static const OpRecord records[] = {
    {"ConcatFromSequence", "11", 1, 1, 1, concatFromSequence, "Concat", true},
    {"SequenceAt", "11", 2, 2, 1, sequenceAt, "constant position", true},
    {"SequenceConstruct", "11", 1, kAnyNumber, 1, sequenceConstruct},
    {"SequenceLength", "11", 1, 1, 1, sequenceLength, "folds", true},
    {"SplitToSequence", "11", 1, 2, 1, splitToSequence,
     "Slice; constant sizes"},
};

llvm::ArrayRef<OpRecord> sequenceOps() { return records; }

} // namespace lpu::importer
