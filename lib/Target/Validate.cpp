//===- Validate.cpp - which machines are possible -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upper limits come from field widths of the encoding (instructions.toml),
// lower limits from what hardware can do: nothing is done in no time, a matrix
// row takes at least the K/16 steps of its column (part of the formula in
// Machine::matrixDelay, so the constants only have to be positive), a lane
// reduction at least one cycle per level of its tree.
//
//===----------------------------------------------------------------------===//

#include "lpu/Target/Machine.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>

using namespace lpu;

namespace {

class Rules {
public:
  std::vector<std::string> violations;

  void violated(llvm::StringRef field, const llvm::Twine &value,
                const llvm::Twine &rule) {
    violations.push_back((field + " = " + value + ": " + rule).str());
  }
  void range(llvm::StringRef field, uint64_t value, uint64_t low, uint64_t high,
             llvm::StringRef reason) {
    if (value < low || value > high)
      violated(field, llvm::Twine(value),
               "must be " + llvm::Twine(low) + " to " + llvm::Twine(high) +
                   " (" + reason + ")");
  }
  void multiple(llvm::StringRef field, uint64_t value, unsigned of,
                llvm::StringRef reason) {
    if (value % of != 0)
      violated(field, llvm::Twine(value),
               "must be a multiple of " + llvm::Twine(of) + " (" + reason +
                   ")");
  }
  void notNegative(llvm::StringRef field, double value) {
    if (!(value >= 0 && value <= 1e9))
      violated(field, llvm::Twine(std::to_string(value)), "must be 0 to 1e9");
  }
  void delay(llvm::StringRef field, uint64_t value,
             llvm::StringRef reason = "nothing is done in no time") {
    range(field, value, 1, 1024, reason);
  }
};

} // namespace

std::vector<std::string> lpu::validate(const Machine &m) {
  Rules r;
  bool nameOk = !m.name.empty() && m.name.size() <= 64;
  for (char c : m.name)
    nameOk &= isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
              c == '.';
  if (!nameOk)
    r.violated("name", "'" + m.name + "'",
               "must be 1 to 64 letters, digits, '_', '-' or '.'");
  if (!(m.clockMHz >= 0.001 && m.clockMHz <= 1e6))
    r.violated("clock_mhz", llvm::Twine(std::to_string(m.clockMHz)),
               "must be 0.001 to 1000000");

  r.range("lanes", m.lanes, 16, 1008, "a lane number has 10 bits");
  r.multiple("lanes", m.lanes, 16,
             "instructions are 16 bytes and lane groups 16 lanes");
  r.range("streams", m.streams, 4, 64, "a stream number has 6 bits");
  r.multiple("streams", m.streams, 4, "a 32-bit value takes 4 streams");

  r.range("slices_per_half", m.slicesPerHalf, 1, 4096, "slices of one half");
  r.range("slices_per_hop", m.slicesPerHop, 1, 64, "slices at one stop");
  r.range("rows", m.rows, 2, 65536, "a row number has 16 bits");

  r.range("planes_per_half", m.planesPerHalf, 1, 64, "planes of one half");
  r.range("plane_rows", m.planeRows, 2, 1008, "a weight row has 10 bits");
  r.multiple("plane_rows", m.planeRows, 2, "fp16 weights use half of the rows");
  r.range("install_rows", m.installRows, 2, 31,
          "the number of streams of an install has 5 bits; fp16 needs 2");
  if (m.installRows > m.streams)
    r.violated("install_rows", llvm::Twine(m.installRows),
               "an install reads one outward stream per row, and there are " +
                   llvm::Twine(m.streams) + " (streams)");
  r.range("accumulator_rows", m.accumulatorRows, 1, 1024,
          "an accumulator row has 10 bits");
  r.range("fp16_interval", m.fp16Interval, 1, 255, "an interval has 8 bits");

  r.range("alus", m.alus, 1, 32, "an ALU number has 5 bits");
  if (uint64_t(m.transcendentalAlus) + m.reduceAlus > m.alus)
    r.violated("transcendental_alus + reduce_alus",
               llvm::Twine(uint64_t(m.transcendentalAlus) + m.reduceAlus),
               "these are different ALUs, and there are " +
                   llvm::Twine(m.alus) + " (alus)");
  r.range("history", m.history, 1, 64, "the age of a result has 6 bits");

  r.range("buffer_rows", m.bufferRows, 2, 65536,
          "one row executes while the next is fetched");
  r.range("loop_depth", m.loopDepth, 1, 64, "loops nest");
  r.range("fetch_bytes_per_cycle", m.fetchBytesPerCycle, 16, 1 << 20,
          "one fetch moves 16 bytes per cycle");

  r.range("links", m.links, 0, 1024, "ports of a chip");
  r.range("link_interval", m.linkInterval, 1, 1 << 16, "cycles per vector");
  r.range("link_latency", m.linkLatency, 1, 1 << 20,
          "nothing is done in no time");
  r.range("link_margin", m.linkMargin, 0, std::max(m.linkLatency, 1u) - 1,
          "less than link_latency: no vector arrives before it is sent");
  r.range("link_buffer", m.linkBuffer, 1, 1 << 16, "vectors");
  // A vector that arrives first behind the rest, and is received at once.
  r.range("resync_cycles", m.resyncCycles,
          m.linkInterval + 4 * uint64_t(m.linkMargin) + 1, 1u << 31,
          "at least link_interval + 4 x link_margin + 1: behind a "
          "resynchronisation the links rest, and then a vector arrives");
  r.range("node_chips", m.nodeChips, 1, 1 << 16, "chips of a node");
  if (m.uplinks)
    r.range("uplinks", *m.uplinks, 0, m.links,
            "of the links, those that leave the node");
  r.range("host_interval", m.hostInterval, 1, 1 << 16, "cycles per vector");

  r.delay("delay_sram_read", m.delaySramRead);
  r.delay("delay_sram_write", m.delaySramWrite);
  r.delay("delay_alu", m.delayAlu);
  r.delay("delay_transcendental", m.delayTranscendental);
  r.delay("delay_convert", m.delayConvert);
  r.delay("delay_reduce_base", m.delayReduceBase);
  r.delay("delay_reduce_step", m.delayReduceStep,
          "a reduction is not faster than its tree");
  r.delay("delay_matrix_int8", m.delayMatrixInt8,
          "a matrix row is not faster than plane_rows / 16");
  r.delay("delay_matrix_fp16", m.delayMatrixFp16,
          "a matrix row is not faster than plane_rows / 16");
  r.delay("delay_swap", m.delaySwap);
  r.delay("delay_drain", m.delayDrain);
  r.delay("delay_shuffle", m.delayShuffle);
  r.delay("delay_transpose", m.delayTranspose);
  r.delay("delay_fetch", m.delayFetch);

  if (m.textSlices.empty())
    r.violated("text_slices", "[]", "program text needs at least one slice");
  llvm::SmallSet<unsigned, 16> seen;
  for (unsigned slice : m.textSlices) {
    if (slice >= 2 * uint64_t(m.slicesPerHalf))
      r.violated("text_slices", llvm::Twine(slice),
                 "there are " + llvm::Twine(2 * uint64_t(m.slicesPerHalf)) +
                     " slices (2 x slices_per_half), numbered from 0");
    if (!seen.insert(slice).second)
      r.violated("text_slices", llvm::Twine(slice), "listed twice");
  }

  r.notNegative("energy_sram_byte", m.energy.sramByte);
  r.notNegative("energy_hop_byte", m.energy.hopByte);
  r.notNegative("energy_mac_int8", m.energy.macInt8);
  r.notNegative("energy_mac_fp16", m.energy.macFp16);
  r.notNegative("energy_alu_op", m.energy.aluOp);
  r.notNegative("energy_link_byte", m.energy.linkByte);
  r.notNegative("energy_fetch_byte", m.energy.fetchByte);
  r.notNegative("idle_watts", m.energy.idleWatts);
  return r.violations;
}
