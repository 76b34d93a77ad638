// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Fabric/Fabric.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lpu::fabric;

#include "dialects/Fabric/FabricDialect.cpp.inc"
#include "dialects/Fabric/FabricEnums.cpp.inc"

void FabricDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Fabric/FabricOps.cpp.inc"
      >();
}

bool lpu::fabric::isCollective(Operation *op) {
  return isa<AllReduceOp, ReduceScatterOp, AllGatherOp, AllToAllOp,
             BroadcastOp>(op);
}

bool lpu::fabric::isTransfer(Operation *op) {
  return isa<SendOp, RecvOp>(op) || isCollective(op);
}

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

LogicalResult GroupsOp::verify() {
  for (auto [i, group] : llvm::enumerate(getMembers()))
    if (auto chips = dyn_cast<DenseI64ArrayAttr>(group);
        !chips || chips.size() < 2)
      return emitOpError() << "group " << i << " is not a list of two chips "
                           << "or more";
  return success();
}

LogicalResult ArraysOp::verify() {
  for (auto [i, entry] : llvm::enumerate(getList())) {
    auto array = dyn_cast<DictionaryAttr>(entry);
    bool isFile = array && array.getAs<StringAttr>("file") &&
                  array.getAs<IntegerAttr>("offset") &&
                  array.getAs<IntegerAttr>("length");
    bool isLiteral = array && array.getAs<DenseElementsAttr>("literal");
    if (isFile == isLiteral)
      return emitOpError() << "array " << i
                           << " needs file, offset and length, or a literal";
  }
  return success();
}

LogicalResult InstancesOp::verify() {
  int64_t chips = getChips().size();
  if (chips == 0)
    return emitOpError() << "names no chip";
  if (getPeers().size() % chips != 0)
    return emitOpError() << "has " << getPeers().size()
                         << " peers, no multiple of its " << chips << " chips";
  if (getSources().size() % (2 * chips) != 0)
    return emitOpError() << "has " << getSources().size()
                         << " numbers of sources, no multiple of two for each "
                            "of its "
                         << chips << " chips";
  return success();
}

//===----------------------------------------------------------------------===//
// Transfers
//===----------------------------------------------------------------------===//

/// `whole` cut along `dim` at `offsets` has `part` as one of its parts.
static LogicalResult verifyParts(Operation *op, RankedTensorType whole,
                                 RankedTensorType part, int64_t dim,
                                 ArrayRef<int64_t> offsets) {
  if (dim < 0 || dim >= whole.getRank())
    return op->emitOpError() << "has dim " << dim << " of " << whole;
  if (offsets.size() < 3 || offsets.front() != 0 ||
      offsets.back() != whole.getDimSize(dim) || !llvm::is_sorted(offsets))
    return op->emitOpError()
           << "needs offsets that rise from 0 to " << whole.getDimSize(dim)
           << ", one more than members";
  bool isPart = part.getRank() == whole.getRank() &&
                part.getElementType() == whole.getElementType();
  for (int64_t d = 0; isPart && d < whole.getRank(); ++d)
    isPart &= d == dim || part.getDimSize(d) == whole.getDimSize(d);
  bool isSize = false;
  for (size_t i = 0; isPart && i + 1 < offsets.size(); ++i)
    isSize |= offsets[i + 1] - offsets[i] == part.getDimSize(dim);
  if (!isSize)
    return op->emitOpError() << "cuts " << whole << " along dim " << dim
                             << ", which does not give " << part;
  return success();
}

LogicalResult ReduceScatterOp::verify() {
  return verifyParts(*this, tensorType(getInput()), tensorType(getResult()),
                     getDim(), getOffsets());
}

LogicalResult AllGatherOp::verify() {
  return verifyParts(*this, tensorType(getResult()), tensorType(getInput()),
                     getDim(), getOffsets());
}

LogicalResult AllToAllOp::verify() {
  RankedTensorType type = tensorType(getInput());
  if (getMembers() < 2 || type.getRank() == 0 ||
      type.getDimSize(0) % int64_t(getMembers()) != 0)
    return emitOpError() << "cannot cut " << type << " into " << getMembers()
                         << " equal blocks of rows";
  return success();
}

LogicalResult BroadcastOp::verify() {
  if (getInput().getType() != getResult().getType())
    return emitOpError() << "changes the type";
  return success();
}

#define GET_OP_CLASSES
#include "dialects/Fabric/FabricOps.cpp.inc"
