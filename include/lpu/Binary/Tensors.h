//===- Tensors.h - where tensors of the model stand, and when ---*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A debug section of a package says which tensors of the ONNX file stand in
// SRAM, by their names there: what a person compares with another run of the
// model, one tensor after the other (lpu-compare). No run needs it. It is text,
// JSON, one object per place.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_BINARY_TENSORS_H
#define LPU_BINARY_TENSORS_H

#include "lpu/Binary/Package.h"
#include <array>

namespace lpu {

/// Element (i0, i1, ..) has row r = row + sum rowStride[j] * ij and feature f =
/// feature + sum featureStride[j] * ij. It is in chunk f / chunkFeatures, lane
/// f % chunkFeatures; in panel r / panelRows, of which row p = r % panelRows is
/// in stripe p % stripes, p / stripes rows behind the first of the column.
/// A place has only those elements whose row is in [0, rows): where a tensor
/// is computed in blocks, several places of a chip have all of it together.
struct TensorPlace {
  std::string name;
  unsigned chip = 0;
  isa::ElementType type = isa::ElementType::f32;
  /// The program cycles in which all of it is there: from a read issued in
  /// `complete` to one issued in `until`.
  uint64_t complete = 0, until = 0;
  std::vector<int64_t> shape; // of what this chip has
  /// The dimension along which the chips of a group have parts, in their order,
  /// and its size in the tensor; -1: the chip has all of it.
  int64_t cut = -1, cutSize = 0;
  int64_t row = 0, feature = 0;
  std::vector<int64_t> rowStride, featureStride;
  int64_t rows = 1, panelRows = 1, stripes = 1, chunkFeatures = 1, chunks = 1;
  /// [((panel * chunks + chunk) * stripes + stripe) * bytes + byte]: slice,
  /// bank and row.
  std::vector<std::array<unsigned, 3>> columns;
};

constexpr const char *tensorSectionName = "tensors";
std::string writeTensorSection(llvm::ArrayRef<TensorPlace> places);
/// Empty for a package without the section. Errors: a section that is not what
/// writeTensorSection writes, or names what the package does not have.
llvm::Expected<std::vector<TensorPlace>>
readTensorSection(const Package &package);

} // namespace lpu

#endif // LPU_BINARY_TENSORS_H
