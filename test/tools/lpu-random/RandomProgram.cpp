//===- RandomProgram.cpp - seeded legal programs --------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generator.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::test;

//===----------------------------------------------------------------------===//
// Machines
//===----------------------------------------------------------------------===//

Machine lpu::test::makeRandomMachine(uint64_t seed) {
  std::mt19937_64 random(seed * 2 + 1);
  auto pick = [&](unsigned low, unsigned high) {
    return low + unsigned(random() % (high - low + 1));
  };
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    unsigned half = pick(3, 9), lanes = 16 * pick(1, 3);
    unsigned transcendental = pick(1, 2), reduce = pick(1, 2);
    std::string text = "name: random" + std::to_string(seed) + "\n";
    auto field = [&](const char *name, uint64_t value) {
      text += std::string(name) + ": " + std::to_string(value) + "\n";
    };
    field("clock_mhz", 100);
    field("lanes", lanes);
    field("streams", 4 * pick(3, 8));
    field("slices_per_half", half);
    field("slices_per_hop", pick(1, 2));
    field("rows", 512 * pick(1, 2));
    field("planes_per_half", pick(1, 2));
    field("plane_rows", 2 * pick(4, 16));
    field("install_rows", pick(2, 6));
    field("accumulator_rows", pick(2, 8));
    field("fp16_interval", pick(1, 3));
    field("alus", transcendental + reduce + pick(1, 4));
    field("transcendental_alus", transcendental);
    field("reduce_alus", reduce);
    field("history", pick(4, 40));
    field("buffer_rows", pick(4, 14));
    field("loop_depth", pick(2, 4));
    field("fetch_bytes_per_cycle", 16 * pick(1, 4));
    field("links", 2 * pick(1, 2));
    field("link_interval", pick(1, 6));
    field("link_latency", pick(10, 30));
    field("link_margin", pick(0, 4));
    field("link_buffer", pick(2, 10));
    field("resync_cycles", pick(0, 2) ? 1000000 : pick(150, 1500));
    field("node_chips", 4);
    field("host_interval", pick(1, 4));
    field("delay_sram_read", pick(1, 4));
    field("delay_sram_write", pick(1, 4));
    field("delay_alu", pick(1, 4));
    field("delay_transcendental", pick(3, 8));
    field("delay_convert", pick(1, 2));
    field("delay_reduce_base", pick(1, 3));
    field("delay_reduce_step", pick(1, 2));
    field("delay_matrix_int8", pick(2, 8));
    field("delay_matrix_fp16", pick(4, 12));
    field("delay_swap", pick(1, 3));
    field("delay_drain", pick(1, 3));
    field("delay_shuffle", pick(1, 4));
    field("delay_transpose", pick(2, 10));
    field("delay_fetch", pick(1, 12));
    text += "text_slices: [0, " + std::to_string(2 * half - 1) + "]\n";
    for (const char *energy :
         {"energy_sram_byte", "energy_hop_byte", "energy_mac_int8",
          "energy_mac_fp16", "energy_alu_op", "energy_link_byte",
          "energy_fetch_byte", "idle_watts"})
      field(energy, 1);
    llvm::Expected<Machine> machine = parseMachine(text, "random");
    if (machine)
      return std::move(*machine);
    if (attempt == 999)
      llvm::report_fatal_error(llvm::Twine("no random machine is possible: ") +
                               llvm::toString(machine.takeError()));
    llvm::consumeError(machine.takeError());
  }
  llvm_unreachable("the last attempt reports");
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

Package lpu::test::makeRandomProgram(const RandomOptions &options) {
  Machine machine = makeRandomMachine(options.seed);
  std::mt19937_64 random(options.seed * 2);
  unsigned chips = random() % 4 == 0 ? 2 : 1;
  Generator generator(machine, chips, options.seed * 3 + 7);
  for (unsigned i = 0; i < options.plans; ++i)
    generator.step();
  return generator.finish();
}

static ImageSegment keep(Package &package, unsigned slice, unsigned bank,
                         unsigned row, std::vector<uint8_t> bytes) {
  auto data = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
  ImageSegment segment;
  segment.slice = slice;
  segment.bank = bank;
  segment.row = row;
  segment.rows = unsigned(data->size() / package.machine.lanes);
  segment.bytes = *data;
  package.storage.push_back(std::move(data));
  return segment;
}

/// Text goes into its banks row after row.
std::vector<ImageSegment>
Generator::finishText(unsigned chip, ChipClass &chipClass, Package &package) {
  std::vector<ImageSegment> image;
  unsigned perRow = m.instructionsPerRow();
  std::map<std::pair<unsigned, unsigned>, unsigned> top;
  for (unsigned number = 0; number < m.numQueues(); ++number) {
    auto &queue = timeline.queue(chip, number);
    if (queue.text.empty())
      continue;
    isa::Instruction halt;
    halt.opcode = isa::Opcode::halt;
    timeline.append(chip, number, queue.free + int64_t(pick(0, 2)), halt);
    unsigned rows = unsigned(queue.text.size() + perRow - 1) / perRow;
    for (const isa::Instruction &inst : queue.text)
      if (inst.opcode == isa::Opcode::fetch)
        rows = std::max(rows, unsigned(inst.fields[0] + inst.fields[1]));
    auto place = timeline.textBank(number);
    unsigned row = top[place];
    top[place] += rows;
    LPU_CHECK(top[place] <= m.rows, "the text fits its bank");
    std::vector<uint8_t> bytes(size_t(rows) * m.lanes);
    for (size_t i = 0; i < queue.text.size(); ++i) {
      isa::Word word = isa::encode(queue.text[i]);
      llvm::copy(word, bytes.begin() + ptrdiff_t(i) * 16);
    }
    image.push_back(
        keep(package, place.first, place.second, row, std::move(bytes)));
    chipClass.text.push_back({number, place.first, place.second, row, rows});
  }
  return image;
}

/// Random bytes, and rows that supply addresses.
std::vector<ImageSegment> Generator::makeData(Package &package) {
  std::vector<ImageSegment> image;
  for (unsigned slice = 0; slice < m.numSlices(); ++slice)
    for (unsigned bank = 0; bank < 2; ++bank) {
      if (timeline.isTextBank(slice, bank))
        continue;
      std::vector<uint8_t> bytes(size_t(firstFreeRow) * m.lanes);
      for (unsigned row = 0; row < loadedRows; ++row) {
        // Some rows are high bytes of numbers of moderate size.
        bool moderate = row % 2;
        for (unsigned lane = 0; lane < m.lanes; ++lane) {
          auto byte = uint8_t(random());
          bytes[size_t(row) * m.lanes + lane] =
              moderate ? uint8_t((byte & 0x87) | 0x38) : byte;
        }
      }
      for (unsigned j = 0; j < addresses.size(); ++j) {
        size_t row = loadedRows + 2 * j;
        bytes[row * m.lanes] = uint8_t(addresses[j]);
        bytes[(row + 1) * m.lanes] = uint8_t(addresses[j] >> 8);
      }
      image.push_back(keep(package, slice, bank, 0, std::move(bytes)));
    }
  return image;
}

Package Generator::finish() {
  Package package;
  package.programName = m.name;
  package.wires = wires;
  for (unsigned chip = 0; chip < chips; ++chip)
    package.chips.emplace_back().chipClass = chip;
  return finish(std::move(package));
}

Package Generator::finish(Package package) {
  package.machine = m;
  package.compilerVersion = "random";
  std::vector<std::vector<ImageSegment>> texts, data(chips);
  for (unsigned c = 0; c < chips; ++c) {
    ChipClass chipClass;
    texts.push_back(finishText(c, chipClass, package));
    package.classes.push_back(std::move(chipClass));
  }
  for (Chip &chip : package.chips) {
    chip.image = texts[chip.chipClass];
    std::vector<ImageSegment> own = makeData(package);
    // Chips of a class have some segments in common.
    std::vector<ImageSegment> &common = data[chip.chipClass];
    if (common.empty())
      common = own;
    for (size_t i = 0; i < own.size(); ++i)
      if (package.chips.size() > chips && i % 3 == 0) {
        own[i] = common[i];
        own[i].share = unsigned(chip.chipClass * own.size() + i) + 1;
      }
    llvm::append_range(chip.image, own);
    for (unsigned slice = 0; relocated && slice < m.numSlices(); ++slice)
      chip.registers.push_back({slice, 7, pick(0, relocatedValues - 1)});
    if (timeline.end(chip.chipClass) > 0)
      package.cycles = std::max(
          package.cycles, chip.start + uint64_t(timeline.end(chip.chipClass)));
  }
  return package;
}

//===----------------------------------------------------------------------===//
// Mutations
//===----------------------------------------------------------------------===//

Package lpu::test::mutate(const Package &original, uint64_t seed,
                          std::string &what) {
  Package package = original;
  std::mt19937_64 random(seed);
  unsigned chip = unsigned(random() % package.chips.size());
  unsigned classNumber = package.chips[chip].chipClass;
  auto &texts = package.classes[classNumber].text;
  if (texts.empty()) { // a chip without work
    what = "nothing";
    return package;
  }
  const TextSegment &text = texts[random() % texts.size()];
  unsigned lanes = package.machine.lanes;
  std::shared_ptr<std::vector<uint8_t>> bytes;
  size_t offset = 0;
  for (Chip &each : package.chips) {
    if (each.chipClass != classNumber)
      continue;
    for (ImageSegment &segment : each.image)
      if (segment.slice == text.slice && segment.bank == text.bank &&
          segment.row <= text.row &&
          text.row + text.rows <= segment.row + segment.rows) {
        if (!bytes)
          bytes = std::make_shared<std::vector<uint8_t>>(segment.bytes.begin(),
                                                         segment.bytes.end());
        segment.bytes = *bytes;
        offset = size_t(text.row - segment.row) * lanes;
      }
  }
  LPU_CHECK(bytes, "text lies in the image");
  package.storage.push_back(bytes);
  uint8_t *first = bytes->data() + offset;
  unsigned length = 0; // up to the halt
  while (length < text.rows * lanes / 16 &&
         first[length * 16] != uint8_t(isa::Opcode::halt))
    ++length;
  length = std::max(length, 1u);
  unsigned index = unsigned(random() % length);
  uint8_t *word = first + size_t(index) * 16;
  auto get = [&](unsigned bit, unsigned width) {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
      value |= uint64_t(word[(bit + i) / 8] >> ((bit + i) % 8) & 1) << i;
    return value;
  };
  auto set = [&](unsigned bit, unsigned width, uint64_t value) {
    for (unsigned i = 0; i < width; ++i) {
      uint8_t &byte = word[(bit + i) / 8];
      unsigned at = (bit + i) % 8;
      byte = uint8_t((byte & ~(1u << at)) | (value >> i & 1) << at);
    }
  };
  const isa::InstructionInfo *info = isa::lookup(word[0]);
  std::string where =
      "chip " + std::to_string(chip) + " queue " + std::to_string(text.queue) +
      " [" + std::to_string(index) + "] " + (info ? info->name : "?") + ": ";
  unsigned kind = unsigned(random() % 8);
  if (kind < 2 && get(8, 16) + 2 < 65535) { // the issue cycle
    uint64_t wait = get(8, 16);
    uint64_t changed = wait > 0 && random() % 2 ? wait - 1 : wait + 1;
    set(8, 16, changed);
    what = where + "wait " + std::to_string(wait) + " -> " +
           std::to_string(changed);
  } else if (kind < 3) { // the number of repeats
    uint64_t count = get(24, 16);
    set(24, 16, count + 1);
    what = where + "count + 1";
  } else if (kind < 7 && info && !info->fields.empty()) { // a field
    const isa::FieldInfo &field = info->fields[random() % info->fields.size()];
    uint64_t value = get(field.bit, field.width);
    uint64_t changed = value;
    if (random() % 2)
      changed = value ^ (UINT64_C(1) << (random() % field.width));
    else
      changed = value + 1;
    set(field.bit, field.width, changed);
    what = where + field.name + " " + std::to_string(value) + " -> " +
           std::to_string(changed);
  } else { // any bit
    unsigned bit = unsigned(random() % 128);
    set(bit, 1, get(bit, 1) ^ 1);
    what = where + "bit " + std::to_string(bit);
  }
  return package;
}
