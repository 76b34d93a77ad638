//===- StreamVerify.cpp - the stream dialect: verification ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Structure is checked here, rows and types of whole programs by `check`
// (include/lpu/Stream/Program.h): one home for the rules, whether a program is
// IR or structs.
//
//===----------------------------------------------------------------------===//

#include "dialects/Stream/Translate.h"

using namespace lpu;
using namespace lpu::stream;

mlir::LogicalResult SplatOp::verify() {
  mlir::Type type = getResult().getType().getElementType();
  if (getValue().getType() != type ||
      !llvm::isa<mlir::FloatAttr, mlir::IntegerAttr>(getValue()))
    return emitOpError() << "holds " << getValue() << ", its result " << type;
  return mlir::success();
}

mlir::LogicalResult JobOp::verifyRegions() {
  mlir::Block &steps = getKTiles().front(), &epilogue = getEpilogue().front();
  if (steps.getNumArguments() || epilogue.getNumArguments() != 1 ||
      !llvm::isa<VectorType>(epilogue.getArgument(0).getType()))
    return emitOpError() << "gives its epilogue one value, the product";
  for (mlir::Operation &op : steps)
    if (!llvm::isa<KTileOp>(op))
      return op.emitOpError() << "stands among the K tiles of a job";
  for (mlir::Operation &op : epilogue)
    if (llvm::isa<KTileOp>(op))
      return op.emitOpError() << "stands in an epilogue";
  bool isInteger = (*this)->getParentOfType<MatmulOp>().getInt8();
  auto product = llvm::cast<VectorType>(epilogue.getArgument(0).getType());
  if (product.getElementType().isInteger() != isInteger)
    return emitOpError() << "has a product of " << product.getElementType()
                         << "; sums of " << (isInteger ? "int8" : "fp16")
                         << " products are " << (isInteger ? "i32" : "f32");
  return mlir::success();
}

mlir::LogicalResult GatherOp::verify() {
  if (getOutRows().inner || getOutRows().chunk)
    return emitOpError() << "writes whole rows in even steps";
  return mlir::success();
}

mlir::LogicalResult ValueOp::verify() {
  size_t rank = getShape().size();
  if (getRowStride().size() != rank || getFeatureStride().size() != rank)
    return emitOpError() << "needs one row stride and one feature stride for "
                            "each dimension";
  if (getCut() < -1 || getCut() >= int64_t(rank))
    return emitOpError() << "is cut along dimension " << getCut() << " of "
                         << rank;
  int64_t iterations = (*this)->getParentOfType<SegmentOp>().getIterations();
  if (getIteration() < 0 || getIteration() >= iterations)
    return emitOpError() << "names iteration " << getIteration()
                         << " of a segment of " << iterations;
  return mlir::success();
}

/// The op of a violation.
static mlir::Operation *opOf(const Violation &violation, ProgramOp program,
                             const ProgramOps &ops) {
  switch (violation.where) {
  case Violation::InProgram:
    break;
  case Violation::InTile:
    return ops.tiles[violation.index];
  case Violation::InSegment:
    return ops.segments[violation.index];
  case Violation::InKernel:
    return ops.kernels[violation.index][violation.kernel];
  }
  return program;
}

mlir::LogicalResult stream::verifyProgram(ProgramOp op,
                                          const Machine *machine) {
  ProgramOps ops;
  mlir::FailureOr<Program> program = fromIR(op, &ops);
  if (mlir::failed(program))
    return mlir::failure();
  std::vector<Violation> violations = check(*program, machine);
  for (const Violation &violation : violations) {
    mlir::Operation *at = opOf(violation, op, ops);
    mlir::InFlightDiagnostic error = at->emitOpError();
    if (auto label = at->getAttrOfType<mlir::StringAttr>("label"))
      error << label << ' ';
    error << violation.text;
  }
  return mlir::success(violations.empty());
}

mlir::LogicalResult ProgramOp::verifyRegions() {
  return verifyProgram(*this, /*machine=*/nullptr);
}
