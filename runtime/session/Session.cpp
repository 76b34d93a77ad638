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
  if (isInput && binding.placements.empty()) // nothing reads it
    return errors;
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

/// "[0, 5]"
static std::string indexText(int64_t element, llvm::ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t dim : llvm::reverse(shape)) {
    text = std::to_string(element % dim) + (text.empty() ? "" : ", ") + text;
    element /= dim;
  }
  return "[" + text + "]";
}

/// The arrays by binding, or everything that is wrong with them.
llvm::Expected<std::vector<Session::Feed>>
Session::convert(llvm::ArrayRef<NpyArray> arrays) const {
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
  std::vector<Feed> feeds;
  for (const TensorBinding &binding : program->inputs) {
    NpyType type = *parseNpyTypeName(binding.hostType);
    std::string need = describeNpy(type, binding.shape);
    auto found = byName.find(binding.name);
    bool isRead = !binding.placements.empty();
    if (found == byName.end()) {
      if (isRead)
        errors.push_back("input '" + binding.name + "' is missing: need " +
                         need);
      continue;
    }
    const NpyArray &array = *found->second;
    if (array.type != type || array.shape != binding.shape) {
      errors.push_back("input '" + binding.name + "' is " +
                       describeNpy(array.type, array.shape) + ": need " + need);
      continue;
    }
    if (!isRead)
      continue;
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
      if (binding.range && (int32_t(*bits) < binding.range->minimum ||
                            int32_t(*bits) > binding.range->maximum)) {
        errors.push_back("input '" + binding.name + "': element " +
                         indexText(i, binding.shape) + " is " +
                         elementText(element, type) + "; the table '" +
                         binding.range->table + "' has rows for " +
                         std::to_string(binding.range->minimum) + " to " +
                         std::to_string(binding.range->maximum));
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
    return std::move(error);
  return feeds;
}

/// Calls row(place of the first row of its column, row in the column, bytes)
/// for all rows of an input, in all its placements.
template <typename Row>
static void forEachRow(const TensorBinding &binding,
                       llvm::ArrayRef<uint32_t> bits, unsigned lanes, Row row) {
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
                uint8_t(bits[size_t(element)] >> (8 * b));
        });
    for (size_t c = 0; c < columns.size(); ++c)
      for (size_t r = 0; r * lanes < columns[c].size(); ++r)
        row(p.columns[c], unsigned(r),
            llvm::ArrayRef<uint8_t>(columns[c]).slice(r * lanes, lanes));
  }
}

llvm::Error Session::feed(llvm::ArrayRef<NpyArray> arrays) {
  auto feeds = convert(arrays);
  if (!feeds)
    return feeds.takeError();
  for (const Feed &feed : *feeds)
    forEachRow(
        *feed.binding, feed.bits, program->machine.lanes,
        [&](const Column &column, unsigned row, llvm::ArrayRef<uint8_t> bytes) {
          machineState->writeRow(column.chip, column.slice, column.bank,
                                 column.row + row, bytes);
        });
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

Session::Collected Session::makeColumns(const TensorBinding &binding) const {
  Collected collected;
  // All placements of an output hold the same values.
  const Placement &p = binding.placements.front();
  unsigned width = isa::byteWidth(binding.chipType);
  for (size_t c = 0; c < p.columns.size(); ++c)
    collected.columns.emplace_back(
        size_t(columnRows(p, stripeOf(p, c, width))) * program->machine.lanes);
  collected.written.assign(p.columns.size(), true);
  collected.spoiled.assign(p.columns.size(), false);
  return collected;
}

void Session::readColumn(const TensorBinding &binding, size_t number,
                         unsigned replica, Collected &collected) {
  const Column &column =
      program->readPlacement(binding, replica).columns[number];
  llvm::MutableArrayRef<uint8_t> bytes = collected.columns[number];
  unsigned lanes = program->machine.lanes;
  for (size_t row = 0; row * lanes < bytes.size(); ++row) {
    collected.written[number] &= machineState->readRow(
        column.chip, column.slice, column.bank, column.row + unsigned(row),
        bytes.slice(row * lanes, lanes));
    collected.spoiled[number] |= machineState->spoiled(
        column.chip, column.slice, column.bank, column.row + unsigned(row));
  }
}

llvm::Expected<std::vector<NpyArray>>
Session::assemble(llvm::ArrayRef<Collected> collected) const {
  std::vector<NpyArray> outputs;
  std::vector<std::string> errors;
  unsigned lanes = program->machine.lanes;
  for (size_t i = 0; i < program->outputs.size(); ++i) {
    const TensorBinding &binding = program->outputs[i];
    const std::vector<std::vector<uint8_t>> &columns = collected[i].columns;
    NpyArray &array = outputs.emplace_back();
    array.name = binding.name;
    array.type = *parseNpyTypeName(binding.hostType);
    array.shape = binding.shape;
    unsigned hostWidth = npyTypeBytes(array.type);
    unsigned width = isa::byteWidth(binding.chipType);
    array.bytes.resize(size_t(elementCount(binding.shape)) * hostWidth);
    if (!llvm::all_of(collected[i].written, [](char w) { return w != 0; }))
      errors.push_back("output '" + binding.name +
                       "' has rows that the program never wrote");
    for (size_t c = 0; c < collected[i].spoiled.size(); ++c)
      if (const Column &column = binding.placements.front().columns[c];
          collected[i].spoiled[c])
        errors.push_back("output '" + binding.name +
                         "' has an uncorrectable bit error in chip " +
                         std::to_string(column.chip) + " slice " +
                         std::to_string(column.slice) + " bank " +
                         std::to_string(column.bank));
    bool fits = true;
    forEachElement(
        binding, binding.placements.front(),
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

llvm::Expected<std::vector<NpyArray>> Session::fetch() {
  std::vector<Collected> outputs;
  for (const TensorBinding &binding : program->outputs) {
    outputs.push_back(makeColumns(binding));
    for (size_t c = 0; c < outputs.back().columns.size(); ++c)
      readColumn(binding, c, 0, outputs.back());
  }
  return assemble(outputs);
}

llvm::Expected<Session::Runs>
Session::runMany(llvm::ArrayRef<std::vector<NpyArray>> inputs,
                 emulator::RunOptions options) {
  if (program->interval == 0)
    return llvm::createStringError("the package states no initiation interval: "
                                   "it was compiled for one run "
                                   "at a time");
  auto ofRun = [](size_t run, llvm::Error error) {
    return llvm::createStringError("run " + llvm::Twine(run) + ": " +
                                   llvm::toString(std::move(error)));
  };
  struct Row {
    unsigned slice, bank, row;
    std::vector<uint8_t> bytes;
  };
  // Run k is that of replica k mod R. In the last round replicas without an
  // input take the last one again.
  size_t chips = program->chips.size(), replicas = program->replicas;
  size_t rounds = (inputs.size() + replicas - 1) / replicas;
  // Chips ask for their own rows only, so no two threads meet in an element.
  std::vector<std::vector<std::vector<Row>>> rows(rounds); // [round][chip]
  for (auto &each : rows)
    each.resize(chips);
  std::vector<std::vector<Collected>> outputs(inputs.size());
  for (size_t run = 0; run < rounds * replicas; ++run) {
    size_t given = std::min(run, inputs.size() - 1);
    auto feeds = convert(inputs[given]);
    if (!feeds)
      return ofRun(given, feeds.takeError());
    for (const Feed &feed : *feeds)
      forEachRow(*feed.binding, feed.bits, program->machine.lanes,
                 [&](const Column &column, unsigned row,
                     llvm::ArrayRef<uint8_t> bytes) {
                   if (program->replicaOf(column.chip) == run % replicas)
                     rows[run / replicas][column.chip].push_back(
                         {column.slice, column.bank, column.row + row, bytes});
                 });
    if (run < inputs.size())
      for (const TensorBinding &binding : program->outputs)
        outputs[run].push_back(makeColumns(binding));
  }
  options.runs = unsigned(rounds);
  options.beforeRun = [&](unsigned chip, unsigned round) {
    for (const Row &row : rows[round][chip])
      machineState->writeRow(chip, row.slice, row.bank, row.row, row.bytes);
    rows[round][chip].clear();
  };
  options.afterRun = [&](unsigned chip, unsigned round) {
    unsigned replica = program->replicaOf(chip);
    size_t run = round * replicas + replica;
    for (size_t i = 0; run < inputs.size() && i < program->outputs.size();
         ++i) {
      const TensorBinding &binding = program->outputs[i];
      const Placement &p = program->readPlacement(binding, replica);
      for (size_t c = 0; c < p.columns.size(); ++c)
        if (p.columns[c].chip == chip)
          readColumn(binding, c, replica, outputs[run][i]);
    }
  };
  Runs runs;
  runs.result = machineState->run(options);
  if (runs.result.fault || runs.result.ranOut)
    return runs;
  for (size_t run = 0; run < inputs.size(); ++run) {
    auto arrays = assemble(outputs[run]);
    if (!arrays)
      return ofRun(run, arrays.takeError());
    runs.outputs.push_back(std::move(*arrays));
  }
  return runs;
}

uint64_t Session::hostPortCycles() const {
  uint64_t in = 0, out = 0;
  for (const HostPortCycles &chip : lpu::hostPortCycles(*program)) {
    in = std::max(in, chip.inputs);
    out = std::max(out, chip.outputs);
  }
  return in + out;
}
