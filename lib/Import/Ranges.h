// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which values an index can have. The chip gives a row of zeros for an index
// outside of its table, where ONNX has an error. So what can be known is
// checked early: an index that is computed without data from outside, such as a
// position, when the model is imported (an interval that holds all its values);
// an index that is an input, up to casts and constants that are added, when the
// input is given (the interval of legal inputs goes into the package).

#ifndef LPU_LIB_IMPORT_RANGES_H
#define LPU_LIB_IMPORT_RANGES_H

#include "Graph.h"

#include <map>
#include <optional>

namespace lpu::importer {

class Ranges {
public:
  struct Interval {
    double low, high;
  };
  /// An interval that holds every element of the value; null if none is known.
  /// Asks for the operands first: go through a graph from front to back.
  const Interval *of(Value *value);

  /// The values of an input for which an index is legal in a table of `length`
  /// rows: -length .. length - 1, as ONNX counts.
  struct Limit {
    Value *input;
    double minimum, maximum;
  };
  /// Nothing if the index does not come from an input in so simple a way.
  std::optional<Limit> limit(Value *index, double length);

private:
  using Known = std::optional<Interval>;
  std::map<const Value *, Known> known;
  Known compute(Value *value);
};

/// The name of the weight that a table of a gather comes from.
std::string tableName(const Value *table);

} // namespace lpu::importer

#endif
