//===- Sequencer.cpp - one in-order queue ---------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sequencer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;
using isa::Opcode;
namespace field = lpu::isa::field;

Sequencer::Sequencer(const Machine &machine, unsigned chip,
                     const TextSegment &segment, uint64_t start, Sram &sram,
                     FaultLog &log)
    : queue(segment.queue), machine(machine), chip(chip),
      unit(machine.queueUnit(segment.queue).first),
      unitIndex(machine.queueUnit(segment.queue).second), segment(segment),
      sram(sram), log(log), free(start), buffer(machine.bufferRows) {
  for (unsigned row = 0; row < std::min(machine.bufferRows, segment.rows);
       ++row)
    if (RowAddress address{segment.slice, segment.bank, segment.row + row};
        sram.peek(address)) {
      auto [bytes, finding] = sram.inspect(address);
      log.upsets.corrected += finding.corrected;
      if (finding.uncorrectable)
        unloadable = row;
      buffer[row] = {true, row, 0, nullptr, std::move(bytes)};
    }
}

//===----------------------------------------------------------------------===//
// Fetching
//===----------------------------------------------------------------------===//

void Sequencer::startCycle(uint64_t cycle) {
  now = cycle;
  if (!activeFetch)
    return;
  const uint64_t rows =
      uint64_t(activeFetch->instruction.get(field::fetch::rows));
  if (now >= activeFetch->cycle + rows * machine.fetchRowCycles())
    activeFetch = nullptr;
  else
    fetchRow();
}

IssuePtr Sequencer::fetching() const { return activeFetch; }

void Sequencer::startFetch(const IssuePtr &issue) {
  const uint64_t row = uint64_t(issue->instruction.get(field::fetch::row));
  const uint64_t rows = uint64_t(issue->instruction.get(field::fetch::rows));
  if (row + rows > segment.rows)
    return log.report(FaultClass::AddressOutOfRange, issue, nullptr,
                      llvm::formatv("text rows {0} .. {1} of a segment of {2}",
                                    row, row + rows - 1, segment.rows));
  if (activeFetch)
    log.report(FaultClass::UnitConflict, issue, activeFetch,
               "the previous fetch of this queue still reads");
  activeFetch = issue;
  lastFetchEnd = now + rows * machine.fetchRowCycles();
  fetchRow();
}

/// The active fetch reads a row in every fetchRowCycles()-th cycle.
void Sequencer::fetchRow() {
  const uint64_t elapsed = now - activeFetch->cycle;
  if (elapsed % machine.fetchRowCycles() != 0)
    return;
  const unsigned row =
      unsigned(activeFetch->instruction.get(field::fetch::row) +
               elapsed / machine.fetchRowCycles());
  Bytes bytes =
      sram.read({segment.slice, segment.bank, segment.row + row}, activeFetch);
  buffer[row % machine.bufferRows] = {
      true, row, now + machine.fetchRowCycles() + machine.delayFetch,
      activeFetch, std::move(bytes)};
}

//===----------------------------------------------------------------------===//
// Taking and issuing
//===----------------------------------------------------------------------===//

/// Word number \p i of a text row.
static isa::Word wordAt(const Bytes &row, unsigned i) {
  isa::Word word;
  std::copy_n(row.begin() + i * word.size(), word.size(), word.begin());
  return word;
}

void Sequencer::cannotTake(FaultClass kind, const IssuePtr &other,
                           std::string detail) {
  auto missing = std::make_shared<Issue>();
  missing->chip = chip;
  missing->queue = queue;
  missing->cycle = now;
  missing->textIndex = pc;
  // What the text has there, in SRAM, for the message only.
  const unsigned perRow = machine.instructionsPerRow(), row = pc / perRow;
  const Bytes *bytes =
      row < segment.rows
          ? sram.peek({segment.slice, segment.bank, segment.row + row})
          : nullptr;
  if (!bytes) {
    missing->word = "(no instruction)";
  } else {
    const isa::Word word = wordAt(*bytes, pc % perRow);
    if (auto instruction = isa::decode(word)) {
      missing->instruction = *instruction;
    } else {
      llvm::consumeError(instruction.takeError());
      missing->word = "word 0x" + llvm::toHex(word, /*LowerCase=*/true);
    }
  }
  log.report(kind, missing, other, std::move(detail));
  current.reset();
  halted = true;
}

void Sequencer::take() {
  const unsigned perRow = machine.instructionsPerRow();
  const unsigned row = pc / perRow;
  const Slot &slot = buffer[row % machine.bufferRows];
  if (unloadable)
    return cannotTake(FaultClass::UncorrectableError, nullptr,
                      llvm::formatv("text row {0}, loaded before cycle 0, has "
                                    "a word with two flipped bits",
                                    *unloadable));
  if (row >= segment.rows)
    return cannotTake(FaultClass::FetchStarvation, nullptr,
                      "the text ends without halt");
  if (!slot.valid || slot.row != row)
    return cannotTake(
        FaultClass::FetchStarvation, slot.fetch,
        llvm::formatv("text row {0} is not in the instruction buffer", row));
  if (slot.usable > now)
    return cannotTake(FaultClass::FetchStarvation, slot.fetch,
                      llvm::formatv("text row {0} is usable from cycle {1}",
                                    row, slot.usable));

  llvm::Expected<isa::Instruction> decoded =
      isa::decode(wordAt(slot.bytes, pc % perRow));
  if (!decoded)
    return cannotTake(FaultClass::IllegalEncoding, nullptr,
                      llvm::toString(decoded.takeError()));
  current = *decoded;
  if (std::string why = isa::checkLegal(*current, machine, unit, unitIndex);
      !why.empty())
    return cannotTake(FaultClass::IllegalEncoding, nullptr, why);

  currentIndex = pc++;
  repeat = 0;
  nextIssue = now + current->wait;
  if (current->opcode == Opcode::nop)
    nextIssue += uint64_t(current->get(field::nop::cycles));
}

IssuePtr Sequencer::step() {
  if (halted)
    return nullptr;
  if (!current && free == now)
    take();
  if (!current || nextIssue != now)
    return nullptr;

  auto issue = std::make_shared<const Issue>(
      Issue{chip, queue, now, currentIndex, repeat, *current, {}});
  if (++repeat < current->count) {
    nextIssue = now + current->interval;
  } else {
    current.reset();
    free = now + 1;
  }
  control(issue);
  return issue;
}

//===----------------------------------------------------------------------===//
// Control instructions
//===----------------------------------------------------------------------===//

void Sequencer::control(const IssuePtr &issue) {
  switch (issue->instruction.opcode) {
  case Opcode::halt:
    halted = true;
    haltIssue = issue;
    return;
  case Opcode::fetch:
    return startFetch(issue);
  case Opcode::loop:
    if (loops.size() == machine.loopDepth)
      log.report(
          FaultClass::IllegalEncoding, issue, nullptr,
          llvm::formatv("loops are nested deeper than {0}", machine.loopDepth));
    loops.push_back(
        {uint64_t(issue->instruction.get(field::loop::iterations)), pc});
    return;
  case Opcode::endloop:
    return endLoop(issue);
  default: // nop, and what the unit executes
    return;
  }
}

void Sequencer::endLoop(const IssuePtr &issue) {
  if (loops.empty())
    return log.report(FaultClass::IllegalEncoding, issue, nullptr,
                      "endloop without loop");
  Frame &frame = loops.back();
  const uint32_t body = issue->textIndex - frame.body;
  if (body != uint32_t(issue->instruction.get(field::endloop::body)))
    log.report(
        FaultClass::IllegalEncoding, issue, nullptr,
        llvm::formatv("the body of the loop has {0} instructions", body));
  if (--frame.remaining > 0)
    pc = frame.body;
  else
    loops.pop_back();
}
