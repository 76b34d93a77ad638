//===- Lowering.h - what the operator families share ------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A rule lowers one ONNX operator. It reads the node through `Lowering`
// (operands already lowered, attributes by their ONNX names) and builds the
// result only through the form builders below, one per form of
// docs/lowering.md. So the set of forms is closed here, in one place, and no
// rule writes an indexing map.
//
// Views. A Squeeze, Unsqueeze or Expand moves no element that an elementwise
// consumer could not address itself. Such a result is built as usual, and
// remembered as a *view*: for every dimension of its source, the dimension of
// the result that walks it, or none for a dimension of size 1. Elementwise ops
// read the source through a broadcasting map instead; results that nobody
// reads any more are erased at the end.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_ONNXTOLINALG_LOWERING_H
#define LPU_LIB_CONVERSION_ONNXTOLINALG_LOWERING_H

#include "lpu/Conversion/ONNXToLinalg.h"

#include "dialects/ONNX/ONNX.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"

#include <optional>

namespace lpu::onnx_to_linalg {

using mlir::ArrayRef;
using mlir::SmallVector;
using mlir::StringRef;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// The type that `type` has after the lowering: unsigned integers lose their
/// sign (operations carry it instead), i64 becomes i32 when asked for.
Type convertElement(Type element, bool narrowInt64);

/// Scalar arithmetic inside a generic's body, chosen by the operand type.
class Scalars {
public:
  explicit Scalars(mlir::ImplicitLocOpBuilder &b, bool isUnsigned = false)
      : b(b), isUnsigned(isUnsigned) {}
  Value add(Value l, Value r);
  Value sub(Value l, Value r);
  Value mul(Value l, Value r);
  Value div(Value l, Value r); // integers: towards zero
  Value max(Value l, Value r); // floats: NaN if either is NaN
  Value min(Value l, Value r);
  Value neg(Value v);
  Value less(Value l, Value r); // ordered: false with a NaN
  Value equal(Value l, Value r);
  Value select(Value c, Value t, Value f);
  Value constant(Type type, double value);
  Value rsqrt(Value v);
  Value exp(Value v);
  mlir::ImplicitLocOpBuilder &b;
  bool isUnsigned;
};

enum class Reduction { Sum, Max, Min };

/// What a reduction starts from: 0, an infinity, an end of the integers.
mlir::TypedAttr identityOf(Reduction kind, Type element, bool isUnsigned);

class Lowering {
public:
  /// `Scalars` is passed the operands' scalars in order.
  using Body = llvm::function_ref<Value(Scalars &, ValueRange)>;

  Lowering(mlir::MLIRContext *context, const ONNXToLinalgOptions &options)
      : b(mlir::UnknownLoc::get(context), context), options(options) {}

  /// Lowers all nodes of `function`; all unsupported ones are reported.
  mlir::LogicalResult run(mlir::Operation *function);

  //===--- The node being lowered -----------------------------------------===//
  mlir::Operation *node = nullptr;
  mlir::ImplicitLocOpBuilder b;

  bool has(unsigned i) const;
  /// Lowered operand `i`. Only valid if `has(i)`.
  Value operand(unsigned i);
  SmallVector<Value> operands();
  /// Element types as ONNX states them, with the sign of unsigned integers.
  Type elementIn(unsigned i) const;
  Type elementOut(unsigned i = 0) const;
  bool isUnsignedIn(unsigned i) const {
    return elementIn(i).isUnsignedInteger();
  }
  /// Lowered element type and shape of result `i`.
  Type resultElement(unsigned i = 0) const;
  ArrayRef<int64_t> resultShape(unsigned i = 0) const;
  /// The dense value of operand `i` as ONNX states it, if it is a constant.
  mlir::DenseElementsAttr constant(unsigned i) const;
  /// The one value of a constant whose elements are all equal.
  std::optional<double> splat(unsigned i) const;

  void set(unsigned i, Value value);
  void set(Value value) { set(0, value); }
  /// Reports the node. The walk goes on so that all are reported.
  void unsupported(const llvm::Twine &reason);

  //===--- Form builders (docs/lowering.md)
  //--------------------------------===//
  /// (a) One scalar body over the broadcast shape of `ins`.
  Value elementwise(ValueRange ins, Type element, Body body,
                    bool isUnsigned = false);
  /// Same type as the first operand, no sign.
  Value elementwise(ValueRange ins, Body body);
  /// (a) `v` repeated to `shape` as NumPy broadcasts.
  Value broadcast(Value v, ArrayRef<int64_t> shape);
  /// (a) `v` repeated: its dimension i becomes dimension `dims[i]` of `shape`.
  /// A source dimension of size 1 with `dims[i] == -1` is dropped.
  Value broadcastInDims(Value v, ArrayRef<int64_t> dims,
                        ArrayRef<int64_t> shape);
  /// (b) `dims` are gone from the result.
  Value reduce(Reduction kind, Value v, ArrayRef<int64_t> dims,
               bool isUnsigned = false);
  /// A reduced value with its `dims` back as ones.
  Value keepDims(Value reduced, ArrayRef<int64_t> dims);
  /// (c) [..., m, k] x [..., k, n] -> [..., m, n], products and sums in
  /// `accumulator`. `unsignedLhs/Rhs` zero-extend an integer operand.
  Value contract(Value lhs, Value rhs, Type accumulator,
                 bool unsignedLhs = false, bool unsignedRhs = false);
  /// (d) result[i..., f...] = table[indices[i...], f...]. A negative index
  /// counts from the end.
  Value gatherRows(Value table, Value indices, bool mayBeNegative);
  /// (e)
  Value reshape(Value v, ArrayRef<int64_t> shape);
  Value transpose(Value v, ArrayRef<int64_t> permutation);
  Value slice(Value v, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
              ArrayRef<int64_t> strides);
  /// `sizes` elements of one dimension from `offset`.
  Value sliceDim(Value v, int64_t dim, int64_t offset, int64_t size,
                 int64_t stride = 1);
  Value concat(ValueRange values, int64_t dim);
  Value pad(Value v, ArrayRef<int64_t> low, ArrayRef<int64_t> high,
            mlir::TypedAttr value);

  //===--- Compositions
  //----------------------------------------------------===//
  /// Converts elements by the rules of ONNX Cast.
  Value convert(Value v, Type from, Type to);
  /// Same, for a type that needs no sign.
  Value convertFloat(Value v, Type to);
  Value scalar(Type element, double value); // rank-0 constant
  Value iota(int64_t size, Type element);   // 0, 1, ... size - 1
  Value integers(ArrayRef<int64_t> values, ArrayRef<int64_t> shape,
                 Type element);
  /// Sum over `dims` divided by their number of elements; dims are gone.
  Value mean(Value v, ArrayRef<int64_t> dims);
  /// The type in which sums of `element` are accumulated.
  Type accumulatorOf(Type element);
  Type indexElement() { return convertElement(b.getI64Type(), narrow()); }
  bool narrow() const { return options.narrowInt64; }

private:
  struct View {
    Value source;
    SmallVector<int64_t> dims; // per source dim: result dim, or -1
  };

  bool checkAxes();
  Value lowered(Value onnx);
  Value lowerConstant(mlir::Operation *constant);
  void lowerInitializer(mlir::Operation *initializer);
  mlir::DenseElementsAttr convertConstant(mlir::Operation *at,
                                          mlir::DenseElementsAttr value);
  Value empty(ArrayRef<int64_t> shape, Type element);
  View viewOf(Value v);

  ONNXToLinalgOptions options;
  llvm::DenseMap<Value, Value> values; // onnx value -> lowered value
  llvm::DenseMap<Value, Type> argumentTypes;
  llvm::DenseMap<Value, View> views;
  bool failed = false;
};

using Rule = void (*)(Lowering &);
struct NamedRule {
  StringRef op; // "onnx.Add"
  Rule lower;
};
template <typename Op> NamedRule rule(Rule lower) {
  return {Op::getOperationName(), lower};
}
ArrayRef<NamedRule> mathRules();
ArrayRef<NamedRule> shapeRules();
ArrayRef<NamedRule> nnRules();
ArrayRef<NamedRule> quantRules();

inline ArrayRef<int64_t> shapeOf(Value v) {
  return mlir::cast<mlir::RankedTensorType>(v.getType()).getShape();
}
inline Type elementOf(Value v) {
  return mlir::cast<mlir::RankedTensorType>(v.getType()).getElementType();
}
inline int64_t rankOf(Value v) {
  return mlir::cast<mlir::RankedTensorType>(v.getType()).getRank();
}

} // namespace lpu::onnx_to_linalg

#endif // LPU_LIB_CONVERSION_ONNXTOLINALG_LOWERING_H
