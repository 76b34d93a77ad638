//===- Generic.cpp - linalg.generic as tensors of the graph ---------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reader.h"
#include "Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace lpu::linalg_to_stream;

View Reader::operandView(linalg::GenericOp op, unsigned number,
                         ArrayRef<int64_t> sizes) {
  View from = viewOf(op->getOperand(number)), to;
  to.source = from.source;
  to.offset = from.offset;
  to.sizes.assign(sizes.begin(), sizes.end());
  to.strides.assign(sizes.size(), 0);
  AffineMap map = op.getIndexingMapsArray()[number];
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      to.strides[dim.getPosition()] += from.strides[i];
    else if (auto fixed = dyn_cast<AffineConstantExpr>(expr))
      to.offset += fixed.getValue() * from.strides[i];
    else
      report(*op, "an indexing map that is neither a dimension nor a constant");
  }
  for (auto [size, stride] : llvm::zip(sizes, to.strides))
    if (size == 1)
      stride = 0;
  return to;
}

void Reader::readMap(linalg::GenericOp op) {
  Sizes sizes(op.getStaticLoopRanges());
  Block &body = op.getRegion().front();
  mlir::Value yielded = body.getTerminator()->getOperand(0);
  SmallVector<View, 2> operands;
  for (unsigned i = 0; i < op.getNumDpsInputs(); ++i)
    operands.push_back(operandView(op, i, sizes));

  if (auto argument = dyn_cast<BlockArgument>(yielded))
    if (argument.getArgNumber() < operands.size())
      return setView(op.getResult(0), operands[argument.getArgNumber()]);

  // Dimensions along which nothing changes are not stored.
  Sizes stored = sizes;
  for (size_t d = 0; d < sizes.size(); ++d)
    if (llvm::all_of(operands,
                     [&](const View &v) { return v.strides[d] == 0; }))
      stored[d] = 1;
  for (View &view : operands)
    view.sizes = stored;

  SmallVector<ScalarStep, 2> steps;
  ScalarBuilder scalars(steps);
  for (unsigned i = 0; i < operands.size(); ++i)
    scalars.bind(body.getArgument(i), {ScalarOperand::Input, i});
  for (Operation &scalar : body.without_terminator()) {
    std::string reason = scalars.translate(scalar);
    if (!reason.empty())
      return report(*op, reason);
  }
  ScalarOperand result = scalars.lookup(yielded);
  if (result.kind == ScalarOperand::None)
    return report(*op, "its result comes from outside its body");

  Tensor &t = add(Tensor::Map, *op);
  t.shape = stored;
  t.element = elementOf(op.getResult(0));
  t.operands = operands;
  t.body = steps;
  t.result = result;
  View view = wholeView(&t);
  view.sizes = sizes;
  for (size_t d = 0; d < sizes.size(); ++d)
    if (stored[d] == 1)
      view.strides[d] = 0;
  setView(op.getResult(0), view);
}

void Reader::readReduction(linalg::GenericOp op) {
  Sizes sizes(op.getStaticLoopRanges());
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  Operation *combine =
      op.getRegion().front().getTerminator()->getOperand(0).getDefiningOp();
  std::string element = elementOf(op.getResult(0));
  bool isFloat = element[0] == 'f';
  ReduceKind kind;
  if (llvm::isa_and_nonnull<arith::AddFOp, arith::AddIOp>(combine))
    kind = ReduceKind::Sum;
  else if (llvm::isa_and_nonnull<arith::MaximumFOp, arith::MaxSIOp>(combine))
    kind = ReduceKind::Max;
  else if (llvm::isa_and_nonnull<arith::MinimumFOp, arith::MinSIOp>(combine))
    kind = ReduceKind::Min;
  else
    return report(*op, "a reduction that the vector unit does not have");

  View operand = operandView(op, 0, sizes);
  // Repeated elements: a sum is a product with their number.
  int64_t repeats = 1;
  Sizes operandSizes = sizes;
  SmallVector<bool, 6> reduced(sizes.size(), false);
  bool reduces = false;
  for (size_t d = 0; d < sizes.size(); ++d) {
    bool isReduced = iterators[d] == utils::IteratorType::reduction;
    if (operand.strides[d] == 0) {
      repeats *= isReduced ? sizes[d] : 1;
      operandSizes[d] = 1;
    }
    reduced[d] = isReduced;
    reduces |= isReduced && operandSizes[d] > 1;
  }
  operand.sizes = operandSizes;
  Sizes kept, full;
  for (size_t d = 0; d < sizes.size(); ++d)
    if (!reduced[d]) {
      kept.push_back(operandSizes[d]);
      full.push_back(sizes[d]);
    }
  View result;
  if (reduces) {
    Tensor &t = add(Tensor::Reduce, *op);
    t.element = element;
    t.reduceKind = kind;
    t.operands.push_back(operand);
    t.reduced = reduced;
    t.shape = kept;
    result = wholeView(&t);
  } else {
    result.source = operand.source;
    result.offset = operand.offset;
    result.sizes = kept;
    for (size_t d = 0; d < sizes.size(); ++d)
      if (!reduced[d])
        result.strides.push_back(operand.strides[d]);
  }
  if (kind == ReduceKind::Sum && repeats > 1) {
    Tensor &t = add(Tensor::Map, *op);
    t.shape = kept;
    t.element = element;
    t.operands.push_back(result);
    uint32_t count =
        isFloat ? llvm::bit_cast<uint32_t>(float(repeats)) : uint32_t(repeats);
    t.body.push_back({isFloat ? Opcode::alu_mul : Opcode::alu_imul,
                      {ScalarOperand::Input, 0},
                      {ScalarOperand::Immediate, count},
                      {}});
    t.result = {ScalarOperand::Step, 0};
    result = wholeView(&t);
  }
  result.sizes = full;
  for (size_t d = 0; d < kept.size(); ++d)
    if (kept[d] == 1)
      result.strides[d] = 0;
  setView(op.getResult(0), result);
}

void Reader::readContraction(linalg::GenericOp op) {
  Sizes sizes(op.getStaticLoopRanges());
  std::string in = elementOf(op->getOperand(0)),
              rhs = elementOf(op->getOperand(1)),
              out = elementOf(op.getResult(0));
  bool isInteger = in == "i8" && rhs == "i8" && out == "i32";
  if (!isInteger && (in[0] != 'f' || rhs[0] != 'f'))
    return report(*op,
                  "the matrix planes multiply floats or signed bytes, not " +
                      Twine(in) + " by " + rhs);
  for (Operation &scalar : op.getRegion().front())
    if (llvm::isa<arith::ExtUIOp>(scalar))
      return report(*op, "the matrix planes have no unsigned bytes");
  View views[2] = {operandView(op, 0, sizes), operandView(op, 1, sizes)};
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned side : {0u, 1u}) {
    bool repeats = !isInteger, sums = false;
    for (unsigned d = 0; d < sizes.size(); ++d)
      if (iterators[d] == utils::IteratorType::reduction && sizes[d] > 1) {
        repeats &= views[side].strides[d] == 0;
        sums = true;
      }
    if (repeats && sums)
      return readScaledSum(op, sizes, views[side], views[1 - side]);
  }

  Tensor &t = add(Tensor::Contract, *op);
  t.element = out;
  t.isInteger = isInteger;
  t.domain = sizes;
  for (unsigned d = 0; d < sizes.size(); ++d)
    if (iterators[d] != utils::IteratorType::reduction) {
      t.keptDims.push_back(d);
      t.shape.push_back(sizes[d]);
    }
  t.operands.assign(views, views + 2);
  setView(op.getResult(0), wholeView(&t));
}

void Reader::readScaledSum(linalg::GenericOp op, ArrayRef<int64_t> sizes,
                           const View &factor, View terms) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  Tensor &sum = add(Tensor::Reduce, *op);
  Tensor &scaled = add(Tensor::Map, *op);
  View left{factor.source, factor.offset, {}, {}};
  SmallVector<unsigned, 6> kept;
  int64_t repeats = 1; // of the terms themselves
  for (unsigned d = 0; d < sizes.size(); ++d) {
    bool isSummed = iterators[d] == utils::IteratorType::reduction;
    if (terms.strides[d] == 0) {
      repeats *= isSummed ? sizes[d] : 1;
      terms.sizes[d] = 1;
    }
    sum.reduced.push_back(isSummed);
    if (isSummed)
      continue;
    kept.push_back(d);
    sum.shape.push_back(terms.sizes[d]);
    bool varies = terms.strides[d] != 0 || factor.strides[d] != 0;
    scaled.shape.push_back(varies ? sizes[d] : 1);
    left.sizes.push_back(scaled.shape.back());
    left.strides.push_back(factor.strides[d]);
  }
  sum.element = scaled.element = elementOf(op.getResult(0));
  sum.reduceKind = ReduceKind::Sum;
  sum.operands.push_back(terms);
  View right = wholeView(&sum);
  right.sizes = scaled.shape;
  uint32_t count = llvm::bit_cast<uint32_t>(float(repeats));
  scaled.operands = {left, right};
  scaled.body.push_back({Opcode::alu_mul,
                         {ScalarOperand::Input, 0},
                         {ScalarOperand::Input, 1},
                         {}});
  scaled.body.push_back({Opcode::alu_mul,
                         {ScalarOperand::Step, 0},
                         {ScalarOperand::Immediate, count},
                         {}});
  scaled.result = {ScalarOperand::Step, 1};
  View result = wholeView(&scaled);
  for (unsigned i = 0; i < kept.size(); ++i)
    result.sizes[i] = sizes[kept[i]];
  setView(op.getResult(0), result);
}

void Reader::readGather(linalg::GenericOp op, tensor::ExtractOp extract) {
  Sizes sizes(op.getStaticLoopRanges());
  if (op.getNumDpsInputs() != 1)
    return report(*op, "a gather with several index tensors");
  unsigned indexRank = op.getIndexingMapsArray()[0].getNumResults();
  View table = viewOf(extract.getTensor()), index = viewOf(op->getOperand(0));
  int64_t rows = table.sizes.empty() ? 1 : table.sizes[0];
  int64_t features = product(ArrayRef<int64_t>(sizes).drop_front(indexRank));
  std::optional<View> flat = reshaped(table, {rows, features});
  if (!flat)
    flat = reshaped(copied(table, *op), {rows, features});
  for (auto [i, position] :
       llvm::enumerate(extract.getIndices().drop_front())) {
    auto number = position.getDefiningOp<linalg::IndexOp>();
    if (!number || number.getDim() != indexRank + i)
      return report(*op,
                    "a gather whose position depends on more than one index");
  }
  Tensor &t = add(Tensor::Gather, *op);
  t.shape = sizes;
  t.element = elementOf(op.getResult(0));
  t.operands.push_back(*flat);
  t.operands.push_back(index);
  setView(op.getResult(0), wholeView(&t));
}

void Reader::readGeneric(linalg::GenericOp op) {
  for (Operation &scalar : op.getRegion().front())
    if (auto extract = dyn_cast<tensor::ExtractOp>(scalar))
      return readGather(op, extract);
  if (op.getNumReductionLoops() == 0)
    return readMap(op);
  if (op.getNumDpsInputs() == 1)
    return readReduction(op);
  return readContraction(op);
}
