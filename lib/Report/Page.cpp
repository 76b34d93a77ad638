//===- Page.cpp - a package as one HTML page ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The page is page/page.html with its style, its scripts and the data of the
// package put in. The data is JSON, deflated and in base64; page/data.js reads
// it and executes the queues as docs/isa.md, section 3, says, so repeats and
// loops stay as short here as they are in the text. Instructions that differ in
// numbers only share a template: the line that lpu-objdump prints with `#` for
// each number.
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include "lpu/Report/Pictures.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/JSON.h"
#include <zlib.h>

using namespace lpu;
using namespace lpu::pictures;
using isa::Opcode;
using llvm::json::OStream;

namespace {
#include "PageFiles.inc"

void number(OStream &json, const char *key, uint64_t value) {
  json.attribute(key, int64_t(value));
}

template <typename Range>
void numbers(OStream &json, const char *key, const Range &values) {
  json.attributeArray(key, [&] {
    for (auto value : values)
      json.value(int64_t(value));
  });
}

/// Instruction lines without their numbers.
class Templates {
public:
  /// Number of the template of \p line; its numbers are appended to \p args.
  unsigned add(llvm::StringRef line, std::vector<int64_t> &args) {
    std::string pattern;
    for (size_t i = 0; i < line.size();) {
      size_t end = i + (line[i] == '-');
      while (end < line.size() && llvm::isDigit(line[end]))
        ++end;
      // A number stands behind a blank. Immediates (0x...) stay as they are, as
      // do numbers that JavaScript could not hold.
      bool number = i > 0 && line[i - 1] == ' ' &&
                    llvm::isDigit(line[end - 1]) && end - i < 15 &&
                    (end == line.size() || !llvm::isAlnum(line[end]));
      int64_t value;
      if (number && !line.slice(i, end).getAsInteger(10, value)) {
        args.push_back(value);
        pattern += '#';
        i = end;
      } else {
        pattern += line[i++];
      }
    }
    auto [it, added] = numbers.try_emplace(pattern, unsigned(lines.size()));
    if (added)
      lines.push_back(pattern);
    return it->second;
  }
  std::vector<std::string> lines;

private:
  llvm::StringMap<unsigned> numbers;
};

/// The instructions of a queue as columns.
struct Columns {
  std::vector<int64_t> line, wait, count, interval, delay, args, uses;

  void add(const isa::Instruction &inst, const QueueText &queue,
           const Machine &machine, Templates &templates) {
    line.push_back(templates.add(isa::toString(inst), args));
    // Of control instructions `count` holds what their unit needs to know: the
    // iterations of a loop, the rows of a fetch.
    uint64_t idle = 0, times = inst.count;
    if (inst.opcode == Opcode::nop)
      idle = uint64_t(inst.get(isa::field::nop::cycles));
    else if (inst.opcode == Opcode::loop)
      times = uint64_t(inst.get(isa::field::loop::iterations));
    else if (inst.opcode == Opcode::fetch)
      times = uint64_t(inst.get(isa::field::fetch::rows));
    wait.push_back(int64_t(inst.wait + idle));
    count.push_back(int64_t(times));
    interval.push_back(inst.interval);
    delay.push_back(queue.unit == Unit::Alu ? isa::streamDelay(inst, machine)
                                            : isa::delay(inst, machine));
    llvm::SmallVector<StreamUse, 4> list = streamUses(inst, queue, machine);
    uses.push_back(int64_t(list.size()));
    for (const StreamUse &use : list) {
      int64_t bucket = int64_t(use.west) * machine.streams + use.stream;
      uses.push_back((bucket * 32 + use.width) * 4 + use.kind);
      if (use.kind == StreamUse::WriteAtPeriodEnd)
        uses.push_back(inst.get(isa::field::alu_acc_sum::period));
    }
  }

  void print(OStream &json) const {
    numbers(json, "line", line);
    numbers(json, "wait", wait);
    numbers(json, "count", count);
    numbers(json, "interval", interval);
    numbers(json, "delay", delay);
    numbers(json, "args", args);
    numbers(json, "uses", uses);
  }
};

void printMachine(OStream &json, const Machine &m) {
  json.attribute("name", m.name);
  json.attribute("clockMHz", m.clockMHz);
  number(json, "lanes", m.lanes);
  number(json, "streams", m.streams);
  number(json, "lastPosition", m.lastPosition());
  number(json, "fp16Interval", m.fp16Interval);
  number(json, "linkInterval", m.linkInterval);
  number(json, "linkLatency", m.linkLatency);
  number(json, "linkMargin", m.linkMargin);
  number(json, "fetchRowCycles", m.fetchRowCycles());
  json.attributeArray("units", [&] {
    for (unsigned kind = 0; kind < numUnitKinds; ++kind)
      json.object([&] {
        json.attribute("name", unitName(Unit(kind)));
        json.attributeArray("positions", [&] {
          for (unsigned i = 0; i < m.numUnits(Unit(kind)); ++i)
            json.value(int64_t(m.unitPosition(Unit(kind), i)));
        });
      });
  });
}

llvm::Error printClasses(OStream &json, const Package &package,
                         const std::vector<KernelSpan> &kernels,
                         Templates &templates) {
  json.attributeBegin("classes");
  json.arrayBegin();
  for (unsigned c = 0; c < package.classes.size(); ++c) {
    auto queues = readClass(package, c);
    if (!queues)
      return queues.takeError();
    // The page's script executes this; what it could not is refused here.
    uint64_t budget = mostPictured;
    for (const QueueText &queue : *queues)
      if (auto error = execute(queue, budget, [](uint64_t, unsigned) {}))
        return llvm::createStringError("class " + llvm::Twine(c) + ", " +
                                       toString(std::move(error)));
    json.objectBegin();
    json.attributeArray("queues", [&] {
      for (const QueueText &queue : *queues) {
        Columns columns;
        for (const isa::Instruction &inst : queue.text)
          columns.add(inst, queue, package.machine, templates);
        json.object([&] {
          number(json, "unit", unsigned(queue.unit));
          number(json, "index", queue.index);
          columns.print(json);
        });
      }
    });
    json.attributeArray("kernels", [&] {
      for (const KernelSpan &kernel : kernels)
        if (kernel.chipClass == c)
          json.object([&] {
            json.attribute("name", kernel.name);
            json.attribute("kind", kernel.kind);
            json.attribute("first", kernel.first);
            json.attribute("last", kernel.last);
            json.attribute("iterations", kernel.iterations);
            json.attribute("period", kernel.period);
          });
    });
    json.objectEnd();
  }
  json.arrayEnd();
  json.attributeEnd();
  return llvm::Error::success();
}

llvm::Expected<std::string> packageData(const Package &package) {
  auto kernels = readKernelSection(package);
  if (!kernels)
    return kernels.takeError();
  std::string text;
  llvm::raw_string_ostream os(text);
  OStream json(os);
  Templates templates;
  json.objectBegin();
  json.attribute("program", package.programName);
  json.attribute("compiler", package.compilerVersion);
  number(json, "cycles", package.cycles);
  number(json, "interval", package.interval);
  json.attributeObject("machine", [&] { printMachine(json, package.machine); });
  json.attributeArray("chips", [&] {
    for (const Chip &chip : package.chips)
      json.value(int64_t(chip.chipClass));
  });
  json.attributeArray("starts", [&] {
    for (const Chip &chip : package.chips)
      json.value(int64_t(chip.start));
  });
  json.attributeArray("ports", [&] {
    for (const Chip &chip : package.chips)
      json.array([&] {
        for (unsigned port : chip.links)
          json.value(int64_t(port));
      });
  });
  json.attributeArray("wires", [&] {
    for (const LinkWire &w : package.wires)
      for (unsigned v : {w.fromChip, w.fromLink, w.toChip, w.toLink})
        json.value(int64_t(v));
  });
  if (auto error = printClasses(json, package, *kernels, templates))
    return std::move(error);
  json.attributeArray("templates", [&] {
    for (const std::string &line : templates.lines)
      json.value(line);
  });
  json.objectEnd();
  return text;
}

std::string deflated(llvm::StringRef text) {
  uLongf size = compressBound(text.size());
  std::vector<char> bytes(size);
  // Cannot fail: the buffer is as large as compressBound asks for.
  compress2(reinterpret_cast<Bytef *>(bytes.data()), &size,
            reinterpret_cast<const Bytef *>(text.data()), text.size(), 9);
  bytes.resize(size);
  return llvm::encodeBase64(bytes);
}

std::string escaped(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    if (c == '<' || c == '&')
      result += c == '<' ? "&lt;" : "&amp;";
    else
      result += c;
  return result;
}
} // namespace

llvm::Error lpu::writePage(const Package &package, llvm::raw_ostream &os) {
  auto data = packageData(package);
  if (!data)
    return data.takeError();
  // page.html has each of these once, as <!--name-->.
  std::pair<llvm::StringRef, std::string> parts[] = {
      {"title",
       escaped(package.programName) + " on " + escaped(package.machine.name)},
      {"style", pageStyle},
      {"script", pageScript},
      {"data", deflated(*data)}};
  llvm::StringRef rest = pageFrame;
  while (true) {
    auto [before, behind] = rest.split("<!--");
    os << before;
    if (behind.empty())
      return llvm::Error::success();
    auto [name, next] = behind.split("-->");
    for (const auto &[part, text] : parts)
      if (part == name)
        os << text;
    rest = next;
  }
}
