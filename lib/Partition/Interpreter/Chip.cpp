//===- Chip.cpp - values of one function ----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chip.h"

#include "Scalars.h"
#include "dialects/Fabric/Fabric.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::fabric;

SmallVector<int64_t> fabric::stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = int64_t(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

std::shared_ptr<HostTensor> fabric::makeTensor(RankedTensorType type) {
  auto tensor = std::make_shared<HostTensor>();
  tensor->shape.assign(type.getShape().begin(), type.getShape().end());
  tensor->isFloat = isa<FloatType>(type.getElementType());
  if (tensor->isFloat)
    tensor->floats.resize(type.getNumElements());
  else
    tensor->integers.resize(type.getNumElements());
  return tensor;
}

static RankedTensorType typeOf(mlir::Value v) {
  return cast<RankedTensorType>(v.getType());
}

/// Little-endian elements of a file.
static bool decode(const char *bytes, Type type, HostTensor &into) {
  auto each = [&](auto example, auto &&store) {
    using T = decltype(example);
    for (int64_t i = 0; i < into.size(); ++i) {
      T value;
      memcpy(&value, bytes + i * sizeof(T), sizeof(T));
      store(i, value);
    }
    return true;
  };
  auto real = [&](int64_t i, auto v) { into.floats[i] = float(v); };
  auto integer = [&](int64_t i, auto v) { into.integers[i] = int64_t(v); };
  if (type.isF32())
    return each(float(), real);
  if (type.isF16())
    return each(_Float16(), real);
  if (type.isInteger(64))
    return each(int64_t(), integer);
  if (type.isInteger(32))
    return each(int32_t(), integer);
  if (type.isInteger(8))
    return each(int8_t(), integer);
  if (type.isInteger(1))
    return each(uint8_t(), integer);
  return false;
}

HostValue WeightCache::load(Operation *op, const std::string &file,
                            uint64_t offset, uint64_t length,
                            RankedTensorType type) {
  std::string key;
  llvm::raw_string_ostream(key) << file << ":" << offset << " " << type;
  HostValue &value = loaded[key];
  if (value)
    return value;
  auto buffer = llvm::MemoryBuffer::getFileSlice(file, length, offset);
  if (!buffer || (*buffer)->getBufferSize() < length) {
    op->emitError("cannot read ")
        << length << " bytes at " << offset << " of \"" << file << "\"";
    return nullptr;
  }
  auto tensor = makeTensor(type);
  if (!decode((*buffer)->getBufferStart(), type.getElementType(), *tensor)) {
    op->emitError("a weight of a type that the interpreter does not know");
    return nullptr;
  }
  return value = tensor;
}

Chip::Chip(func::FuncOp function, WeightCache &weights, const Program *program,
           const Instance *instance)
    : function(function), weights(weights), program(program),
      instance(instance) {
  next = function.getBody().front().begin();
}

bool Chip::start(const HostValues &inputs) {
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "onnx.name");
    std::string key =
        name ? name.str() : "input" + std::to_string(argument.getArgNumber());
    auto it = inputs.find(key);
    if (it == inputs.end() ||
        ArrayRef<int64_t>(it->second->shape) != typeOf(argument).getShape()) {
      function.emitError("there is no input \"") << key << "\" of its shape";
      return false;
    }
    values[argument] = it->second;
  }
  return true;
}

void Chip::release(Operation &op) {
  op.walk([&](Operation *inner) {
    for (mlir::Value v : inner->getOperands()) {
      auto it = values.find(v);
      if (it == values.end())
        continue;
      auto [left, isNew] =
          readers.try_emplace(v, unsigned(llvm::range_size(v.getUses())));
      if (--left->second == 0)
        values.erase(v);
    }
  });
}

HostValues Chip::outputs() {
  HostValues result;
  Operation *end = function.getBody().front().getTerminator();
  for (auto [i, v] : llvm::enumerate(end->getOperands())) {
    auto name = function.getResultAttrOfType<StringAttr>(i, "onnx.name");
    result[name ? name.str() : "output" + std::to_string(i)] = get(v);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Constants and movement
//===----------------------------------------------------------------------===//

static HostValue literal(DenseElementsAttr value) {
  auto type = cast<RankedTensorType>(value.getType());
  auto tensor = makeTensor(type);
  int64_t i = 0;
  if (tensor->isFloat) {
    for (APFloat number : value.getValues<APFloat>()) {
      bool loses;
      number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                     &loses);
      tensor->floats[i++] = number.convertToFloat();
    }
  } else {
    bool isTruth = type.getElementType().isInteger(1);
    for (const APInt &number : value.getValues<APInt>())
      tensor->integers[i++] =
          isTruth ? int64_t(number.getZExtValue()) : number.getSExtValue();
  }
  return tensor;
}

bool Chip::constant(Operation &op) {
  mlir::Value v = op.getResult(0);
  if (!isa<RankedTensorType>(v.getType()))
    return true; // scalars are read where they are used
  auto number = op.getAttrOfType<IntegerAttr>(parameterAttr);
  if (number && instance) {
    const Array &array =
        program->arrays[instance->sources[number.getInt()].array];
    values[v] = array.literal ? literal(array.literal)
                              : weights.load(&op, array.file, array.offset,
                                             array.length, typeOf(v));
    return values[v] != nullptr;
  }
  if (auto dense = op.getAttrOfType<DenseElementsAttr>("value")) {
    values[v] = literal(dense);
    return true;
  }
  auto file = op.getAttrOfType<StringAttr>("file");
  auto offset = op.getAttrOfType<IntegerAttr>("offset"),
       length = op.getAttrOfType<IntegerAttr>("length");
  if (!file || !offset || !length) {
    op.emitError("a weight without file, offset and length");
    return false;
  }
  values[v] = weights.load(&op, file.str(), offset.getInt(), length.getInt(),
                           typeOf(v));
  return values[v] != nullptr;
}

HostValue Chip::moved(const HostTensor &from, ArrayRef<int64_t> shape,
                      int64_t offset, ArrayRef<int64_t> strides) {
  auto to = std::make_shared<HostTensor>();
  to->shape.assign(shape.begin(), shape.end());
  to->isFloat = from.isFloat;
  int64_t count = to->size();
  if (from.isFloat)
    to->floats.resize(count);
  else
    to->integers.resize(count);
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t at = offset;
  for (int64_t i = 0; i < count; ++i) {
    if (from.isFloat)
      to->floats[i] = from.floats[at];
    else
      to->integers[i] = from.integers[at];
    for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
      at += strides[d];
      if (++index[d] < shape[d])
        break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return to;
}

/// Writes `part` into `whole` from position `low` on.
static void place(const HostTensor &part, HostTensor &whole,
                  ArrayRef<int64_t> low) {
  SmallVector<int64_t> strides = stridesOf(whole.shape),
                       index(part.shape.size(), 0);
  for (int64_t i = 0; i < part.size(); ++i) {
    int64_t at = 0;
    for (size_t d = 0; d < index.size(); ++d)
      at += (index[d] + low[d]) * strides[d];
    if (part.isFloat)
      whole.floats[at] = part.floats[i];
    else
      whole.integers[at] = part.integers[i];
    for (int64_t d = int64_t(index.size()) - 1; d >= 0; --d) {
      if (++index[d] < part.shape[d])
        break;
      index[d] = 0;
    }
  }
}

/// All elements of a scalar constant.
static void fill(HostTensor &tensor, mlir::Value scalar) {
  auto constant = scalar.getDefiningOp<arith::ConstantOp>();
  if (auto number = dyn_cast<FloatAttr>(constant.getValue())) {
    std::fill(tensor.floats.begin(), tensor.floats.end(),
              float(number.getValueAsDouble()));
    return;
  }
  auto integer = cast<IntegerAttr>(constant.getValue());
  std::fill(tensor.integers.begin(), tensor.integers.end(),
            integer.getType().isInteger(1)
                ? int64_t(integer.getValue().getZExtValue())
                : integer.getInt());
}

bool Chip::evaluate(Operation &op) {
  if (isa<arith::ConstantOp>(op) ||
      op.getName().getStringRef() == "onnx.Initializer")
    return constant(op);
  if (auto generic_ = dyn_cast<linalg::GenericOp>(op))
    return generic(generic_);
  mlir::Value v = op.getResult(0);
  if (isa<tensor::EmptyOp>(op)) {
    values[v] = makeTensor(typeOf(v));
    return true;
  }
  if (auto fillOp = dyn_cast<linalg::FillOp>(op)) {
    auto tensor = makeTensor(typeOf(v));
    fill(*tensor, fillOp.getInputs()[0]);
    values[v] = tensor;
    return true;
  }
  HostValue from = get(op.getOperand(0));
  ArrayRef<int64_t> shape = typeOf(v).getShape();
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
    auto copy = std::make_shared<HostTensor>(*from);
    copy->shape.assign(shape.begin(), shape.end());
    values[v] = copy;
    return true;
  }
  SmallVector<int64_t> strides = stridesOf(from->shape);
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    SmallVector<int64_t> permuted;
    for (int64_t d : transpose.getPermutation())
      permuted.push_back(strides[d]);
    values[v] = moved(*from, shape, 0, permuted);
    return true;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    int64_t offset = 0;
    SmallVector<int64_t> steps;
    for (auto [d, stride] : llvm::enumerate(strides)) {
      offset += slice.getStaticOffsets()[d] * stride;
      steps.push_back(slice.getStaticStrides()[d] * stride);
    }
    // Where a part begins is in the tables.
    if (instance && slice->hasAttr(partAttr)) {
      auto number =
          slice.getSource().getDefiningOp()->getAttrOfType<IntegerAttr>(
              parameterAttr);
      offset = instance->sources[number.getInt()].element;
    }
    values[v] = moved(*from, shape, offset, steps);
    return true;
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    auto whole = makeTensor(typeOf(v));
    SmallVector<int64_t> low(shape.size(), 0);
    for (mlir::Value part : concat.getInputs()) {
      place(*get(part), *whole, low);
      low[concat.getDim()] += typeOf(part).getDimSize(concat.getDim());
    }
    values[v] = whole;
    return true;
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    auto whole = makeTensor(typeOf(v));
    fill(*whole, pad.getConstantPaddingValue());
    place(*from, *whole, pad.getStaticLow());
    values[v] = whole;
    return true;
  }
  op.emitError("the interpreter does not know '") << op.getName() << "'";
  return false;
}

//===----------------------------------------------------------------------===//
// Generic operations
//===----------------------------------------------------------------------===//

/// Stride of every loop in a tensor.
static SmallVector<int64_t> loopStrides(AffineMap map,
                                        ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides = stridesOf(shape), result(map.getNumDims(), 0);
  for (auto [d, expr] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      result[dim.getPosition()] += strides[d];
  return result;
}

/// Products, without a step list per element: the sums are the same, in the
/// order of k.
bool Chip::contraction(linalg::GenericOp op) {
  HostValue a = get(op.getDpsInputs()[0]), b = get(op.getDpsInputs()[1]);
  auto out = std::make_shared<HostTensor>(*get(op.getDpsInits()[0]));
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> sizes(op.getStaticLoopRanges()),
      sa = loopStrides(maps[0], a->shape), sb = loopStrides(maps[1], b->shape),
      so = loopStrides(maps[2], out->shape);
  unsigned rank = sizes.size(), m = rank - 3, n = rank - 2, k = rank - 1;
  int64_t batches = 1;
  for (unsigned d = 0; d < m; ++d)
    batches *= sizes[d];
  for (int64_t batch = 0; batch < batches; ++batch) {
    int64_t ba = 0, bb = 0, bo = 0, left = batch;
    for (int64_t d = int64_t(m) - 1; d >= 0; --d) {
      int64_t i = left % sizes[d];
      left /= sizes[d];
      ba += i * sa[d], bb += i * sb[d], bo += i * so[d];
    }
    for (int64_t i = 0; i < sizes[m]; ++i)
      for (int64_t l = 0; l < sizes[k]; ++l) {
        int64_t ia = ba + i * sa[m] + l * sa[k], ib = bb + l * sb[k],
                io = bo + i * so[m];
        if (a->isFloat) {
          float x = a->floats[ia];
          for (int64_t j = 0; j < sizes[n]; ++j)
            out->floats[io + j * so[n]] += x * b->floats[ib + j * sb[n]];
        } else {
          int64_t x = a->integers[ia];
          for (int64_t j = 0; j < sizes[n]; ++j)
            out->integers[io + j * so[n]] =
                int32_t(out->integers[io + j * so[n]] +
                        x * b->integers[ib + j * sb[n]]);
        }
      }
  }
  values[op.getResult(0)] = out;
  return true;
}

bool Chip::generic(linalg::GenericOp op) {
  Block &block = op.getRegion().front();
  // A product of floats, or of signed integers into 32 bits.
  if (op.getNumDpsInputs() == 2 && op.getNumReductionLoops() == 1 &&
      op.getNumLoops() >= 3) {
    Type out = typeOf(op.getResult(0)).getElementType();
    bool isPlain = out.isF32() || out.isInteger(32);
    for (Operation &scalar : block.without_terminator())
      isPlain &= isa<arith::MulFOp, arith::AddFOp, arith::MulIOp, arith::AddIOp,
                     arith::ExtFOp, arith::ExtSIOp>(scalar);
    if (isPlain)
      return contraction(op);
  }
  auto body =
      ScalarBody::read(block, [&](mlir::Value v) { return get(v).get(); });
  if (!body)
    return false;
  auto out = std::make_shared<HostTensor>(*get(op.getDpsInits()[0]));
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> sizes(op.getStaticLoopRanges());
  unsigned inputs = op.getNumDpsInputs();
  std::vector<HostValue> tensors;
  std::vector<SmallVector<int64_t>> strides;
  for (unsigned i = 0; i < inputs; ++i) {
    tensors.push_back(get(op.getDpsInputs()[i]));
    strides.push_back(loopStrides(maps[i], tensors[i]->shape));
  }
  strides.push_back(loopStrides(maps.back(), out->shape));
  SmallVector<int64_t> index(sizes.size(), 0), at(inputs + 1, 0);
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  for (int64_t step = 0; step < count; ++step) {
    for (unsigned i = 0; i <= inputs; ++i) {
      const HostTensor &from = i < inputs ? *tensors[i] : *out;
      if (from.isFloat)
        body->slots[i].f = from.floats[at[i]];
      else
        body->slots[i].i = from.integers[at[i]];
    }
    if (!body->run(index.data())) {
      op.emitError("data chooses a row that the table does not have");
      return false;
    }
    if (out->isFloat)
      out->floats[at[inputs]] = body->slots[body->result].f;
    else
      out->integers[at[inputs]] = body->slots[body->result].i;
    for (int64_t d = int64_t(sizes.size()) - 1; d >= 0; --d) {
      for (unsigned i = 0; i <= inputs; ++i)
        at[i] += strides[i][d];
      if (++index[d] < sizes[d])
        break;
      for (unsigned i = 0; i <= inputs; ++i)
        at[i] -= strides[i][d] * sizes[d];
      index[d] = 0;
    }
  }
  values[op.getResult(0)] = out;
  return true;
}
