//===- ModularRun.cpp - package against model -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Judge/ModularRun.h"
#include "lpu/Emulator/Modular.h"
#include "lpu/Verify/Model.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <map>

using namespace lpu;
using emulator::ModularByte;
using modular::Element;
using modular::Field;
using modular::Function;
using verify::ModelArray;

/// Two numbers that differ are rounded to the same whole number with a
/// probability of one in a hundred; in so many rounds, with one in a million.
static constexpr unsigned fewestRoundsOfRounded = 3;

static int64_t countOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

/// Calls body(element, column of its first byte, row in the column, lane), as
/// Placement says (lpu/Binary/Package.h).
static void forEachElement(
    const TensorBinding &binding, const Placement &p,
    llvm::function_ref<void(int64_t, size_t, unsigned, unsigned)> body) {
  unsigned width = isa::byteWidth(binding.chipType);
  int64_t count = countOf(binding.shape);
  for (int64_t element = 0; element < count; ++element) {
    int64_t row = 0, feature = 0, rest = element;
    for (size_t d = binding.shape.size(); d-- > 0; rest /= binding.shape[d]) {
      row += rest % binding.shape[d] * p.rowStride[d];
      feature += rest % binding.shape[d] * p.featureStride[d];
    }
    int64_t group = feature / p.groupSize, chunk = group / p.groupsPerChunk,
            lane =
                group % p.groupsPerChunk * p.groupSize + feature % p.groupSize;
    body(element, size_t(chunk * p.stripes + row % p.stripes) * width,
         unsigned(row / p.stripes), unsigned(lane));
  }
}

/// Everything in a binding that this file divides by or counts on.
static bool isConsistent(const TensorBinding &binding, const Machine &m) {
  unsigned width = isa::byteWidth(binding.chipType);
  for (const Placement &p : binding.placements) {
    if (p.rowStride.size() != binding.shape.size() ||
        p.featureStride.size() != binding.shape.size() || p.groupSize == 0 ||
        p.groupsPerChunk == 0 || p.stripes == 0 ||
        p.columns.size() != size_t(p.chunks) * p.stripes * width)
      return false;
    bool inside = true;
    forEachElement(binding, p,
                   [&](int64_t, size_t column, unsigned row, unsigned lane) {
                     inside &= column + width <= p.columns.size() &&
                               row < p.tensorRows && lane < m.lanes;
                   });
    if (!inside)
      return false;
  }
  return true;
}

static bool isFloatName(llvm::StringRef name) {
  return name.starts_with("float");
}
static bool isFloatOnChip(isa::ElementType type) {
  return type == isa::ElementType::f16 || type == isa::ElementType::f32;
}

namespace {
class Comparison {
public:
  Comparison(const Package &package, llvm::StringRef modelPath, uint64_t seed,
             unsigned threads)
      : package(package), modelPath(modelPath), threads(threads), field(seed),
        context{field, {}, {}}, seed(seed) {}

  llvm::Error run(ModularResult &result);
  bool hasRounded = false; // ModelOutputs

private:
  uint64_t random() {
    counter += 1;
    return uint64_t(field.random(Function::Input, counter)) << 20 ^
           field.random(Function::Input, counter ^ (seed << 40));
  }
  ModelArray makeInput(const TensorBinding &binding);
  void write(const TensorBinding &binding, const ModelArray &array);
  std::vector<Element> read(const TensorBinding &binding, bool &isWritten);
  void compare(const TensorBinding &binding, const ModelArray &expected,
               ModularResult &result);

  const Package &package;
  llvm::StringRef modelPath;
  unsigned threads;
  Field field;
  emulator::ModularContext context;
  std::unique_ptr<emulator::ModularEngine> engine;
  uint64_t seed, counter = 0;
};
} // namespace

/// Floats are random residues. Integers that choose rows of a table are random
/// within their range; others are masks, as far as anybody knows: 0 or 1. The
/// first of a row is 1, so that no row of attention is empty.
ModelArray Comparison::makeInput(const TensorBinding &binding) {
  ModelArray array;
  array.name = binding.name;
  array.shape = binding.shape;
  array.isFloat = isFloatName(binding.hostType);
  int64_t count = countOf(binding.shape);
  for (int64_t i = 0; i < count; ++i) {
    if (array.isFloat) {
      array.floats.push_back(
          Element::number(uint32_t(random() % field.prime())));
      continue;
    }
    bool isFirst = binding.shape.empty() || i % binding.shape.back() == 0;
    int64_t low = binding.range ? binding.range->minimum
                  : isFirst     ? 1
                                : 0,
            high = binding.range ? binding.range->maximum : 1;
    array.integers.push_back(low +
                             int64_t(random() % uint64_t(high - low + 1)));
  }
  return array;
}

void Comparison::write(const TensorBinding &binding, const ModelArray &array) {
  unsigned width = isa::byteWidth(binding.chipType),
           lanes = package.machine.lanes;
  for (const Placement &p : binding.placements) {
    std::vector<std::vector<ModularByte>> columns;
    for (size_t c = 0; c < p.columns.size(); ++c) {
      unsigned stripe = unsigned(c / width % p.stripes),
               rows = (p.tensorRows + p.stripes - 1 - stripe) / p.stripes;
      columns.emplace_back(size_t(rows) * lanes, ModularByte::data(0));
    }
    forEachElement(
        binding, p, [&](int64_t i, size_t column, unsigned row, unsigned lane) {
          for (unsigned b = 0; b < width; ++b)
            columns[column + b][size_t(row) * lanes + lane] =
                array.isFloat ? ModularByte{array.floats[size_t(i)].value,
                                            uint8_t(width),
                                            uint8_t(b),
                                            {}}
                              : ModularByte::data(uint8_t(
                                    array.integers[size_t(i)] >> (8 * b)));
        });
    for (size_t c = 0; c < columns.size(); ++c)
      for (unsigned r = 0; size_t(r) * lanes < columns[c].size(); ++r) {
        const Column &at = p.columns[c];
        engine->writeRow(at.chip, at.slice, at.bank, at.row + r,
                         llvm::ArrayRef<ModularByte>(columns[c])
                             .slice(size_t(r) * lanes, lanes));
      }
  }
}

std::vector<Element> Comparison::read(const TensorBinding &binding,
                                      bool &isWritten) {
  const Placement &p = binding.placements.front(); // which the host reads
  unsigned width = isa::byteWidth(binding.chipType),
           lanes = package.machine.lanes;
  std::map<std::pair<size_t, unsigned>, std::vector<ModularByte>> rows;
  auto rowOf = [&](size_t column,
                   unsigned row) -> const std::vector<ModularByte> & {
    auto [it, isNew] = rows.try_emplace({column, row}, lanes);
    if (isNew) {
      const Column &at = p.columns[column];
      isWritten &=
          engine->readRow(at.chip, at.slice, at.bank, at.row + row, it->second);
    }
    return it->second;
  };
  std::vector<Element> result(size_t(countOf(binding.shape)));
  forEachElement(
      binding, p, [&](int64_t i, size_t column, unsigned row, unsigned lane) {
        ModularByte bytes[4];
        for (unsigned b = 0; b < width; ++b)
          bytes[b] = rowOf(column + b, row)[lane];
        result[size_t(i)] = joinBytes(field, bytes, binding.chipType);
      });
  return result;
}

static std::string indexText(int64_t element,
                             const std::vector<int64_t> &shape) {
  std::string text;
  for (size_t d = shape.size(); d-- > 0; element /= shape[d])
    text =
        std::to_string(element % shape[d]) + (text.empty() ? "" : ", ") + text;
  return "[" + text + "]";
}

void Comparison::compare(const TensorBinding &binding,
                         const ModelArray &expected, ModularResult &result) {
  bool isWritten = true;
  std::vector<Element> actual = read(binding, isWritten);
  auto differs = [&](const std::string &text) {
    result.differences.push_back("output '" + binding.name + "': " + text);
  };
  if (!isWritten)
    return differs("it has rows that the program never wrote");
  if (expected.shape != binding.shape)
    return differs("the model has another shape");
  int64_t count = int64_t(actual.size()), wrong = 0, first = 0;
  for (int64_t i = 0; i < count; ++i) {
    Element e = actual[size_t(i)];
    bool isSame;
    if (expected.isFloat) {
      isSame = field.same(e, expected.floats[size_t(i)]);
    } else {
      int64_t value = expected.integers[size_t(i)];
      if (isFloatOnChip(binding.chipType))
        value = llvm::bit_cast<uint32_t>(float(value));
      else if (binding.hostType == "uint8") // a byte has no sign for the host
        e.value &= 0xff;
      isSame = e.isKnown(uint32_t(value));
    }
    if (!isSame && wrong++ == 0)
      first = i;
  }
  result.elements += uint64_t(count);
  if (wrong)
    differs(std::to_string(wrong) + " of " + std::to_string(count) +
            " elements differ, the first at " +
            indexText(first, binding.shape));
}

llvm::Error Comparison::run(ModularResult &result) {
  for (const auto *list : {&package.inputs, &package.outputs})
    for (const TensorBinding &binding : *list)
      if (!isConsistent(binding, package.machine) ||
          (list == &package.outputs && binding.placements.empty()))
        return llvm::createStringError("'" + binding.name +
                                       "': its placement is not consistent");
  for (const Chip &chip : package.chips)
    if (llvm::any_of(chip.image, [](const auto &s) { return s.isZero(); }))
      return llvm::createStringError(
          "the package has no weights (it was compiled with --weights none, or "
          "has rows without bytes); compile it with them");
  engine = createModularEngine(package, context);
  std::vector<ModelArray> inputs;
  for (const TensorBinding &binding : package.inputs) {
    inputs.push_back(makeInput(binding));
    write(binding, inputs.back());
  }
  auto expected = verify::evaluateModel(modelPath, field, inputs);
  if (!expected)
    return expected.takeError();
  hasRounded = expected->hasRounded;
  emulator::RunOptions options;
  options.threads = threads;
  emulator::RunResult ran = engine->run(options);
  if (ran.fault) {
    result.differences.push_back("the program faults in cycle " +
                                 std::to_string(ran.fault->cycle) + " (" +
                                 emulator::faultName(ran.fault->kind) + ": " +
                                 ran.fault->detail + ")");
    return llvm::Error::success();
  }
  // The evaluator knows all integers, or it would have refused.
  llvm::append_range(result.differences, context.complaints);
  for (const TensorBinding &binding : package.outputs) {
    auto found = llvm::find_if(expected->arrays, [&](const ModelArray &array) {
      return array.name == binding.name;
    });
    if (found == expected->arrays.end())
      result.differences.push_back("the model has no output '" + binding.name +
                                   "'");
    else
      compare(binding, *found, result);
  }
  if (expected->arrays.size() != package.outputs.size())
    result.differences.push_back(
        "the package has " + std::to_string(package.outputs.size()) +
        " outputs, the model " + std::to_string(expected->arrays.size()));
  result.primes.push_back(field.prime());
  return llvm::Error::success();
}

llvm::Expected<ModularResult> lpu::runModular(const Package &package,
                                              llvm::StringRef modelPath,
                                              const ModularOptions &options) {
  ModularResult result;
  unsigned rounds = options.rounds;
  for (unsigned round = 0; round < rounds; ++round) {
    Comparison comparison(package, modelPath, options.seed + round,
                          options.threads);
    if (llvm::Error error = comparison.run(result))
      return std::move(error);
    if (!result.differences.empty())
      return result;
    if (comparison.hasRounded)
      rounds = std::max(rounds, fewestRoundsOfRounded);
  }
  result.isEqual = true;
  return result;
}
