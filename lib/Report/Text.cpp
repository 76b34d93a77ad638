//===- Text.cpp - what a queue executes -----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace lpu;
using namespace lpu::pictures;
using isa::Opcode;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

static std::string queueName(Unit unit, unsigned index) {
  return std::string(unitName(unit)) + " " + std::to_string(index);
}

std::vector<unsigned> pictures::firstChips(const Package &package) {
  std::vector<unsigned> first(package.classes.size(), package.chips.size());
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    unsigned &known = first[package.chips[chip].chipClass];
    known = std::min(known, chip);
  }
  return first;
}

llvm::Expected<std::vector<QueueText>>
pictures::readClass(const Package &package, unsigned chipClass) {
  std::vector<QueueText> queues;
  unsigned chip = firstChips(package)[chipClass];
  if (chip == package.chips.size())
    return queues;
  std::vector<TextSegment> segments = package.classes[chipClass].text;
  llvm::sort(segments, [](const TextSegment &a, const TextSegment &b) {
    return a.queue < b.queue;
  });
  for (const TextSegment &segment : segments) {
    QueueText queue;
    std::tie(queue.unit, queue.index) =
        package.machine.queueUnit(segment.queue);
    auto text = package.decodeText(chip, segment);
    if (!text)
      return failure("class " + llvm::Twine(chipClass) + ", " +
                     queueName(queue.unit, queue.index) + ": " +
                     toString(text.takeError()));
    queue.text = std::move(*text);
    queues.push_back(std::move(queue));
  }
  return queues;
}

llvm::Error
pictures::execute(const QueueText &queue, uint64_t &budget,
                  llvm::function_ref<void(uint64_t, unsigned)> visit) {
  struct Loop {
    unsigned start;
    uint64_t remaining;
  };
  auto fail = [&](unsigned index, const char *what) {
    return failure(queueName(queue.unit, queue.index) + ", instruction " +
                   llvm::Twine(index) + ": " + what);
  };
  llvm::SmallVector<Loop, 4> loops;
  uint64_t now = 0;
  for (unsigned pc = 0; pc < queue.text.size(); ++pc) {
    const isa::Instruction &inst = queue.text[pc];
    if (budget-- == 0)
      return fail(pc, "the class executes more instructions than a picture "
                      "can hold (5,000,000, every iteration of a loop counts)");
    uint64_t issue = now + inst.wait;
    now = issue + uint64_t(inst.count - 1) * inst.interval + 1;
    switch (inst.opcode) {
    case Opcode::halt:
      return llvm::Error::success();
    case Opcode::nop:
      now += inst.get(isa::field::nop::cycles);
      break;
    case Opcode::loop:
      if (inst.get(isa::field::loop::iterations) == 0)
        return fail(pc, "a loop without iterations");
      loops.push_back({pc, uint64_t(inst.get(isa::field::loop::iterations))});
      break;
    case Opcode::endloop:
      if (loops.empty())
        return fail(pc, "endloop without a loop");
      if (--loops.back().remaining)
        pc = loops.back().start;
      else
        loops.pop_back();
      break;
    default:
      visit(issue, pc);
    }
  }
  return fail(unsigned(queue.text.size()), "the text ends without halt");
}

llvm::SmallVector<StreamUse, 4>
pictures::streamUses(const isa::Instruction &inst, const QueueText &queue,
                     const Machine &machine) {
  llvm::SmallVector<StreamUse, 4> uses;
  const isa::InstructionInfo &info = inst.info();
  auto field = [&](llvm::StringRef name) -> std::optional<int64_t> {
    for (auto [number, f] : llvm::enumerate(info.fields))
      if (name == f.name)
        return inst.get(unsigned(number));
    return std::nullopt;
  };
  bool running = llvm::StringRef(info.name).starts_with("alu.acc_");
  for (auto [number, f] : llvm::enumerate(info.fields)) {
    if (f.kind == isa::FieldKind::Operand) {
      isa::Operand operand = inst.operand(unsigned(number));
      if (operand.kind == isa::Operand::Stream)
        uses.push_back(
            {operand.stream.west, operand.stream.stream,
             isa::byteWidth(operand.stream.type),
             operand.stream.last ? StreamUse::LastRead : StreamUse::Read});
    } else if (f.kind == isa::FieldKind::Dest) {
      isa::Dest dest = inst.dest(unsigned(number));
      if (dest.present)
        uses.push_back(
            {dest.west, dest.stream, isa::byteWidth(dest.type),
             running ? StreamUse::WriteAtPeriodEnd : StreamUse::Write});
    }
  }
  auto lastOf = [&](llvm::StringRef name) {
    return field(name).value_or(0) ? StreamUse::LastRead : StreamUse::Read;
  };
  if (auto stream = field("astream")) // addresses: 16 bits
    uses.push_back(
        {*field("adir") != 0, unsigned(*stream), 2, lastOf("alast")});
  if (auto stream = field("stream")) {
    bool writes = false;
    unsigned width = 1;
    switch (inst.opcode) {
    case Opcode::mem_read:
    case Opcode::mem_gather:
    case Opcode::link_recv_recv:
      writes = true;
      break;
    case Opcode::drain_row:
      writes = true;
      width = 4;
      break;
    case Opcode::mem_loadreg:
    case Opcode::shuffle_loadmap:
      width = 2;
      break;
    case Opcode::transpose_t16:
      width = 16;
      break;
    case Opcode::weights_install:
      width = unsigned(*field("n"));
      break;
    case Opcode::pass_run:
      width = *field("fp16") ? 2 : 1;
      break;
    default:
      break;
    }
    // Units at an edge read outward and write inward streams.
    bool west = field("dir").value_or(machine.isEast(queue.unit, queue.index) ==
                                      writes);
    uses.push_back({west, unsigned(*stream), width,
                    writes ? StreamUse::Write : lastOf("last")});
  }
  if (auto stream = field("ostream"))
    uses.push_back({*field("odir") != 0, unsigned(*stream),
                    inst.opcode == Opcode::transpose_t16 ? 16u : 1u,
                    StreamUse::Write});
  return uses;
}
