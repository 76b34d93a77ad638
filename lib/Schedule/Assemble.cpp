//===- Assemble.cpp - scheduled programs to packages and back -------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Schedule/QueueProgram.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;

static constexpr unsigned maxReported = 20;

static llvm::Error listed(llvm::StringRef what,
                          const std::vector<std::string> &violations) {
  std::string message = what.str();
  for (const std::string &violation : violations)
    message += "\n  " + violation;
  return llvm::createStringError(message);
}

/// Encodes the text of one class: rows of all queues, one behind the other.
static llvm::Expected<std::vector<uint8_t>>
encodeClass(const ClassProgram &program, const Machine &machine,
            ChipClass &chipClass) {
  std::vector<uint8_t> bytes;
  std::vector<std::string> violations;
  auto report = [&](const QueueProgram &queue, const llvm::Twine &what) {
    if (violations.size() < maxReported)
      violations.push_back((llvm::Twine(unitName(queue.unit)) + " " +
                            llvm::Twine(queue.index) + ": " + what)
                               .str());
  };
  // Queue order does not matter to the machine; a fixed one makes equal
  // programs equal bytes.
  std::vector<const QueueProgram *> queues;
  for (const QueueProgram &queue : program.queues) {
    std::vector<std::string> found =
        checkQueue(queue, machine, maxReported - violations.size());
    violations.insert(violations.end(), found.begin(), found.end());
    if (!queue.items.empty() && found.empty())
      queues.push_back(&queue);
  }
  if (!violations.empty())
    return listed("the program is not encodable:", violations);
  auto number = [&](const QueueProgram *queue) {
    return machine.queueNumber(queue->unit, queue->index);
  };
  llvm::sort(queues, [&](const QueueProgram *a, const QueueProgram *b) {
    return number(a) < number(b);
  });
  for (size_t i = 0; i < queues.size(); ++i) {
    const QueueProgram &queue = *queues[i];
    if (i > 0 && number(queues[i - 1]) == number(&queue))
      report(queue, "listed twice");
    std::vector<isa::Instruction> text = flatten(queue);
    unsigned rows = textRows(text.size(), machine);
    if (!queue.text) {
      report(queue, llvm::Twine(text.size()) +
                        " instructions without a place for their text");
      continue;
    }
    if (rows > 65536) {
      report(queue, "text of " + llvm::Twine(rows) +
                        " rows; at most 65536 are possible");
      continue;
    }
    chipClass.text.push_back({number(&queue), queue.text->slice,
                              queue.text->bank, queue.text->row, rows});
    size_t begin = bytes.size();
    bytes.resize(begin + size_t(rows) * machine.lanes);
    for (size_t k = 0; k < text.size(); ++k) {
      isa::Word word = isa::encode(text[k]);
      llvm::copy(word, bytes.begin() + begin + k * word.size());
    }
  }
  if (!violations.empty())
    return listed("the program is not encodable:", violations);
  return bytes;
}

llvm::Expected<Package> lpu::assemble(ScheduledProgram program) {
  Package package = std::move(program.package);
  package.classes.assign(program.classes.size(), {});
  for (size_t c = 0; c < program.classes.size(); ++c) {
    ChipClass &chipClass = package.classes[c];
    auto bytes = encodeClass(program.classes[c], package.machine, chipClass);
    if (!bytes)
      return bytes.takeError();
    auto owned = std::make_shared<std::vector<uint8_t>>(std::move(*bytes));
    for (Chip &chip : package.chips) {
      if (chip.chipClass != c)
        continue;
      size_t begin = 0;
      for (const TextSegment &text : chipClass.text) {
        size_t size = size_t(text.rows) * package.machine.lanes;
        ImageSegment segment;
        segment.slice = text.slice;
        segment.bank = text.bank;
        segment.row = text.row;
        segment.rows = text.rows;
        segment.bytes = llvm::ArrayRef<uint8_t>(*owned).slice(begin, size);
        chip.image.push_back(std::move(segment));
        begin += size;
      }
    }
    package.storage.push_back(std::move(owned));
  }
  std::vector<std::string> violations = checkPackage(package);
  if (!violations.empty())
    return listed("the program does not make a package:", violations);
  return package;
}

llvm::Expected<ScheduledProgram> lpu::disassemble(Package package) {
  std::vector<std::string> violations = checkPackage(package);
  if (!violations.empty())
    return listed("damaged package:", violations);
  ScheduledProgram program;
  for (unsigned c = 0; c < package.classes.size(); ++c) {
    ClassProgram classProgram;
    // checkPackage: every class has a chip, and its chips hold equal text.
    unsigned chip = 0;
    while (package.chips[chip].chipClass != c)
      ++chip;
    for (const TextSegment &text : package.classes[c].text) {
      QueueProgram queue;
      std::tie(queue.unit, queue.index) = package.machine.queueUnit(text.queue);
      queue.text = TextPlace{text.slice, text.bank, text.row};
      auto located = [&](llvm::Error error) {
        return llvm::createStringError(
            "class " + llvm::Twine(c) + ", " + unitName(queue.unit) + " " +
            llvm::Twine(queue.index) + ": " + toString(std::move(error)));
      };
      auto instructions = package.decodeText(chip, text);
      if (!instructions)
        return located(instructions.takeError());
      // The text form has no place for bytes behind `halt`.
      unsigned rows = textRows(instructions->size(), package.machine);
      if (rows != text.rows)
        return located(llvm::createStringError(
            "the text segment has " + llvm::Twine(text.rows) +
            " rows, but its instructions up to halt take " +
            llvm::Twine(rows)));
      size_t used = instructions->size() * sizeof(isa::Word) -
                    size_t(rows - 1) * package.machine.lanes;
      if (llvm::any_of(
              package.imageRow(chip, text.slice, text.bank, text.row + rows - 1)
                  .drop_front(used),
              [](uint8_t byte) { return byte != 0; }))
        return located(
            llvm::createStringError("bytes behind halt are not zero"));
      auto items = unflatten(*instructions);
      if (!items)
        return located(items.takeError());
      queue.items = std::move(*items);
      classProgram.queues.push_back(std::move(queue));
    }
    program.classes.push_back(std::move(classProgram));
  }
  for (Chip &chip : package.chips)
    llvm::erase_if(chip.image, [&](const ImageSegment &segment) {
      return llvm::any_of(
          package.classes[chip.chipClass].text, [&](const TextSegment &text) {
            return text.slice == segment.slice && text.bank == segment.bank &&
                   text.row == segment.row && text.rows == segment.rows;
          });
    });
  package.classes.clear();
  program.package = std::move(package);
  return program;
}
