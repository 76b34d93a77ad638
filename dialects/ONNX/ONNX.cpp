// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/ONNX/ONNX.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace lpu::onnx;

#include "dialects/ONNX/ONNXDialect.cpp.inc"

void ONNXDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ONNX/ONNXOps.cpp.inc"
      >();
}

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LogicalResult InitializerOp::verify() {
  auto type = tensorType(getResult());
  int64_t bits = type.getElementType().getIntOrFloatBitWidth();
  int64_t need = type.getNumElements() * (bits == 1 ? 1 : bits / 8);
  if (static_cast<int64_t>(getLength()) != need)
    return emitOpError() << "has a length of " << getLength() << " bytes but "
                         << type << " needs " << need;
  if (static_cast<int64_t>(getOffset()) < 0)
    return emitOpError() << "has a negative offset";
  return success();
}

LogicalResult MatMulOp::verify() {
  auto a = tensorType(getA()), b = tensorType(getB());
  if (a.getRank() < 2 || b.getRank() < 2)
    return emitOpError() << "needs operands of rank 2 or more";
  if (a.getDimSize(a.getRank() - 1) != b.getDimSize(b.getRank() - 2))
    return emitOpError() << "has inner dims that differ: " << a << " and " << b;
  return success();
}

LogicalResult ReshapeOp::verify() {
  if (tensorType(getX()).getNumElements() !=
      tensorType(getResult()).getNumElements())
    return emitOpError() << "changes the number of elements";
  return success();
}

LogicalResult TransposeOp::verify() {
  auto x = tensorType(getX()), r = tensorType(getResult());
  ArrayRef<int64_t> perm = getPerm();
  if (!isPermutationVector(perm) ||
      static_cast<int64_t>(perm.size()) != x.getRank() ||
      r.getRank() != x.getRank())
    return emitOpError() << "needs a permutation of " << x.getRank() << " dims";
  for (int64_t i = 0; i < r.getRank(); ++i)
    if (r.getDimSize(i) != x.getDimSize(perm[i]))
      return emitOpError() << "result dim " << i << " is not operand dim "
                           << perm[i];
  return success();
}

LogicalResult SliceOp::verify() {
  auto x = tensorType(getX()), r = tensorType(getResult());
  ArrayRef<int64_t> starts = getStarts(), steps = getSteps();
  if (static_cast<int64_t>(starts.size()) != x.getRank() ||
      static_cast<int64_t>(steps.size()) != x.getRank() ||
      r.getRank() != x.getRank())
    return emitOpError() << "needs a start and a step for each of "
                         << x.getRank() << " dims";
  for (int64_t i = 0; i < r.getRank(); ++i) {
    int64_t n = r.getDimSize(i);
    if (n == 0)
      continue;
    int64_t last = starts[i] + (n - 1) * steps[i];
    if (starts[i] < 0 || starts[i] >= x.getDimSize(i) || last < 0 ||
        last >= x.getDimSize(i))
      return emitOpError() << "reads outside dim " << i;
  }
  return success();
}

#define GET_OP_CLASSES
#include "dialects/ONNX/ONNXOps.cpp.inc"
