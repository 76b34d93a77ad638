// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bounded walk over the bytes of an ONNX file before protobuf sees them. It
// checks lengths and nesting, and writes a *skeleton*: the same message with
// the elements of every tensor replaced by their place in the file. So a model
// of gigabytes costs protobuf a few kilobytes, weights stay in the mapped file,
// and protobuf's own 2 GB limit does not apply.

#ifndef LPU_LIB_IMPORT_WIRE_H
#define LPU_LIB_IMPORT_WIRE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace lpu::importer {

/// What the skeleton holds as `raw_data` of *every* tensor that had elements in
/// binary form (raw_data, or one packed run of float_data or double_data).
struct DataPlace {
  uint64_t offset, length;
};

/// Returns the skeleton, or nothing and a reason with the byte that is at
/// fault.
std::optional<std::string> makeSkeleton(llvm::StringRef file, unsigned maxDepth,
                                        std::string &reason);

/// Reads a place back from a skeleton's `raw_data`.
std::optional<DataPlace> readPlace(llvm::StringRef rawData);

} // namespace lpu::importer

#endif
