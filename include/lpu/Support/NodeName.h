//===- NodeName.h - the ONNX node of a location -----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SUPPORT_NODENAME_H
#define LPU_SUPPORT_NODENAME_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"

namespace lpu {

/// The name that the ONNX file gives to the node of a location, or "".
inline std::string nodeName(mlir::Location location) {
  std::string name;
  location->walk([&](mlir::Location part) {
    auto named = llvm::dyn_cast<mlir::NameLoc>(part);
    if (!named)
      return mlir::WalkResult::advance();
    name = named.getName().str();
    return mlir::WalkResult::interrupt();
  });
  return name;
}

/// The tensors of the ONNX file that an operation's results are, as part of its
/// location; "" for a result that has no name there. They follow the operation
/// wherever it goes, and equal operations stay equal.
constexpr const char *valueNamesKey = "onnx.values";

/// Chips of a group may have parts of a tensor, one after the other along a
/// dimension, in which the tensor has `size` elements.
struct ValueCut {
  int64_t dim = -1; // the chip has all of it
  int64_t size = 0;
};
constexpr const char *valueCutKey = "onnx.cut";

/// The location with names for an operation's results, or none; names that it
/// had are taken away.
inline mlir::Location withValueNames(mlir::Location location,
                                     llvm::ArrayRef<llvm::StringRef> names,
                                     ValueCut cut = {}) {
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(mlir::LocationAttr(location)))
    if (auto known =
            llvm::dyn_cast_or_null<mlir::DictionaryAttr>(fused.getMetadata()))
      if (known.contains(valueNamesKey))
        location = fused.getLocations().front();
  if (llvm::all_of(names, [](llvm::StringRef name) { return name.empty(); }))
    return location;
  mlir::Builder builder(location.getContext());
  llvm::SmallVector<mlir::NamedAttribute> metadata;
  if (cut.dim >= 0)
    metadata.push_back(builder.getNamedAttr(
        valueCutKey, builder.getDenseI64ArrayAttr({cut.dim, cut.size})));
  metadata.push_back(
      builder.getNamedAttr(valueNamesKey, builder.getStrArrayAttr(names)));
  return mlir::FusedLoc::get(location.getContext(), {location},
                             builder.getDictionaryAttr(metadata));
}

/// The name of result number \p result, or "".
inline std::string valueName(mlir::Location location, unsigned result = 0) {
  auto fused = llvm::dyn_cast<mlir::FusedLoc>(mlir::LocationAttr(location));
  auto known =
      fused ? llvm::dyn_cast_or_null<mlir::DictionaryAttr>(fused.getMetadata())
            : mlir::DictionaryAttr();
  auto names =
      known ? known.getAs<mlir::ArrayAttr>(valueNamesKey) : mlir::ArrayAttr();
  auto name = names && result < names.size()
                  ? llvm::dyn_cast<mlir::StringAttr>(names[result])
                  : mlir::StringAttr();
  return name ? name.str() : std::string();
}

inline ValueCut valueCut(mlir::Location location) {
  auto fused = llvm::dyn_cast<mlir::FusedLoc>(mlir::LocationAttr(location));
  auto known =
      fused ? llvm::dyn_cast_or_null<mlir::DictionaryAttr>(fused.getMetadata())
            : mlir::DictionaryAttr();
  auto cut = known ? known.getAs<mlir::DenseI64ArrayAttr>(valueCutKey)
                   : mlir::DenseI64ArrayAttr();
  if (!cut || cut.size() != 2)
    return {};
  return {cut[0], cut[1]};
}

} // namespace lpu

#endif // LPU_SUPPORT_NODENAME_H
