//===- Trace.cpp - a package as a Chrome trace ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs of a queue never overlap, so they are complete events ("X") of one
// thread. Vectors of one link are under way at the same time, so flights are
// asynchronous events ("b", "e"), which viewers lay side by side; so are
// kernels, which overlap. The k-th send
// of a link meets the k-th receive of its peer (docs/isa.md, section 8): arrows
// ("s", "f") join the runs that hold the two ends.
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include "lpu/Report/Pictures.h"
#include "llvm/Support/JSON.h"
#include <map>

using namespace lpu;
using namespace lpu::pictures;
using llvm::json::OStream;

namespace {
/// A send or receive with its repeats.
struct LinkRun {
  uint64_t first;
  unsigned count, interval;
};

struct ClassTrace {
  std::vector<QueueText> queues;
  std::vector<KernelSpan> kernels;
  uint64_t events = 0;
  std::map<unsigned, std::vector<LinkRun>> sends, receives; // by link
};

class Tracer {
public:
  Tracer(const Package &package, llvm::raw_ostream &os)
      : package(package), machine(package.machine), json(os) {}
  llvm::Error print();

private:
  llvm::Error readClasses();
  void choose();
  void printChip(unsigned chip);
  void printKernels(unsigned chip);
  void printWire(const LinkWire &wire);
  void name(const char *what, unsigned chip, int64_t thread,
            const std::string &text);
  void order(const char *what, unsigned chip, int64_t thread, int64_t index);
  template <typename Body>
  void event(const char *phase, unsigned chip, int64_t thread, uint64_t cycle,
             Body &&body) {
    json.object([&] {
      json.attribute("ph", phase);
      json.attribute("pid", chip);
      json.attribute("tid", thread);
      json.attribute("ts", int64_t(cycle));
      body();
    });
  }

  const Package &package;
  const Machine &machine;
  OStream json;
  std::vector<ClassTrace> classes;
  std::vector<bool> shown;       // by chip
  std::vector<unsigned> standIn; // members of the class, if one is shown
  uint64_t flights = 0, arrows = 0, spans = 0;
};
} // namespace

static std::string queueName(const QueueText &queue) {
  return std::string(unitName(queue.unit)) + " " + std::to_string(queue.index);
}

/// The link number of the chip's text that stands for a port.
static unsigned linkOf(const Chip &chip, unsigned port) {
  for (unsigned link = 0; link < chip.links.size(); ++link)
    if (chip.links[link] == port)
      return link;
  return port;
}

llvm::Error Tracer::readClasses() {
  auto kernels = readKernelSection(package);
  if (!kernels)
    return kernels.takeError();
  for (unsigned c = 0; c < package.classes.size(); ++c) {
    auto queues = readClass(package, c);
    if (!queues)
      return queues.takeError();
    ClassTrace trace;
    trace.queues = std::move(*queues);
    uint64_t budget = mostPictured;
    for (const QueueText &queue : trace.queues) {
      auto error = execute(queue, budget, [&](uint64_t cycle, unsigned index) {
        ++trace.events;
        const isa::Instruction &inst = queue.text[index];
        LinkRun run{cycle, inst.count, inst.interval};
        if (inst.opcode == isa::Opcode::link_send_send)
          trace.sends[queue.index].push_back(run);
        else if (inst.opcode == isa::Opcode::link_recv_recv)
          trace.receives[queue.index].push_back(run);
      });
      if (error)
        return llvm::createStringError("class " + llvm::Twine(c) + ", " +
                                       toString(std::move(error)));
    }
    for (KernelSpan &kernel : *kernels)
      if (kernel.chipClass == c) {
        trace.events += uint64_t(kernel.iterations);
        trace.kernels.push_back(std::move(kernel));
      }
    classes.push_back(std::move(trace));
  }
  return llvm::Error::success();
}

/// All chips, or one of each class where all would be too many.
void Tracer::choose() {
  uint64_t events = 0;
  for (const Chip &chip : package.chips)
    events += classes[chip.chipClass].events;
  bool all = events <= mostPictured;
  shown.assign(package.chips.size(), all);
  standIn.assign(package.chips.size(), 1);
  if (all)
    return;
  std::vector<unsigned> first = firstChips(package);
  for (const Chip &chip : package.chips)
    ++standIn[first[chip.chipClass]];
  for (unsigned chip : first)
    if (chip < package.chips.size()) {
      shown[chip] = true;
      --standIn[chip];
    }
}

void Tracer::name(const char *what, unsigned chip, int64_t thread,
                  const std::string &text) {
  json.object([&] {
    json.attribute("ph", "M");
    json.attribute("pid", chip);
    json.attribute("tid", thread);
    json.attribute("name", what);
    json.attributeObject("args", [&] { json.attribute("name", text); });
  });
}

void Tracer::order(const char *what, unsigned chip, int64_t thread,
                   int64_t index) {
  json.object([&] {
    json.attribute("ph", "M");
    json.attribute("pid", chip);
    json.attribute("tid", thread);
    json.attribute("name", what);
    json.attributeObject("args", [&] { json.attribute("sort_index", index); });
  });
}

void Tracer::printChip(unsigned chip) {
  unsigned number = package.chips[chip].chipClass;
  std::string title =
      "chip " + std::to_string(chip) + ", class " + std::to_string(number);
  if (standIn[chip] > 1)
    title += " (stands for " + std::to_string(standIn[chip]) + " chips)";
  name("process_name", chip, 0, title);
  order("process_sort_index", chip, 0, chip);
  printKernels(chip);
  for (const QueueText &queue : classes[number].queues) {
    // Thread 0 would be taken for the process itself.
    int64_t thread = machine.queueNumber(queue.unit, queue.index) + 1;
    name("thread_name", chip, thread, queueName(queue));
    order("thread_sort_index", chip, thread, thread);
    uint64_t budget = mostPictured;
    llvm::cantFail(execute(queue, budget, [&](uint64_t cycle, unsigned index) {
      const isa::Instruction &inst = queue.text[index];
      event("X", chip, thread, package.chips[chip].start + cycle, [&] {
        json.attribute("dur", int64_t(inst.count - 1) * inst.interval + 1);
        json.attribute("name", inst.info().name);
        json.attributeObject("args", [&] {
          json.attribute("instruction", isa::toString(inst));
        });
      });
    }));
  }
}

/// The ONNX nodes of the chip, each from its first issue to its last effect.
void Tracer::printKernels(unsigned chip) {
  const ClassTrace &own = classes[package.chips[chip].chipClass];
  if (own.kernels.empty())
    return;
  int64_t thread = machine.numQueues() + 1; // behind those of queues
  name("thread_name", chip, thread, "kernels");
  order("thread_sort_index", chip, thread, 0);
  for (const KernelSpan &kernel : own.kernels)
    for (int64_t i = 0; i < kernel.iterations; ++i) {
      std::string id = std::to_string(spans++);
      for (const char *phase : {"b", "e"}) {
        int64_t cycle = *phase == 'b' ? kernel.first : kernel.last + 1;
        event(phase, chip, thread,
              package.chips[chip].start + uint64_t(cycle + i * kernel.period),
              [&] {
                json.attribute("cat", "kernel");
                json.attribute("id", id);
                json.attribute("name", kernel.name);
                json.attributeObject(
                    "args", [&] { json.attribute("kind", kernel.kind); });
              });
      }
    }
}

void Tracer::printWire(const LinkWire &wire) {
  if (!shown[wire.fromChip])
    return;
  const Chip &sender = package.chips[wire.fromChip];
  const Chip &receiver = package.chips[wire.toChip];
  unsigned sendLink = linkOf(sender, wire.fromLink);
  unsigned recvLink = linkOf(receiver, wire.toLink);
  int64_t sendThread = machine.queueNumber(Unit::LinkSend, sendLink) + 1;
  int64_t recvThread = machine.queueNumber(Unit::LinkRecv, recvLink) + 1;
  std::string title = "link " + std::to_string(wire.fromLink) + " to chip " +
                      std::to_string(wire.toChip) + " link " +
                      std::to_string(wire.toLink);
  const std::vector<LinkRun> &receives =
      classes[receiver.chipClass].receives[recvLink];
  size_t receive = 0; // the run of the next vector, and the vector's repeat
  unsigned repeat = 0;
  for (const LinkRun &send : classes[sender.chipClass].sends[sendLink]) {
    std::string id = std::to_string(flights++);
    uint64_t first = sender.start + send.first;
    uint64_t end = first + uint64_t(send.count - 1) * send.interval +
                   machine.linkLatency + machine.linkMargin;
    for (const char *phase : {"b", "e"})
      event(phase, wire.fromChip, sendThread, *phase == 'b' ? first : end, [&] {
        json.attribute("cat", "link");
        json.attribute("id", id);
        json.attribute("name", title);
        json.attributeObject(
            "args", [&] { json.attribute("vectors", int64_t(send.count)); });
      });
    // One arrow for each run that takes vectors of this one.
    for (unsigned left = send.count; left && receive < receives.size();) {
      const LinkRun &run = receives[receive];
      unsigned taken = std::min(left, run.count - repeat);
      if (shown[wire.toChip]) {
        std::string arrow = std::to_string(arrows++);
        auto end = [&](const char *phase, unsigned chip, int64_t thread,
                       uint64_t cycle) {
          event(phase, chip, thread, cycle, [&] {
            json.attribute("cat", "vector");
            json.attribute("id", arrow);
            json.attribute("name", title);
            if (*phase == 'f')
              json.attribute("bp", "e"); // bind to the run around it
          });
        };
        end("s", wire.fromChip, sendThread,
            first + uint64_t(send.count - left) * send.interval);
        end("f", wire.toChip, recvThread,
            receiver.start + run.first + uint64_t(repeat) * run.interval);
      }
      left -= taken;
      repeat += taken;
      if (repeat == run.count) {
        ++receive;
        repeat = 0;
      }
    }
  }
}

llvm::Error Tracer::print() {
  if (auto error = readClasses())
    return error;
  choose();
  json.object([&] {
    json.attribute("displayTimeUnit", "ns");
    json.attributeObject("otherData", [&] {
      json.attribute("program", package.programName);
      json.attribute("machine", machine.name);
      json.attribute("cycles", int64_t(package.cycles));
      json.attribute("chips", int64_t(package.chips.size()));
      json.attribute("chipsShown",
                     int64_t(std::count(shown.begin(), shown.end(), true)));
    });
    json.attributeArray("traceEvents", [&] {
      for (unsigned chip = 0; chip < package.chips.size(); ++chip)
        if (shown[chip])
          printChip(chip);
      for (const LinkWire &wire : package.wires)
        printWire(wire);
    });
  });
  return llvm::Error::success();
}

llvm::Error lpu::printTrace(const Package &package, llvm::raw_ostream &os) {
  if (auto error = Tracer(package, os).print())
    return error;
  os << "\n";
  return llvm::Error::success();
}
