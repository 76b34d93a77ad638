//===- Products.h - how operands of a product may stand ---------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product needs one operand with the summed dimensions on features, which
// moves through the planes, and one that is installed: by rows, with the summed
// dimensions on rows, or by columns, with them on features. Operands that stand
// so already cost nothing; Layouts.cpp moves the others.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_PRODUCTS_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_PRODUCTS_H

#include "Graph.h"

namespace lpu::linalg_to_stream {

bool onRows(const Place &place, llvm::ArrayRef<unsigned> dims);
bool onFeatures(const Place &place, llvm::ArrayRef<unsigned> dims);

/// The dimensions of a product's domain that are larger than 1.
struct ProductDims {
  SmallVector<unsigned, 4> batch, own[2], k; // own: of one operand only
};

/// An operand of a product.
class ProductSide {
public:
  /// \p width: bytes of an element in a plane.
  ProductSide(const View &view, unsigned width, const Machine &machine);
  bool isConstant, isFree; // free: its layout is ours to choose
  std::optional<Place> place;

  /// It can pass through planes, or be installed by rows or by columns.
  bool canMove(const ProductDims &dims, unsigned number,
               const ProductSide &other) const;
  bool byRows(const ProductDims &dims, unsigned number) const;
  bool byColumns(const ProductDims &dims, unsigned number) const;

private:
  bool canMake(llvm::ArrayRef<unsigned> batch, llvm::ArrayRef<unsigned> own,
               llvm::ArrayRef<unsigned> features, bool isMoving) const;

  bool hasWholeWindows(const Place &at, llvm::ArrayRef<int64_t> sizes,
                       llvm::ArrayRef<unsigned> k) const;

  const View &view;
  const Machine &machine;
  unsigned width;
};

/// Sets plan and layout of a product whose operands can stay where they stand;
/// false if none can.
bool planProduct(Tensor &t, const ProductDims &dims, const ProductSide sides[2],
                 unsigned lanes);

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_PRODUCTS_H
