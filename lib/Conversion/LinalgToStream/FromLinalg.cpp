//===- FromLinalg.cpp - the graph of a linalg function --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the forms of docs/lowering.md. Data movement becomes views; a tensor
// that repeats its elements along a dimension is stored without it.
//
//===----------------------------------------------------------------------===//

#include "Graph.h"
#include "Scalars.h"
#include "dialects/Fabric/Fabric.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace lpu::linalg_to_stream;

std::string lpu::linalg_to_stream::nodeName(Location location) {
  std::string name;
  location->walk([&](Location part) {
    auto named = dyn_cast<NameLoc>(part);
    if (!named)
      return WalkResult::advance();
    name = named.getName().str();
    return WalkResult::interrupt();
  });
  return name;
}

static std::string elementName(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static Sizes shapeOf(mlir::Value v) {
  return Sizes(cast<RankedTensorType>(v.getType()).getShape());
}
static std::string elementOf(mlir::Value v) {
  return elementName(cast<RankedTensorType>(v.getType()).getElementType());
}

namespace {
class Reader {
public:
  explicit Reader(Graph &graph) : graph(graph) {}
  LogicalResult run(func::FuncOp function);

private:
  void report(Operation &op, const Twine &reason);
  void read(Operation &op);
  void readGeneric(linalg::GenericOp op);
  void readMap(linalg::GenericOp op);
  void readReduction(linalg::GenericOp op);
  void readContraction(linalg::GenericOp op);
  /// A product one of whose operands repeats along the sum: the sum of the
  /// other one, times it.
  void readScaledSum(linalg::GenericOp op, ArrayRef<int64_t> sizes,
                     const View &factor, View terms);
  void readGather(linalg::GenericOp op, tensor::ExtractOp extract);
  void readConstant(Operation &op, DenseElementsAttr value);
  void readInitializer(Operation &op);
  void readReshape(Operation &op);
  void readJoin(Operation &op);
  void readPad(tensor::PadOp op);
  void readExchange(Operation &op, unsigned members, bool scatters);

  Tensor &add(Tensor::Kind kind, Operation &op) {
    Tensor &t = graph.add(kind, op.getLoc());
    t.name = nodeName(op.getLoc());
    return t;
  }
  View viewOf(mlir::Value v) {
    auto found = views.find(v);
    if (found != views.end())
      return found->second;
    // The operand could not be read: a stand-in, so that the rest is checked.
    failed = true;
    Tensor &t = graph.add(Tensor::Map, v.getLoc());
    t.shape = shapeOf(v);
    t.element = elementOf(v);
    return wholeView(&t);
  }
  /// The view of an operand over the iteration space of `op`.
  View operandView(linalg::GenericOp op, unsigned number,
                   ArrayRef<int64_t> sizes);
  /// A tensor of one element.
  View splat(Operation &op, ArrayRef<int64_t> shape, StringRef element,
             uint32_t bits);
  /// Copies a view into a tensor of its own.
  View copied(const View &view, Operation &op);
  void setView(mlir::Value v, const View &view) { views[v] = view; }

  Graph &graph;
  llvm::DenseMap<mlir::Value, View> views;
  bool failed = false;
};
} // namespace

void Reader::report(Operation &op, const Twine &reason) {
  failed = true;
  InFlightDiagnostic error = op.emitError();
  std::string name = nodeName(op.getLoc());
  if (!name.empty())
    error << "ONNX node \"" << name << "\": ";
  error << op.getName() << " cannot run on the chip: " << reason;
  for (mlir::Value result : op.getResults())
    error << "; result " << result.getType();
}

//===----------------------------------------------------------------------===//
// Generic operations
//===----------------------------------------------------------------------===//

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

View Reader::splat(Operation &op, ArrayRef<int64_t> shape, StringRef element,
                   uint32_t bits) {
  Tensor &t = add(Tensor::Map, op);
  t.shape.assign(shape.size(), 1);
  t.element = element.str();
  t.result = {ScalarOperand::Immediate, bits};
  View view = wholeView(&t);
  view.sizes.assign(shape.begin(), shape.end());
  view.strides.assign(shape.size(), 0);
  return view;
}

View Reader::copied(const View &view, Operation &op) {
  Tensor &t = add(Tensor::Map, op);
  t.shape = view.sizes;
  t.element = view.source->element;
  t.operands.push_back(view);
  t.result = {ScalarOperand::Input, 0};
  return wholeView(&t);
}

/// Bits of a scalar constant as the vector unit holds them.
static std::optional<uint32_t> scalarBits(Attribute attr) {
  if (auto value = dyn_cast<FloatAttr>(attr)) {
    APFloat number = value.getValue();
    bool loses;
    number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &loses);
    return uint32_t(number.bitcastToAPInt().getZExtValue());
  }
  if (auto value = dyn_cast<IntegerAttr>(attr))
    return value.getType().isInteger(1)
               ? uint32_t(value.getValue().getZExtValue())
               : uint32_t(value.getValue().getSExtValue());
  return std::nullopt;
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
  if (isa_and_nonnull<arith::AddFOp, arith::AddIOp>(combine))
    kind = ReduceKind::Sum;
  else if (isa_and_nonnull<arith::MaximumFOp, arith::MaxSIOp>(combine))
    kind = ReduceKind::Max;
  else if (isa_and_nonnull<arith::MinimumFOp, arith::MinSIOp>(combine))
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
    if (isa<arith::ExtUIOp>(scalar))
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

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

void Reader::readConstant(Operation &op, DenseElementsAttr value) {
  Type type = value.getElementType();
  Sizes shape = shapeOf(op.getResult(0));
  if (value.isSplat()) {
    if (std::optional<uint32_t> bits =
            scalarBits(value.getSplatValue<Attribute>()))
      return setView(op.getResult(0),
                     splat(op, shape, elementName(type), *bits));
    return report(op, "a constant of a type that the chip does not have");
  }
  Tensor &t = add(Tensor::Constant, op);
  t.shape = shape;
  t.element = elementName(type);
  t.constant.elementType = t.element;
  t.constant.data = std::make_shared<std::vector<uint8_t>>();
  if (type.isInteger(1)) {
    for (bool bit : value.getValues<bool>())
      t.constant.data->push_back(bit);
  } else {
    ArrayRef<char> raw = value.getRawData();
    t.constant.data->assign(raw.begin(), raw.end());
  }
  setView(op.getResult(0), wholeView(&t));
}

void Reader::readInitializer(Operation &op) {
  auto file = op.getAttrOfType<StringAttr>("file");
  auto offset = op.getAttrOfType<IntegerAttr>("offset");
  auto length = op.getAttrOfType<IntegerAttr>("length");
  if (!file || !offset || !length)
    return report(op, "an initializer without file, offset and length");
  Tensor &t = add(Tensor::Constant, op);
  t.shape = shapeOf(op.getResult(0));
  t.element = elementOf(op.getResult(0));
  t.constant.elementType = t.element;
  t.constant.file = file.str();
  t.constant.fileOffset = offset.getInt();
  t.constant.fileLength = length.getInt();
  if (auto name = op.getAttrOfType<StringAttr>("name"))
    t.name = name.str();
  setView(op.getResult(0), wholeView(&t));
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

void Reader::readReshape(Operation &op) {
  View from = viewOf(op.getOperand(0));
  Sizes shape = shapeOf(op.getResult(0));
  std::optional<View> to = reshaped(from, shape);
  if (!to)
    to = reshaped(copied(from, op), shape);
  setView(op.getResult(0), *to);
}

void Reader::readJoin(Operation &op) {
  auto concat = cast<tensor::ConcatOp>(op);
  SmallVector<View, 2> operands;
  SmallVector<Sizes, 2> pieces;
  Sizes at(shapeOf(concat.getResult()).size(), 0);
  for (mlir::Value v : concat.getInputs()) {
    operands.push_back(viewOf(v));
    pieces.push_back(at);
    at[concat.getDim()] += shapeOf(v)[concat.getDim()];
  }
  Tensor &t = add(Tensor::Join, op);
  t.shape = shapeOf(concat.getResult());
  t.element = elementOf(concat.getResult());
  t.operands = operands;
  t.pieces = pieces;
  setView(concat.getResult(), wholeView(&t));
}

void Reader::readPad(tensor::PadOp op) {
  auto constant =
      op.getConstantPaddingValue()
          ? op.getConstantPaddingValue().getDefiningOp<arith::ConstantOp>()
          : arith::ConstantOp();
  std::optional<uint32_t> bits =
      constant ? scalarBits(constant.getValue()) : std::nullopt;
  if (!bits)
    return report(*op, "a padding value that is not constant");
  // One dimension after the other, so that no two pieces overlap.
  View inner = viewOf(op.getSource());
  for (unsigned d = 0; d < inner.rank(); ++d) {
    int64_t low = op.getStaticLow()[d], high = op.getStaticHigh()[d];
    if (low == 0 && high == 0)
      continue;
    Sizes shape = inner.sizes, at(inner.rank(), 0);
    int64_t size = shape[d];
    shape[d] = low + size + high;
    Tensor &t = add(Tensor::Join, *op);
    t.shape = shape;
    t.element = elementOf(op.getResult());
    auto piece = [&](const View &view) {
      t.operands.push_back(view);
      t.pieces.push_back(at);
      at[d] += view.sizes[d];
    };
    for (int64_t count : {low, int64_t(-1), high}) {
      if (count < 0) {
        piece(inner);
      } else if (count > 0) {
        shape[d] = count;
        piece(splat(*op, shape, t.element, *bits));
      }
    }
    inner = wholeView(&t);
  }
  setView(op.getResult(), inner);
}

void Reader::readExchange(Operation &op, unsigned members, bool scatters) {
  if (shapeOf(op.getOperand(0)).size() != 2)
    return report(op, "an exchange of what is not rows and features; "
                      "--fabric-decompose makes it so");
  Tensor &t = add(Tensor::Exchange, op);
  t.shape = shapeOf(op.getResult(0));
  t.element = elementOf(op.getResult(0));
  t.operands.push_back(viewOf(op.getOperand(0)));
  t.members = members;
  t.scatters = scatters;
  setView(op.getResult(0), wholeView(&t));
}

void Reader::read(Operation &op) {
  if (isa<tensor::EmptyOp>(op)) // only the type of a result
    return;
  if (op.getNumResults() == 1)
    if (auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType()))
      if (type.getNumElements() == 0)
        return report(op, "a tensor without elements");
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return readGeneric(generic);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
      readConstant(op, dense);
    return;
  }
  if (op.getName().getStringRef() == "onnx.Initializer")
    return readInitializer(op);
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    auto constant = fill.getInputs()[0].getDefiningOp<arith::ConstantOp>();
    std::optional<uint32_t> bits =
        constant ? scalarBits(constant.getValue()) : std::nullopt;
    if (!bits)
      return report(op, "a fill with a value that is not constant");
    return setView(op.getResult(0), splat(op, shapeOf(op.getResult(0)),
                                          elementOf(op.getResult(0)), *bits));
  }
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return readReshape(op);
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    View from = viewOf(transpose.getInput()), to = from;
    for (auto [i, dim] : llvm::enumerate(transpose.getPermutation())) {
      to.sizes[i] = from.sizes[dim];
      to.strides[i] = from.strides[dim];
    }
    return setView(op.getResult(0), to);
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    View view = viewOf(slice.getSource());
    for (unsigned i = 0; i < view.rank(); ++i) {
      view.offset += slice.getStaticOffsets()[i] * view.strides[i];
      view.sizes[i] = slice.getStaticSizes()[i];
      view.strides[i] = view.sizes[i] == 1
                            ? 0
                            : view.strides[i] * slice.getStaticStrides()[i];
    }
    return setView(op.getResult(0), view);
  }
  if (isa<tensor::ConcatOp>(op))
    return readJoin(op);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return readPad(pad);
  if (auto exchange = dyn_cast<lpu::fabric::AllToAllOp>(op))
    return readExchange(op, exchange.getMembers(), /*scatters=*/true);
  if (auto gather = dyn_cast<lpu::fabric::AllGatherOp>(op)) {
    ArrayRef<int64_t> offsets = gather.getOffsets();
    bool isEven = gather.getDim() == 0;
    for (size_t m = 0; m < offsets.size(); ++m)
      isEven &= offsets[m] == int64_t(m) * offsets[1];
    if (isEven)
      return readExchange(op, offsets.size() - 1, /*scatters=*/false);
  }
  if (lpu::fabric::isCollective(&op))
    return report(op, "not an exchange of equal blocks; --fabric-decompose "
                      "makes it one");
  report(op, "not a form of docs/lowering.md");
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

static std::string numpyName(StringRef element) {
  return llvm::StringSwitch<std::string>(element)
      .Case("f32", "float32")
      .Case("f16", "float16")
      .Case("f64", "float64")
      .Case("i64", "int64")
      .Case("i32", "int32")
      .Case("i8", "int8")
      .Cases({"u8", "ui8"}, "uint8")
      .Case("i1", "bool")
      .Default("");
}

/// What the importer noted about an argument or result, or a stand-in.
static std::string noted(DictionaryAttr attrs, StringRef key,
                         const Twine &otherwise) {
  if (attrs)
    if (auto text = attrs.getAs<StringAttr>(key))
      return text.str();
  return otherwise.str();
}

LogicalResult Reader::run(func::FuncOp function) {
  graph.name = function.getName().str();
  for (BlockArgument argument : function.getArguments()) {
    unsigned i = argument.getArgNumber();
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape()) {
      function.emitError("argument ") << i << " has no static shape";
      return failure();
    }
    Tensor &t = graph.add(Tensor::Input, argument.getLoc());
    t.shape = Sizes(type.getShape());
    t.element = elementName(type.getElementType());
    DictionaryAttr attrs = function.getArgAttrDict(i);
    t.name = noted(attrs, "onnx.name", "input" + Twine(i));
    t.hostType = noted(attrs, "onnx.type", numpyName(t.element));
    t.isPort = attrs && attrs.contains("fabric.port");
    setView(argument, wholeView(&t));
  }
  for (Operation &op : function.getBody().front().without_terminator())
    read(op);
  Operation *end = function.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(end->getOperands())) {
    DictionaryAttr attrs = function.getResultAttrDict(i);
    graph.outputs.push_back(
        {noted(attrs, "onnx.name", "output" + Twine(i)),
         noted(attrs, "onnx.type", numpyName(elementOf(value))), viewOf(value),
         value.getLoc()});
  }
  return failure(failed);
}

FailureOr<std::unique_ptr<Graph>>
lpu::linalg_to_stream::buildGraph(ModuleOp module) {
  func::FuncOp only;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    if (only) {
      function.emitError("a second function; a program is made of one");
      return failure();
    }
    only = function;
  }
  if (!only || !only.getBody().hasOneBlock()) {
    module.emitError("has no function of one block");
    return failure();
  }
  auto graph = std::make_unique<Graph>();
  if (failed(Reader(*graph).run(only)))
    return failure();
  return graph;
}
