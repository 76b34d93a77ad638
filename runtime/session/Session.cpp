//===- Session.cpp - feed, run and fetch a package ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Session/Session.h"
#include "Convert.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <map>

using namespace lpu;
using namespace lpu::session;

static int64_t elementCount(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

/// Rows of the column of stripe \p stripe.
static unsigned columnRows(const Placement &p, unsigned stripe) {
  return (p.tensorRows + p.stripes - 1 - stripe) / p.stripes;
}
static unsigned stripeOf(const Placement &p, size_t column,
                         unsigned elementBytes) {
  return unsigned(column / elementBytes % p.stripes);
}

/// Calls body(element, first column, row in the column, lane) for every element
/// in C order; the bytes of an element stand in neighbouring columns.
template <typename Body>
static void forEachElement(const TensorBinding &binding, const Placement &p,
                           Body body) {
  unsigned width = isa::byteWidth(binding.chipType);
  std::vector<int64_t> index(binding.shape.size());
  int64_t count = elementCount(binding.shape);
  for (int64_t element = 0; element < count; ++element) {
    int64_t row = 0, feature = 0;
    for (size_t d = 0; d < index.size(); ++d) {
      row += p.rowStride[d] * index[d];
      feature += p.featureStride[d] * index[d];
    }
    int64_t group = feature / p.groupSize;
    int64_t chunk = group / p.groupsPerChunk;
    int64_t lane =
        group % p.groupsPerChunk * p.groupSize + feature % p.groupSize;
    size_t column = size_t(chunk * p.stripes + row % p.stripes) * width;
    body(element, column, unsigned(row / p.stripes), unsigned(lane));
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < binding.shape[d])
        break;
      index[d] = 0;
    }
  }
}

/// Everything that makes a binding unusable, as text.
static std::vector<std::string> checkBinding(const TensorBinding &binding,
                                             const Machine &m, bool isInput) {
  std::vector<std::string> errors;
  std::string who =
      std::string(isInput ? "input '" : "output '") + binding.name + "': ";
  std::optional<NpyType> type = parseNpyTypeName(binding.hostType);
  if (!type)
    return {who + "the package names an unknown type '" + binding.hostType +
            "'"};
  if (isInput ? !canConvertToChip(*type, binding.chipType)
              : !canConvertToHost(binding.chipType, *type))
    errors.push_back(who + binding.hostType + " on the host and " +
                     elementTypeName(binding.chipType) +
                     " on the chip are not joined by a conversion of elements");
  if (binding.placements.empty())
    errors.push_back(who + "it has no place on any chip");
  for (const Placement &p : binding.placements) {
    if (p.rowStride.size() != binding.shape.size() ||
        p.featureStride.size() != binding.shape.size() || p.groupSize == 0 ||
        p.groupsPerChunk == 0 || p.stripes == 0 ||
        p.columns.size() !=
            size_t(p.chunks) * p.stripes * isa::byteWidth(binding.chipType)) {
      errors.push_back(who + "its placement is not consistent");
      continue;
    }
    bool inside = true;
    forEachElement(binding, p,
                   [&](int64_t, size_t column, unsigned row, unsigned lane) {
                     inside &= column + isa::byteWidth(binding.chipType) <=
                                   p.columns.size() &&
                               row < p.tensorRows && lane < m.lanes;
                   });
    if (!inside)
      errors.push_back(who + "its placement has elements outside its columns");
  }
  return errors;
}

static llvm::Error listErrors(const std::string &title,
                              const std::vector<std::string> &errors) {
  if (errors.empty())
    return llvm::Error::success();
  return llvm::createStringError(title + "\n  " + llvm::join(errors, "\n  "));
}

llvm::Expected<std::unique_ptr<Session>> Session::open(llvm::StringRef path,
                                                       EngineKind engine) {
  llvm::Expected<Package> package = readPackage(path);
  if (!package)
    return package.takeError();
  return create(std::move(*package), engine);
}

llvm::Expected<std::unique_ptr<Session>> Session::create(Package package,
                                                         EngineKind kind) {
  std::unique_ptr<Session> session(new Session());
  session->program = std::make_unique<Package>(std::move(package));
  const Package &program = *session->program;
  auto engine = kind == EngineKind::Tick ? emulator::createTickEngine(program)
                                         : emulator::createEventEngine(program);
  if (!engine)
    return engine.takeError();
  session->machineState = std::move(*engine);
  std::vector<std::string> errors;
  for (const TensorBinding &binding : program.inputs)
    llvm::append_range(errors, checkBinding(binding, program.machine, true));
  for (const TensorBinding &binding : program.outputs)
    llvm::append_range(errors, checkBinding(binding, program.machine, false));
  if (llvm::Error error = listErrors("the package cannot be used:", errors))
    return std::move(error);
  return session;
}

llvm::Error Session::feed(llvm::ArrayRef<NpyArray> arrays) {
  std::vector<std::string> errors;
  std::map<std::string, const NpyArray *> byName;
  for (const NpyArray &array : arrays) {
    if (!byName.insert({array.name, &array}).second)
      errors.push_back("input '" + array.name + "' is given twice");
    if (llvm::none_of(program->inputs, [&](const TensorBinding &b) {
          return b.name == array.name;
        }))
      errors.push_back("the program has no input '" + array.name + "'");
  }
  struct Feed {
    const TensorBinding *binding;
    std::vector<uint32_t> bits;
  };
  std::vector<Feed> feeds;
  for (const TensorBinding &binding : program->inputs) {
    NpyType type = *parseNpyTypeName(binding.hostType);
    std::string need = describeNpy(type, binding.shape);
    auto found = byName.find(binding.name);
    if (found == byName.end()) {
      errors.push_back("input '" + binding.name + "' is missing: need " + need);
      continue;
    }
    const NpyArray &array = *found->second;
    if (array.type != type || array.shape != binding.shape) {
      errors.push_back("input '" + binding.name + "' is " +
                       describeNpy(array.type, array.shape) + ": need " + need);
      continue;
    }
    Feed &feed = feeds.emplace_back(Feed{&binding, {}});
    int64_t count = elementCount(binding.shape);
    unsigned width = npyTypeBytes(type);
    feed.bits.reserve(size_t(count));
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t *element = array.bytes.data() + size_t(i) * width;
      std::optional<uint32_t> bits = toChip(element, type, binding.chipType);
      if (!bits) {
        errors.push_back(
            "input '" + binding.name + "': element " + std::to_string(i) +
            " is " + elementText(element, type) + ", which the chip's type " +
            elementTypeName(binding.chipType) + " cannot hold");
        break;
      }
      feed.bits.push_back(*bits);
    }
  }
  if (!errors.empty() && !program->inputs.empty()) {
    std::string names;
    for (const TensorBinding &b : program->inputs)
      names += (names.empty() ? "" : ", ") + b.name + " " +
               describeNpy(*parseNpyTypeName(b.hostType), b.shape);
    errors.push_back("the program's inputs are: " + names);
  }
  if (llvm::Error error =
          listErrors("the inputs do not fit the program:", errors))
    return error;

  unsigned lanes = program->machine.lanes;
  for (const Feed &feed : feeds) {
    const TensorBinding &binding = *feed.binding;
    unsigned width = isa::byteWidth(binding.chipType);
    for (const Placement &p : binding.placements) {
      std::vector<std::vector<uint8_t>> columns;
      for (size_t c = 0; c < p.columns.size(); ++c)
        columns.emplace_back(size_t(columnRows(p, stripeOf(p, c, width))) *
                             lanes);
      forEachElement(
          binding, p,
          [&](int64_t element, size_t column, unsigned row, unsigned lane) {
            for (unsigned b = 0; b < width; ++b)
              columns[column + b][size_t(row) * lanes + lane] =
                  uint8_t(feed.bits[size_t(element)] >> (8 * b));
          });
      for (size_t c = 0; c < columns.size(); ++c)
        for (size_t row = 0; row * lanes < columns[c].size(); ++row)
          machineState->writeRow(
              p.columns[c].chip, p.columns[c].slice, p.columns[c].bank,
              p.columns[c].row + unsigned(row),
              llvm::ArrayRef<uint8_t>(columns[c]).slice(row * lanes, lanes));
    }
  }
  return llvm::Error::success();
}

void Session::feedZeros() {
  std::vector<uint8_t> zeros(program->machine.lanes);
  for (const TensorBinding &binding : program->inputs)
    for (const Placement &p : binding.placements)
      for (size_t c = 0; c < p.columns.size(); ++c) {
        const Column &column = p.columns[c];
        unsigned rows =
            columnRows(p, stripeOf(p, c, isa::byteWidth(binding.chipType)));
        for (unsigned row = 0; row < rows; ++row)
          machineState->writeRow(column.chip, column.slice, column.bank,
                                 column.row + row, zeros);
      }
}

llvm::Expected<std::vector<NpyArray>> Session::fetch() {
  std::vector<NpyArray> outputs;
  std::vector<std::string> errors;
  unsigned lanes = program->machine.lanes;
  for (const TensorBinding &binding : program->outputs) {
    NpyArray &array = outputs.emplace_back();
    array.name = binding.name;
    array.type = *parseNpyTypeName(binding.hostType);
    array.shape = binding.shape;
    unsigned hostWidth = npyTypeBytes(array.type);
    array.bytes.resize(size_t(elementCount(binding.shape)) * hostWidth);
    // All placements of an output hold the same values.
    const Placement &p = binding.placements.front();
    unsigned width = isa::byteWidth(binding.chipType);
    std::vector<std::vector<uint8_t>> columns;
    bool written = true;
    for (size_t c = 0; c < p.columns.size(); ++c) {
      const Column &column = p.columns[c];
      unsigned rows = columnRows(p, stripeOf(p, c, width));
      std::vector<uint8_t> &bytes = columns.emplace_back(size_t(rows) * lanes);
      for (unsigned row = 0; row < rows; ++row)
        written &= machineState->readRow(
            column.chip, column.slice, column.bank, column.row + row,
            llvm::MutableArrayRef<uint8_t>(bytes).slice(size_t(row) * lanes,
                                                        lanes));
    }
    if (!written)
      errors.push_back("output '" + binding.name +
                       "' has rows that the program never wrote");
    bool fits = true;
    forEachElement(
        binding, p,
        [&](int64_t element, size_t column, unsigned row, unsigned lane) {
          uint32_t bits = 0;
          for (unsigned b = 0; b < width; ++b)
            bits |= uint32_t(columns[column + b][size_t(row) * lanes + lane])
                    << (8 * b);
          fits &= toHost(bits, binding.chipType, array.type,
                         array.bytes.data() + size_t(element) * hostWidth);
        });
    if (!fits)
      errors.push_back("output '" + binding.name +
                       "' has elements that its type " + binding.hostType +
                       " cannot hold");
  }
  if (llvm::Error error = listErrors("the outputs cannot be read:", errors))
    return std::move(error);
  return outputs;
}

uint64_t Session::hostPortCycles() const {
  uint64_t vectors = 0;
  auto count = [&](const TensorBinding &binding, const Placement &p) {
    unsigned width = isa::byteWidth(binding.chipType);
    for (size_t c = 0; c < p.columns.size(); ++c)
      vectors += columnRows(p, stripeOf(p, c, width));
  };
  for (const TensorBinding &binding : program->inputs)
    for (const Placement &p : binding.placements)
      count(binding, p);
  for (const TensorBinding &binding : program->outputs)
    count(binding, binding.placements.front());
  return vectors * program->machine.hostInterval;
}
