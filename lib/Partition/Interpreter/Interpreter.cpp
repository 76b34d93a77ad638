//===- Interpreter.cpp - values of linalg and fabric functions ------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chip.h"
#include "Scalars.h"
#include "dialects/Fabric/Fabric.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>
#include <cstring>
#include <deque>
#include <random>

using namespace mlir;
using namespace lpu;
using namespace lpu::fabric;

/// Rows of the smallest table that a value indexes, or 2.
static int64_t rowsIndexedBy(mlir::Value start) {
  llvm::SetVector<mlir::Value> work;
  work.insert(start);
  int64_t rows = 0;
  for (size_t i = 0; i < work.size(); ++i)
    for (Operation *user : work[i].getUsers()) {
      bool indexes = false;
      user->walk([&](tensor::ExtractOp extract) {
        indexes = true;
        int64_t size =
            cast<RankedTensorType>(extract.getTensor().getType()).getDimSize(0);
        rows = rows ? std::min(rows, size) : size;
      });
      auto generic = dyn_cast<linalg::GenericOp>(user);
      bool isMovement = !generic && user->getNumResults() == 1;
      if (!indexes && isMovement)
        work.insert(user->getResult(0));
    }
  return rows ? rows : 2;
}

HostValues fabric::randomInputs(func::FuncOp function, unsigned seed) {
  HostValues inputs;
  std::mt19937 random(seed);
  for (BlockArgument argument : function.getArguments()) {
    auto tensor = makeTensor(cast<RankedTensorType>(argument.getType()));
    for (float &value : tensor->floats)
      value = float(int32_t(random() >> 8) - (1 << 23)) / float(1 << 23);
    if (!tensor->isFloat) {
      int64_t rows = rowsIndexedBy(argument);
      for (int64_t &value : tensor->integers)
        value = random() % rows;
      // A mask of zeros alone says nothing.
      if (rows == 2 && !tensor->integers.empty())
        tensor->integers[0] = 1;
    }
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "onnx.name");
    inputs[name ? name.str()
                : "input" + std::to_string(argument.getArgNumber())] = tensor;
  }
  return inputs;
}

std::optional<HostValues> fabric::evaluate(func::FuncOp function,
                                           const HostValues &inputs) {
  WeightCache weights;
  Chip chip(function, weights);
  if (!chip.start(inputs))
    return std::nullopt;
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (!chip.evaluate(op))
      return std::nullopt;
    chip.release(op);
  }
  return chip.outputs();
}

//===----------------------------------------------------------------------===//
// Many chips
//===----------------------------------------------------------------------===//

namespace {
class Fabric {
public:
  Fabric(const Program &program, const HostValues &inputs)
      : program(program), inputs(inputs), arrived(program.groups.size()) {}
  std::optional<HostValues> run();

private:
  struct Running {
    std::unique_ptr<Chip> chip;
    const ChipClass *chipClass;
    const Instance *instance;
    size_t port = 0;
    bool isDone = false;
  };
  /// Runs until a transfer has to wait; false after a diagnostic.
  bool advance(unsigned number);
  bool collective(int64_t group);
  bool collect(Running &running);

  const Program &program;
  const HostValues &inputs;
  WeightCache weights;
  std::map<unsigned, Running> chips;
  std::map<std::pair<unsigned, unsigned>, std::deque<HostValue>> messages;
  std::vector<std::vector<unsigned>> arrived;
  std::vector<unsigned> work;
  HostValues results;
};
} // namespace

static void combine(Combine how, HostTensor &into, const HostTensor &from,
                    bool isHalf) {
  for (size_t i = 0; i < into.floats.size(); ++i) {
    float a = into.floats[i], b = from.floats[i];
    float r = how == Combine::Add ? a + b
              : std::isnan(a) || std::isnan(b)
                  ? std::nanf("")
                  : (how == Combine::Max ? std::max(a, b) : std::min(a, b));
    into.floats[i] = isHalf ? toHalf(r) : r;
  }
  for (size_t i = 0; i < into.integers.size(); ++i) {
    int64_t a = into.integers[i], b = from.integers[i];
    into.integers[i] = how == Combine::Add   ? int64_t(int32_t(a + b))
                       : how == Combine::Max ? std::max(a, b)
                                             : std::min(a, b);
  }
}

/// The part [low, high) along a dimension.
static HostValue cut(const HostTensor &from, int64_t dim, int64_t low,
                     int64_t high) {
  auto to = std::make_shared<HostTensor>();
  to->shape = from.shape;
  to->shape[dim] = high - low;
  to->isFloat = from.isFloat;
  int64_t inner = 1, outer = 1;
  for (int64_t d = 0; d < int64_t(from.shape.size()); ++d)
    (d < dim ? outer : inner) *= d == dim ? 1 : from.shape[d];
  for (int64_t o = 0; o < outer; ++o) {
    int64_t begin = (o * from.shape[dim] + low) * inner,
            end = (o * from.shape[dim] + high) * inner;
    if (from.isFloat)
      to->floats.insert(to->floats.end(), from.floats.begin() + begin,
                        from.floats.begin() + end);
    else
      to->integers.insert(to->integers.end(), from.integers.begin() + begin,
                          from.integers.begin() + end);
  }
  return to;
}

/// Parts side by side along a dimension.
static HostValue join(ArrayRef<HostValue> parts, int64_t dim,
                      RankedTensorType type) {
  auto whole = makeTensor(type);
  int64_t inner = 1, outer = 1;
  for (int64_t d = 0; d < type.getRank(); ++d)
    (d < dim ? outer : inner) *= d == dim ? 1 : type.getDimSize(d);
  int64_t low = 0;
  for (const HostValue &part : parts) {
    int64_t size = part->shape[dim];
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < size * inner; ++i) {
        int64_t from = o * size * inner + i,
                to = (o * type.getDimSize(dim) + low) * inner + i;
        if (part->isFloat)
          whole->floats[to] = part->floats[from];
        else
          whole->integers[to] = part->integers[from];
      }
    low += size;
  }
  return whole;
}

/// All members of a group have come to their collective.
bool Fabric::collective(int64_t group) {
  std::vector<HostValue> given;
  std::vector<Operation *> ops;
  for (int64_t number : program.groups[group]) {
    Running &member = chips.at(unsigned(number));
    ops.push_back(&*member.chip->next);
    given.push_back(member.chip->get(ops.back()->getOperand(0)));
  }
  HostValue whole;
  auto combined = [&](Combine how) {
    auto sum = std::make_shared<HostTensor>(*given[0]);
    bool isHalf = cast<RankedTensorType>(ops[0]->getOperand(0).getType())
                      .getElementType()
                      .isF16();
    for (size_t m = 1; m < given.size(); ++m)
      combine(how, *sum, *given[m], isHalf);
    return sum;
  };
  if (auto reduce = dyn_cast<AllReduceOp>(ops[0]))
    whole = combined(reduce.getCombine());
  else if (auto scatter = dyn_cast<ReduceScatterOp>(ops[0]))
    whole = combined(scatter.getCombine());
  else if (auto gather = dyn_cast<AllGatherOp>(ops[0]))
    whole = join(given, gather.getDim(),
                 cast<RankedTensorType>(gather.getResult().getType()));
  else if (auto broadcast = dyn_cast<BroadcastOp>(ops[0]))
    whole = given[broadcast.getRoot()];
  for (auto [m, number] : llvm::enumerate(program.groups[group])) {
    Running &member = chips.at(unsigned(number));
    HostValue mine = whole;
    if (auto scatter = dyn_cast<ReduceScatterOp>(ops[m]))
      mine = cut(*whole, scatter.getDim(), scatter.getOffsets()[m],
                 scatter.getOffsets()[m + 1]);
    else if (auto exchange = dyn_cast<AllToAllOp>(ops[m])) {
      auto type = cast<RankedTensorType>(exchange.getResult().getType());
      int64_t block = type.getDimSize(0) / int64_t(given.size());
      std::vector<HostValue> blocks;
      for (const HostValue &value : given)
        blocks.push_back(
            cut(*value, 0, int64_t(m) * block, (int64_t(m) + 1) * block));
      mine = join(blocks, 0, type);
    }
    member.chip->set(ops[m]->getResult(0), mine);
    member.chip->release(*ops[m]);
    ++member.chip->next;
    ++member.port;
    work.push_back(unsigned(number));
  }
  arrived[group].clear();
  return true;
}

static bool sameBits(const HostTensor &a, const HostTensor &b) {
  return a.shape == b.shape && a.integers == b.integers &&
         a.floats.size() == b.floats.size() &&
         std::memcmp(a.floats.data(), b.floats.data(),
                     a.floats.size() * sizeof(float)) == 0;
}

bool Fabric::collect(Running &running) {
  running.isDone = true;
  for (auto &[name, value] : running.chip->outputs()) {
    auto [it, isNew] = results.try_emplace(name, value);
    if (isNew || sameBits(*it->second, *value))
      continue;
    running.chip->function.emitError("chip ")
        << running.instance->chip << " has another \"" << name
        << "\" than a chip before it";
    return false;
  }
  running.chip.reset();
  return true;
}

bool Fabric::advance(unsigned number) {
  Running &running = chips.at(number);
  if (running.isDone)
    return true;
  Chip &chip = *running.chip;
  while (true) {
    Operation &op = *chip.next;
    if (op.hasTrait<OpTrait::IsTerminator>())
      return collect(running);
    if (!isTransfer(&op)) {
      if (!chip.evaluate(op))
        return false;
      chip.release(op);
      ++chip.next;
      continue;
    }
    unsigned peer = unsigned(running.instance->peers[running.port]);
    if (isCollective(&op)) {
      if (!llvm::is_contained(arrived[peer], number))
        arrived[peer].push_back(number);
      if (arrived[peer].size() == program.groups[peer].size())
        return collective(peer);
      return true;
    }
    if (isa<SendOp>(op)) {
      messages[{number, peer}].push_back(chip.get(op.getOperand(0)));
      chip.release(op);
      work.push_back(peer);
    } else {
      auto &queue = messages[{peer, number}];
      if (queue.empty())
        return true; // the sender wakes it
      chip.set(op.getResult(0), queue.front());
      queue.pop_front();
    }
    ++chip.next;
    ++running.port;
  }
}

std::optional<HostValues> Fabric::run() {
  for (const ChipClass &chipClass : program.classes)
    for (const Instance &instance : chipClass.instances) {
      Running running;
      running.chip =
          std::make_unique<Chip>(chipClass.body, weights, &program, &instance);
      running.chipClass = &chipClass;
      running.instance = &instance;
      if (!running.chip->start(inputs))
        return std::nullopt;
      chips.emplace(instance.chip, std::move(running));
    }
  for (auto &[number, running] : llvm::reverse(chips))
    work.push_back(number);
  while (!work.empty()) {
    unsigned number = work.back();
    work.pop_back();
    if (!advance(number))
      return std::nullopt;
  }
  for (auto &[number, running] : chips)
    if (!running.isDone) {
      running.chip->next->emitError("chip ") << number << " waits for ever";
      return std::nullopt;
    }
  return results;
}

std::optional<HostValues> fabric::evaluate(const Program &program,
                                           const HostValues &inputs) {
  return Fabric(program, inputs).run();
}
