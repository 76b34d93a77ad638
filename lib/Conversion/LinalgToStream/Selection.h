//===- Selection.h - any move of elements -----------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever a reshape, a slice, a concatenation or a repetition does to a
// tensor, each element of the result is one element of a source, or zero. A
// **selection** is that table. Rows of a result that take the same lanes, from
// source rows in even steps, form a **job**; a job is a copy if the lanes stay
// where they are, and else a product with matrices of zeros and ones: a row of
// the result is the sum, over the source rows that it takes from, of the row
// times the matrix that brings its lanes to their places. Since every other
// term is zero, the sum is exact; bytes go one by one as signed int8, so any
// type passes bit for bit.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_SELECTION_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_SELECTION_H

#include "Graph.h"

namespace lpu::linalg_to_stream {

class Selection {
public:
  Selection(int64_t rows, int64_t features)
      : rows(rows), features(features), cells(rows * features) {}

  /// The elements of `view`, whose source stands in `from` in tile number
  /// `source`, go where `to` has the view's dimensions, starting at
  /// (row, feature).
  void add(unsigned source, const View &view, const Layout &from,
           const Layout &to, int64_t row = 0, int64_t feature = 0);
  /// The same for elements that stand at `from`.
  void add(unsigned source, llvm::ArrayRef<int64_t> sizes, const Place &from,
           const Layout &to, int64_t row = 0, int64_t feature = 0);
  /// The first feature of each row in all features.
  void repeatFirst();

  /// Lanes of one chunk of a source tile that go to lanes of the result.
  struct Part {
    unsigned source = 0, chunk = 0;
    std::vector<std::pair<unsigned, unsigned>> lanes; // from, to
    bool operator==(const Part &other) const {
      return source == other.source && chunk == other.chunk &&
             lanes == other.lanes;
    }
  };
  struct Job {
    unsigned chunk = 0; // of the result
    stream::Axis rows;  // count and step of its rows, from `row`
    int64_t row = 0;
    std::vector<Part> parts;
    std::vector<std::pair<int64_t, int64_t>> from; // row and step by part
    bool isCopy = false;
  };
  std::vector<Job> jobs(unsigned lanes) const;

  int64_t rows, features;

private:
  struct Cell {
    int32_t source = -1, row = 0, feature = 0;
  };
  std::vector<Cell> cells;
};

/// Cycles, roughly, of moving `bytes` bytes of each element.
int64_t costOf(llvm::ArrayRef<Selection::Job> jobs, unsigned bytes,
               const Machine &machine);

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_SELECTION_H
