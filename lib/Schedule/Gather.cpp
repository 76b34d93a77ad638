//===- Gather.cpp - table lookups as flows --------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A table longer than a bank is cut into panels, each ending in a row of zeros.
// The address in a panel is the index if the panel holds it, and the zero row
// otherwise; so the wanted row is the bitwise or of one row of every panel,
// whatever the index: timing does not depend on data. Panels of a constant are
// loaded with the package, those of other tables are filled first.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"

using namespace lpu;
using namespace lpu::schedule;
using isa::Opcode;
using stream::Flow;
using stream::Tile;
using stream::Value;

/// Copies rows of a table that is computed or given into a panel, and puts the
/// row of zeros behind them.
void SchedulerImpl::fillPanel(const stream::Gather &gather, unsigned panel,
                              int64_t first, int64_t rows,
                              std::vector<GatherStep> &steps) {
  unsigned chunks = unsigned(program.tiles[panel].chunks());
  for (unsigned chunk = 0; chunk < chunks; ++chunk) {
    GatherStep copy, zero;
    copy.flow.name = zero.flow.name = gather.name;
    copy.flow.iterations = rows;
    unsigned row = copy.flow.addRead({gather.table, chunk, first, 1});
    unsigned moved = copy.flow.addAlu(Opcode::alu_mov, Value::of(row));
    copy.flow.writes.push_back({moved, {panel, chunk, 0, 1}});
    unsigned nothing =
        zero.flow.addAlu(Opcode::alu_mov, Value::imm(), Value(), 0);
    zero.flow.writes.push_back({nothing, {panel, chunk, rows, 1}});
    steps.push_back(std::move(copy));
    steps.push_back(std::move(zero));
  }
}

std::vector<GatherStep>
SchedulerImpl::expandGather(const stream::Gather &gather) {
  std::vector<GatherStep> steps;
  const Tile table = program.tiles[gather.table];
  const Tile out = program.tiles[gather.out];
  unsigned width = isa::byteWidth(table.type);
  // On a full chip as few panels as there can be, of equal length, so that they
  // share banks, in both halves. Others, and those that are filled by a flow,
  // leave their banks some rows.
  bool isFull = constantPlaces.isFull && table.kind == Tile::Constant;
  int64_t panelRows =
      (isFull ? int64_t(machine.rows) : int64_t(machine.rows) * 7 / 8) - 1;
  if (panelRows < 1) {
    fail("table '" + table.name + "': a bank of " +
         std::to_string(machine.rows) +
         " rows has no room for a row of it and a zero row; use a machine with "
         "more rows");
    return {};
  }
  int64_t panels = (table.rows + panelRows - 1) / panelRows;
  if (isFull && table.rows > 1) {
    panels += panels % 2; // as many in each half
    panelRows = (table.rows + panels - 1) / panels;
    panels = (table.rows + panelRows - 1) / panelRows;
  }
  constexpr unsigned enoughSlices = 12; // in a half
  // Where weights fill the outer slices, so do small tables that could stand
  // anywhere.
  bool isSmall =
      constantPlaces.isFull && table.rows < int64_t(machine.rows) / 8;
  bool fromOutside = machine.slicesPerHalf >= enoughSlices && !isSmall;

  struct Panel {
    unsigned table;
    std::vector<unsigned> address; // by byte
    int64_t first, rows;
  };
  std::vector<Panel> list;
  for (int64_t p = 0; p < panels; ++p) {
    Panel panel;
    panel.first = p * panelRows;
    panel.rows = std::min(panelRows, table.rows - panel.first);
    // Addresses come from further out than the table's panel; where slices are
    // few, from the other half, and then for every byte from a tile of its own,
    // as the bytes stand at different distances. Both ways they travel towards
    // the table.
    int half = (constantPlaces.isFull ? fullPanels++ : unsigned(p)) % 2;
    Tile part = table;
    part.name = table.name;
    part.rows = panel.rows + 1; // the zero row is outside the source's axes
    for (auto &source : part.sources) {
      // The row axes are cut: only the outermost may be.
      int64_t inner = 1;
      for (size_t a = 1; a < source.rowAxes.size(); ++a)
        inner *= source.rowAxes[a].size;
      if (inner > 1) {
        fail("table '" + table.name + "': rows of more than one axis");
        return {};
      }
      if (!source.rowAxes.empty() && !source.splat) {
        source.offset += panel.first * source.rowAxes[0].stride;
        source.rowAxes[0].size = panel.rows;
        source.rowAxes.resize(1);
      } else {
        source.rowAxes = {{panel.rows, 0}};
      }
    }
    bool isComputed = table.kind != Tile::Constant;
    if (isComputed) {
      part.kind = Tile::Temporary;
      part.binding = TensorBinding();
    }
    panel.table =
        internalTile(part, half, fromOutside ? Zone::Inner : Zone::Any);
    if (!isComputed)
      partOf[panel.table] = gather.table;
    if (isComputed)
      fillPanel(gather, panel.table, panel.first, panel.rows, steps);
    for (unsigned byte = 0; byte < (fromOutside ? 1 : width); ++byte) {
      Tile address;
      address.name = gather.name + " (addresses)";
      address.type = isa::ElementType::i16;
      address.rows = gather.iterations;
      address.features = 1;
      address.groupSize = machine.lanes;
      panel.address.push_back(fromOutside
                                  ? internalTile(address, half, Zone::Outer)
                                  : internalTile(address, 1 - half));
    }
    list.push_back(panel);
  }

  // Addresses. One index read, wrapped if negative, then three operations a
  // panel and one move for every further tile.
  size_t tiles = list[0].address.size();
  size_t perFlow =
      std::max<int>(1, (int(machine.alus) - 5) / int(3 + tiles - 1));
  for (size_t p = 0; p < list.size(); p += perFlow) {
    GatherStep step;
    Flow &flow = step.flow;
    flow.name = gather.name;
    flow.iterations = gather.iterations;
    unsigned id = flow.addRead(gather.index);
    unsigned sign =
        flow.addAlu(Opcode::alu_sar, Value::of(id), Value::imm(), 31);
    unsigned wrap = flow.addAlu(Opcode::alu_and, Value::of(sign), Value::imm(),
                                uint32_t(table.rows));
    unsigned index =
        flow.addAlu(Opcode::alu_iadd, Value::of(id), Value::of(wrap));
    for (size_t q = p; q < std::min(list.size(), p + perFlow); ++q) {
      unsigned local = flow.addAlu(Opcode::alu_isub, Value::of(index),
                                   Value::imm(), uint32_t(list[q].first));
      unsigned positive = flow.addAlu(Opcode::alu_and, Value::of(local),
                                      Value::imm(), 0x7fffffffu);
      unsigned clamped = flow.addAlu(Opcode::alu_imin, Value::of(positive),
                                     Value::imm(), uint32_t(list[q].rows));
      for (unsigned address : list[q].address)
        flow.writes.push_back({clamped, {address, 0, 0, 1}});
    }
    steps.push_back(std::move(step));
  }

  // Lookups, a few panels at a time; partial results go through temporaries.
  constexpr size_t panelsPerFlow = 3;
  for (unsigned chunk = 0; chunk < table.chunks(); ++chunk) {
    unsigned previous = ~0u;
    for (size_t p = 0; p < list.size(); p += panelsPerFlow) {
      bool last = p + panelsPerFlow >= list.size();
      GatherStep step;
      Flow &flow = step.flow;
      flow.name = gather.name;
      flow.iterations = gather.iterations;
      unsigned value = ~0u;
      if (previous != ~0u)
        value = flow.addRead({previous, 0, 0, 1});
      for (size_t q = p; q < std::min(list.size(), p + panelsPerFlow); ++q) {
        unsigned row = flow.addRead({list[q].table, chunk, 0, 1});
        GatherSource source;
        for (unsigned address : list[q].address)
          source.address.push_back({address, 0, 0, 1});
        step.sources[row] = source;
        value = value == ~0u ? row
                             : flow.addAlu(Opcode::alu_or, Value::of(value),
                                           Value::of(row));
      }
      stream::Access target{gather.out, chunk, gather.outRow, gather.outStride};
      if (!last) {
        Tile partial;
        partial.name = gather.name + " (partial)";
        partial.type = table.type;
        partial.rows = gather.iterations;
        partial.features = machine.lanes;
        partial.groupSize = machine.lanes;
        previous = internalTile(partial);
        target = {previous, 0, 0, 1};
      }
      flow.writes.push_back({value, target});
      steps.push_back(std::move(step));
    }
  }
  return steps;
}
