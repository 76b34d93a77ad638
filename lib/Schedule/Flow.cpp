//===- Flow.cpp - flows as templates --------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times inside a flow are fixed by its data: ALU operations issue as soon as
// their operands are there; a source is read so early that it arrives when its
// one user samples it (a source with several users passes through a move, whose
// result stays in the ALU's history); a result is written when it passes its
// slice.
//
//===----------------------------------------------------------------------===//

#include "FlowBuilder.h"
#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::schedule;
using stream::Flow;
using stream::Node;
using stream::Tile;

static isa::Instruction memRun(isa::Opcode op, const PlacedColumn &column,
                               const AccessPiece &piece, int64_t interval) {
  isa::Instruction inst;
  inst.opcode = op;
  inst.count = uint16_t(piece.count);
  inst.interval = piece.count == 1 ? 1 : uint8_t(interval);
  setField(inst, "bank", column.bank);
  setField(inst, "reg", column.stepped ? 1 + column.bank : 0);
  setField(inst, "offset", column.row + piece.address);
  if (piece.count > 1) {
    setField(inst, "stride", piece.stride);
    setField(inst, "inner", piece.inner);
    setField(inst, "stride2", piece.stride2);
  }
  return inst;
}

/// Adds an access, as single ones where its interval does not fit the
/// instruction.
static void addRun(Template &t, const QueueRun &run, int64_t interval,
                   PlacedColumn *column, bool write) {
  constexpr int64_t maxInterval = 255;
  int64_t last = run.offset + (run.inst.count - 1) * interval;
  t.touch(column, write, run.offset, last);
  if (interval <= maxInterval || run.inst.count == 1)
    t.runs.push_back(run);
  else
    unroll(run, interval, t.runs);
}

bool SchedulerImpl::buildFlow(Template &t, int64_t &drainIssue,
                              const FlowRequest &request, int64_t interval,
                              Sharing &sharing) {
  const Flow &flow = request.flow;
  const ProductSource *product = request.product;
  const std::map<unsigned, GatherSource> *gathers = request.gathers;
  int64_t rowBegin = request.rowBegin;
  int64_t n = request.rowEnd - rowBegin;
  t.name = flow.name;
  // Another build of the same flow takes the columns of the first.
  size_t choice = 0;
  using Columns = llvm::MutableArrayRef<PlacedColumn>;
  auto choose = [&](llvm::function_ref<Columns()> make) {
    if (choice == sharing.columns.size())
      sharing.columns.push_back(make());
    return sharing.columns[choice++];
  };
  FlowBuilder builder{machine, t, n, interval, std::nullopt};
  int center = machine.vectorPosition();

  // Users of every node.
  std::vector<unsigned> users(flow.nodes.size());
  for (const Node &node : flow.nodes)
    if (node.kind == Node::Alu) {
      std::set<unsigned> distinct;
      for (const stream::Value *v : {&node.a, &node.b, &node.c})
        if (v->kind == stream::Value::Node)
          distinct.insert(v->node);
      for (unsigned d : distinct)
        ++users[d];
    }
  std::vector<bool> written(flow.nodes.size());
  // Delays of results (Sharing): of a running reduction, which alone gives one
  // row per period, all of it is delayed. Its copies read the operand too.
  std::vector<unsigned> delays(flow.nodes.size());
  unsigned results = 0;
  for (const stream::Write &write : flow.writes) {
    const Node &node = flow.nodes[write.node];
    unsigned copies = writeCopy >= 0 ? 1 : layout->copies(write.access.tile);
    bool isFirst = !written[write.node];
    written[write.node] = true;
    if (node.kind != Node::Alu)
      ++users[write.node];
    else if (isRunning(node.op) && node.a.kind == stream::Value::Node)
      users[node.a.node] += copies - isFirst;
    if (isFirst)
      delays[write.node] = sharing.delays[int(results)];
    results += copies;
  }

  // Pass 1: columns of all sources (they fix directions), then ALU times.
  struct Source {
    unsigned node, group;
    struct Run {
      PlacedColumn *column;
      unsigned byte;
      AccessPiece piece;
    };
    std::vector<Run> runs;
    unsigned consumer = ~0u; // op that samples it
  };
  std::vector<Source> sources;
  std::set<unsigned> used = writtenSlices(flow, rowBegin, n);
  std::vector<AluSource> values(flow.nodes.size());
  unsigned period = 0;
  for (unsigned i = 0; i < flow.nodes.size(); ++i) {
    const Node &node = flow.nodes[i];
    if (node.kind == Node::Alu) {
      AluRun run;
      run.op = node.op;
      run.imm = node.imm;
      run.reduceGroup = node.group;
      run.period = node.period;
      bool ternary = node.op == isa::Opcode::alu_muladd ||
                     node.op == isa::Opcode::alu_select;
      auto source = [&](const stream::Value &v) {
        AluSource s;
        switch (v.kind) {
        case stream::Value::None:
          break;
        case stream::Value::Node:
          return values[v.node];
        case stream::Value::Immediate:
          s.kind = ternary ? AluSource::Constant : AluSource::Immediate;
          if (ternary) {
            run.hasConstant = true;
            run.constant = node.hasConstant ? node.constant : node.imm;
            run.imm = 0;
          }
          break;
        case stream::Value::Lane:
          s.kind = AluSource::Lane;
          break;
        }
        return s;
      };
      run.a = source(node.a);
      run.b = source(node.b);
      run.c = source(node.c);
      unsigned op = builder.append(run);
      if (isRunning(node.op) && delays[i] && builder.canDelay(op, delays[i]))
        builder.delay(op, delays[i]);
      else if (isRunning(node.op))
        delays[i] = 0;
      values[i].kind = AluSource::Op;
      values[i].index = op;
      for (const AluSource *s : {&run.a, &run.b, &run.c})
        if (s->kind == AluSource::Stream)
          for (Source &src : sources)
            if (src.group == s->index)
              src.consumer = op;
      if (isRunning(node.op))
        period = node.period ? node.period : unsigned(n);
      continue;
    }

    Source src;
    src.node = i;
    src.group = t.groups.size();
    StreamGroup group;
    isa::ElementType type;
    if (node.kind == Node::Product) {
      group.width = group.align = 4;
      group.west = product->gang->east;
      type = gangFormatFp16 ? isa::ElementType::f32 : isa::ElementType::i32;
    } else {
      const GatherSource *gather = nullptr;
      if (gathers) {
        auto it = gathers->find(i);
        if (it != gathers->end())
          gather = &it->second;
      }
      unsigned tile = node.access.tile;
      type = program.tiles[tile].type;
      unsigned width = isa::byteWidth(type);
      group.width = group.align = width;
      stream::Access access = rowsOf(node.access, rowBegin, request.rowEnd);
      if (gather) {
        auto columns = choose(
            [&] { return readColumns(tile, 0, access.chunk, -1, used, 1); });
        if (columns.empty())
          return false;
        AccessPiece piece;
        piece.count = n;
        for (unsigned byte = 0; byte < width; ++byte)
          src.runs.push_back({&columns[byte], byte, piece});
      } else {
        std::map<unsigned, llvm::MutableArrayRef<PlacedColumn>> panels;
        int panelSide = -1; // all panels on one side
        for (const AccessPiece &piece : splitAccess(
                 access, n, layout->panelRows(tile), layout->stripes(tile))) {
          if (!panels.count(piece.panel)) {
            std::set<unsigned> others = used;
            auto columns = choose([&] {
              return readColumns(tile, piece.panel, access.chunk, panelSide,
                                 others, 0, panelSide);
            });
            if (columns.empty())
              return false;
            panels[piece.panel] = columns;
            panelSide = columns[0].slice >= machine.slicesPerHalf;
          }
          for (unsigned byte = 0; byte < width; ++byte)
            src.runs.push_back(
                {&panels[piece.panel][piece.stripe * width + byte], byte,
                 piece});
        }
        for (const auto &run : src.runs)
          used.insert(run.column->slice);
      }
      // All bytes come from one side.
      int side = -1;
      for (const auto &run : src.runs) {
        int s = run.column->slice >= machine.slicesPerHalf;
        if (side >= 0 && side != s)
          return isScattered(flow.name, program.tiles[tile].name);
        side = s;
      }
      group.west = side == 1;
    }
    t.groups.push_back(group);
    sources.push_back(src);
    AluSource value;
    value.kind = AluSource::Stream;
    value.index = src.group;
    value.type = type;
    auto staggered = sharing.stagger.find(i);
    bool stagger = staggered != sharing.stagger.end();
    if (users[i] > 1 || written[i] || stagger) {
      AluRun move;
      move.op = isa::Opcode::alu_mov;
      move.a = value;
      unsigned op = builder.append(move);
      if (stagger) {
        AluRun &run = t.alus[op];
        run.offset += staggered->second;
        run.done += staggered->second;
        run.users = 2; // stays where it is
      }
      sources.back().consumer = op;
      value = AluSource();
      value.kind = AluSource::Op;
      value.index = op;
    }
    values[i] = value;
  }

  // A source samples at its consumer's issue.
  auto setKeys = [&](StreamGroup &group, int64_t at, int position,
                     int64_t count, int64_t step) {
    int64_t key = group.west ? at + position : at - position;
    group.run.keyLow = key;
    group.run.keyHigh = key + (count - 1) * step;
    group.run.step = sharing.interleaves ? step : 1;
  };
  auto along = [](bool west, int position) {
    return west ? -position : position;
  };

  for (Source &src : sources) {
    if (src.consumer == ~0u)
      continue; // an unused source: nothing to read
    StreamGroup &group = t.groups[src.group];
    int64_t at = t.alus[src.consumer].offset;
    setKeys(group, at, center, n, interval);
    group.run.posHigh = along(group.west, center);
    const Node &node = flow.nodes[src.node];
    if (node.kind == Node::Product) {
      const Gang &gang = *product->gang;
      int position = machine.unitPosition(Unit::Pass, gang.planes[0]);
      int64_t issue = at - std::abs(position - center) - machine.delayDrain;
      group.run.posLow = along(group.west, position);
      unsigned g = gang.planes.size();
      for (unsigned p = 0; p < g; ++p) {
        int64_t rows = (n - int64_t(p) + g - 1) / g;
        if (rows <= 0)
          continue;
        QueueRun run;
        run.queue = machine.queueNumber(Unit::Drain, gang.planes[p]);
        run.offset = issue + p * interval;
        run.inst.opcode = isa::Opcode::drain_row;
        run.inst.count = uint16_t(rows);
        run.inst.interval = rows == 1 ? 1 : uint8_t(interval * g);
        setField(run.inst, "acc", product->firstAcc);
        setField(run.inst, "acc_stride", rows == 1 ? 0 : 1);
        run.streamFields.push_back(
            {fieldIndex(run.inst.opcode, "stream"), src.group, 0});
        t.runs.push_back(run);
      }
      drainIssue = issue;
      continue;
    }
    const GatherSource *gather = nullptr;
    if (gathers) {
      auto it = gathers->find(src.node);
      if (it != gathers->end())
        gather = &it->second;
    }
    group.run.posLow = INT32_MAX;
    auto issueOf = [&](const Source::Run &r) {
      int position = machine.slicePosition(r.column->slice);
      return at + r.piece.first * interval - std::abs(position - center) -
             machine.delaySramRead;
    };
    // Addresses that reach the slice at `position` in cycle `offset`; returns
    // their stream group.
    auto addAddresses = [&](const stream::Access &rows, int position,
                            int64_t offset) -> std::optional<unsigned> {
      stream::Access access = rowsOf(rows, rowBegin, request.rowEnd);
      StreamGroup addressGroup;
      addressGroup.width = addressGroup.align = 2;
      unsigned index = t.groups.size();
      std::vector<std::pair<PlacedColumn *, AccessPiece>> reads;
      std::vector<unsigned> bytes;
      for (const AccessPiece &piece :
           splitAccess(access, n, layout->panelRows(access.tile),
                       layout->stripes(access.tile))) {
        std::set<unsigned> others = used;
        auto columns = choose([&] {
          return readColumns(access.tile, piece.panel, access.chunk, -1,
                             others);
        });
        if (columns.empty())
          return std::nullopt;
        for (unsigned byte = 0; byte < 2; ++byte) {
          reads.push_back({&columns[byte], piece});
          bytes.push_back(byte);
        }
      }
      int first = machine.slicePosition(reads[0].first->slice);
      addressGroup.west = first > position;
      setKeys(addressGroup, offset, position, n, interval);
      addressGroup.run.posHigh = along(addressGroup.west, position);
      addressGroup.run.posLow = INT32_MAX;
      for (unsigned k = 0; k < reads.size(); ++k) {
        int from = machine.slicePosition(reads[k].first->slice);
        if (from == position || (from > position) != addressGroup.west) {
          isScattered(flow.name, program.tiles[access.tile].name);
          return std::nullopt;
        }
        QueueRun read;
        read.origin = int(src.node);
        read.queue = machine.queueNumber(Unit::Mem, reads[k].first->slice);
        int64_t step = reads[k].second.step * interval;
        read.offset = offset + reads[k].second.first * interval -
                      std::abs(from - position) - machine.delaySramRead;
        read.inst = memRun(isa::Opcode::mem_read, *reads[k].first,
                           reads[k].second, step);
        setField(read.inst, "dir", addressGroup.west);
        read.streamFields.push_back(
            {fieldIndex(read.inst.opcode, "stream"), index, bytes[k]});
        addressGroup.run.posLow =
            std::min(addressGroup.run.posLow, along(addressGroup.west, from));
        addRun(t, read, step, reads[k].first, false);
        used.insert(reads[k].first->slice);
      }
      t.groups.push_back(addressGroup);
      return index;
    };
    // Addresses from further out travel with the data: one stream of them
    // passes the slices of all bytes, the innermost last.
    const Source::Run *innermost = nullptr, *outermost = nullptr;
    std::optional<unsigned> shared;
    if (gather && gather->address.size() == 1) {
      for (const Source::Run &r : src.runs) {
        if (!innermost || issueOf(r) > issueOf(*innermost))
          innermost = &r;
        if (!outermost || issueOf(r) < issueOf(*outermost))
          outermost = &r;
      }
      shared = addAddresses(gather->address[0],
                            machine.slicePosition(outermost->column->slice),
                            issueOf(*outermost));
      if (!shared)
        return false;
      StreamGroup &addresses = t.groups[*shared];
      addresses.run.posHigh = along(
          addresses.west, machine.slicePosition(innermost->column->slice));
    }
    for (const Source::Run &r : src.runs) {
      int position = machine.slicePosition(r.column->slice);
      QueueRun run;
      run.origin = int(src.node);
      run.queue = machine.queueNumber(Unit::Mem, r.column->slice);
      run.offset = issueOf(r);
      if (gather) {
        run.inst.opcode = isa::Opcode::mem_gather;
        run.inst.count = uint16_t(n);
        run.inst.interval = n == 1 ? 1 : uint8_t(interval);
        setField(run.inst, "bank", r.column->bank);
        setField(run.inst, "reg", r.column->stepped ? 1 + r.column->bank : 0);
        setField(run.inst, "offset", r.column->row);
        // The address passes the slice when the gather issues.
        auto index = shared ? shared
                            : addAddresses(gather->address[r.byte], position,
                                           run.offset);
        if (!index)
          return false;
        setField(run.inst, "adir", t.groups[*index].west);
        setField(run.inst, "alast", !shared || &r == innermost);
        run.streamFields.push_back(
            {fieldIndex(run.inst.opcode, "astream"), *index, 0});
      } else {
        run.inst = memRun(isa::Opcode::mem_read, *r.column, r.piece,
                          r.piece.step * interval);
      }
      StreamGroup &own = t.groups[src.group];
      setField(run.inst, "dir", own.west);
      run.streamFields.push_back(
          {fieldIndex(run.inst.opcode, "stream"), src.group, r.byte});
      own.run.posLow = std::min(own.run.posLow, along(own.west, position));
      addRun(t, run, gather ? interval : r.piece.step * interval, r.column,
             false);
    }
  }

  // Results to memory. A running reduction gives one row per period.
  int64_t outRows = period ? n / period : n;
  int64_t outInterval = period ? interval * period : interval;
  int64_t outFirst = period ? (period - 1) * interval : 0;
  int64_t outBegin = period ? rowBegin / period : rowBegin;
  int number = 0; // of the write, copies counted
  for (const stream::Write &write : flow.writes) {
    const Tile &tile = program.tiles[write.access.tile];
    unsigned copies = layout->copies(write.access.tile);
    for (unsigned k = 0; k < (writeCopy >= 0 ? 1 : copies); ++k) {
      unsigned copy = writeCopy >= 0 ? unsigned(writeCopy) : k;
      stream::Access access =
          rowsOf(write.access, outBegin, outBegin + outRows);
      unsigned width = isa::byteWidth(tile.type);
      auto pieces = splitAccess(access, outRows, layout->panelRows(access.tile),
                                layout->stripes(access.tile));
      std::map<unsigned, llvm::MutableArrayRef<PlacedColumn>> panels;
      int side = -1;
      for (const AccessPiece &piece : pieces)
        if (!panels.count(piece.panel)) {
          std::set<unsigned> others = used;
          auto columns = choose([&] {
            return writeCopy >= 0 ? layout->columns(access.tile, piece.panel,
                                                    access.chunk, copy, -1, {})
                                  : writeColumns(access.tile, piece.panel,
                                                 access.chunk, copy, others);
          });
          if (columns.empty())
            return false;
          panels[piece.panel] = columns;
          for (const PlacedColumn &c : columns)
            side = c.slice >= machine.slicesPerHalf;
        }
      for (auto &p : panels)
        for (const PlacedColumn &c : p.second) {
          used.insert(c.slice);
          if (int(c.slice >= machine.slicesPerHalf) != side)
            return isScattered(flow.name, tile.name);
        }

      unsigned op = values[write.node].index;
      LPU_CHECK(values[write.node].kind == AluSource::Op,
                "a write of a source");
      if (t.alus[op].hasDest) {
        AluRun move;
        if (period && t.alus[op].a.kind == AluSource::Op) {
          // A second copy of a running reduction runs beside it.
          move = t.alus[op];
          move.hasDest = false;
          move.users = 0;
        } else {
          move.op = isa::Opcode::alu_mov;
          move.a.kind = AluSource::Op;
          move.a.index = op;
        }
        op = builder.append(move);
      }
      unsigned moves = sharing.delays[number];
      if (period && moves && isRunning(t.alus[op].op)) {
        bool isOwn = op == values[write.node].index;
        bool isDelayed =
            isOwn ? delays[write.node] : builder.canDelay(op, moves);
        if (isDelayed && !isOwn)
          builder.delay(op, moves);
        if (isDelayed)
          moves = 0;
      }
      for (unsigned d = 0; d < moves; ++d) {
        AluRun move;
        move.op = isa::Opcode::alu_mov;
        move.a.kind = AluSource::Op;
        move.a.index = op;
        op = builder.append(move);
      }
      ++number;
      StreamGroup group;
      group.width = group.align = width;
      group.west = side == 0;
      AluRun &run = t.alus[op];
      run.hasDest = true;
      run.destGroup = t.groups.size();
      run.destType = request.rawBits && tile.type == isa::ElementType::f16
                         ? isa::ElementType::i16
                         : tile.type;
      // Only a running reduction itself thins out its results; a move behind it
      // would not.
      bool thinned = period && (flow.nodes[write.node].op == run.op);
      if (period && !thinned) {
        fail(
            llvm::formatv("kernel '{0}': only the running reduction itself can "
                          "be written",
                          flow.name));
        return false;
      }
      int64_t at = run.done + (width < 4 ? machine.delayConvert : 0) + outFirst;
      setKeys(group, at, center, outRows, outInterval);
      group.run.posLow = along(group.west, center);
      group.run.posHigh = group.run.posLow;
      for (const AccessPiece &piece : pieces)
        for (unsigned byte = 0; byte < width; ++byte) {
          PlacedColumn &column =
              panels[piece.panel][piece.stripe * width + byte];
          int position = machine.slicePosition(column.slice);
          QueueRun w;
          w.origin = -number;
          w.queue = machine.queueNumber(Unit::Mem, column.slice);
          w.offset =
              at + piece.first * outInterval + std::abs(position - center);
          int64_t step = piece.step * outInterval;
          w.inst = memRun(isa::Opcode::mem_write, column, piece, step);
          setField(w.inst, "dir", group.west);
          setField(w.inst, "last", 1);
          w.streamFields.push_back({fieldIndex(w.inst.opcode, "stream"),
                                    unsigned(t.groups.size()), byte});
          group.run.posHigh =
              std::max(group.run.posHigh, along(group.west, position));
          addRun(t, w, step, &column, true);
        }
      t.groups.push_back(group);
    }
  }

  if (builder.gap)
    return fail(llvm::formatv(
        "kernel '{0}': two operands of one operation complete {1} cycles "
        "apart; results stay readable for {2} cycles (history), and a move, "
        "which takes {3} cycles (delay_alu), does not meet them either; use a "
        "machine with a longer history",
        flow.name, *builder.gap, machine.history, machine.delayAlu));
  return true;
}
