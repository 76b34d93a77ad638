//===- Layouts.cpp - layouts, matrix plans and stages ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layouts follow the data: a product has its columns where its stationary
// operand has them, an elementwise result stands where its largest operand
// stands. So [B, S, H*D] -> [B, H, S, D] and back never moves an element: heads
// are windows of lanes.
//
//===----------------------------------------------------------------------===//

#include "Products.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lpu::linalg_to_stream;

Layout lpu::linalg_to_stream::domainLayout(const Tensor &tensor) {
  return tensor.kind == Tensor::Reduce ? tensor.domainRows : tensor.layout;
}

bool lpu::linalg_to_stream::isAligned(const View &view, const Layout &layout,
                                      const Layout &domain) {
  std::optional<Place> place = placeOf(view, layout);
  if (!place || place->row != 0 || place->feature != 0 ||
      layout.rows != domain.rows)
    return false;
  for (unsigned d = 0; d < view.rank(); ++d) {
    if (view.sizes[d] == 1)
      continue;
    if (place->rowStride[d] != domain.row[d])
      return false;
    bool oneForAll = layout.isSplat && place->featureStride[d] == 0;
    if (!oneForAll && place->featureStride[d] != domain.feature[d])
      return false;
  }
  return layout.isSplat || layout.features == domain.features;
}

/// Light tensors on top of each other: what is asked about one goes through all
/// above it.
static constexpr unsigned lightDepthLimit = 128;

namespace {
class Assigner {
public:
  Assigner(Graph &graph, const lpu::Machine &machine)
      : graph(graph), machine(machine) {}

  LogicalResult run() {
    findHalfTables(graph);
    std::vector<Tensor *> given = std::move(graph.order);
    graph.order.clear();
    for (Tensor *each : given)
      decide(*each);
    finishOutputs();
    for (unsigned i = 0; i < graph.order.size(); ++i)
      graph.order[i]->id = i;
    checkSizes();
    return failure(failed);
  }

private:
  void decide(Tensor &t) {
    for (View &v : t.operands)
      if (Tensor *copy = storedInputs.lookup(v.source))
        v.source = copy;
    decideLight(t);
    if (!t.isLight) {
      switch (t.kind) {
      case Tensor::Gather:
        gather(t);
        break;
      case Tensor::Contract:
        contract(t);
        break;
      case Tensor::Map:
        map(t);
        break;
      case Tensor::Reduce:
        reduce(t);
        break;
      case Tensor::Join:
        join(t);
        break;
      case Tensor::Exchange:
        exchange(t);
        break;
      case Tensor::Input:
      case Tensor::Constant:
      case Tensor::Move:
        break;
      }
      decideStage(t);
    }
    graph.order.push_back(&t);
    if (t.kind == Tensor::Input && t.isNatural)
      storedInputs[&t] = &stored(t);
  }

  /// An input as a tensor that is stored in its natural layout.
  Tensor &stored(Tensor &input) {
    Tensor &copy = graph.add(Tensor::Map, input.location);
    copy.name = input.name;
    copy.shape = input.shape;
    copy.element = input.element;
    copy.range = input.range;
    copy.operands.push_back(wholeView(&input));
    copy.result = {ScalarOperand::Input, 0};
    copy.layout = ownLayout(input);
    input.users.push_back(&copy);
    decideStage(copy);
    graph.order.push_back(&copy);
    return copy;
  }

  /// Outputs that are elementwise tensors leave from where they are computed,
  /// others through a copy.
  void finishOutputs() {
    for (Output &output : graph.outputs) {
      if (Tensor *copy = storedInputs.lookup(output.view.source))
        output.view.source = copy;
      Tensor *source = output.view.source;
      bool isWhole = product(output.view.sizes) == product(source->shape);
      bool isDirect = !source->isLight && isWhole &&
                      source->kind == Tensor::Map &&
                      placeOf(output.view, source->layout);
      Layout natural = naturalLayout(output.view.sizes);
      isDirect &=
          !output.isNatural || isAligned(output.view, source->layout, natural);
      if (isDirect)
        continue;
      Tensor &copy = graph.add(Tensor::Map, output.location);
      copy.name = output.name;
      copy.shape = output.view.sizes;
      copy.element = source->element;
      copy.operands.push_back(output.view);
      copy.result = {ScalarOperand::Input, 0};
      copy.range = source->range;
      source->users.push_back(&copy);
      if (output.isNatural) {
        copy.layout = natural;
        makeReadable(copy, 0, natural);
      } else {
        map(copy);
      }
      decideStage(copy);
      graph.order.push_back(&copy);
      output.view = wholeView(&copy);
    }
    // A binding is one run of rows in one bank. Said here, before kernels are
    // made for every row.
    for (Output &output : graph.outputs) {
      Tensor &source = *output.view.source;
      source.isOutput = true;
      if (source.layout.rows <= int64_t(machine.rows))
        continue;
      failed = true;
      emitError(output.location)
          << "the model does not fit: output '" << output.name << "' takes "
          << source.layout.rows << " rows of one bank, a bank of '"
          << machine.name << "' has " << machine.rows
          << "; use smaller dimensions or a machine with more rows";
    }
  }

  /// What is moved stands in SRAM as a whole. Where it cannot, nobody need look
  /// at its elements.
  void checkSizes() {
    int64_t capacity = int64_t(machine.numSlices()) * 2 * machine.rows;
    for (Tensor *t : graph.order) {
      bool isStored = t->kind == Tensor::Join || t->kind == Tensor::Gather ||
                      t->kind == Tensor::Move || t->kind == Tensor::Exchange;
      int64_t chunks = (t->layout.features + machine.lanes - 1) / machine.lanes;
      if (!isStored ||
          chunks <= capacity / std::max<int64_t>(1, t->layout.rows))
        continue;
      report(*t, "the model does not fit: this takes " + Twine(t->layout.rows) +
                     " x " + Twine(chunks) +
                     " rows of SRAM at least, a chip of '" + machine.name +
                     "' has " + Twine(capacity) + "; use smaller dimensions");
    }
  }

  void report(Tensor &t, const Twine &reason) {
    failed = true;
    auto error = emitError(t.location);
    if (!t.name.empty())
      error << "ONNX node \"" << t.name << "\": ";
    error << reason << "; result " << t.element << "[";
    llvm::interleaveComma(t.shape, error);
    error << "]";
  }

  void decideLight(Tensor &t) {
    unsigned depth = 0;
    for (const View &v : t.operands)
      depth = std::max(depth, lightDepth.lookup(v.source) + 1);
    lightDepth[&t] = depth;
    switch (t.kind) {
    case Tensor::Input:
    case Tensor::Constant:
      t.isLight = true;
      break;
    case Tensor::Map:
    case Tensor::Reduce:
      // A light tensor is computed again for its readers, with all above it;
      // it can at least be made as a whole.
      t.isLight =
          depth <= lightDepthLimit &&
          llvm::all_of(t.operands,
                       [](const View &v) { return v.source->isLight; }) &&
          canMakeLight(wholeView(&t), ownLayout(t), machine.lanes);
      break;
    default:
      break;
    }
    for (const View &v : t.operands)
      v.source->users.push_back(&t);
  }

  //===--- Moves ---===//

  /// Whether a region in `domain` can read the view as it stands.
  bool isReadable(const View &v, const Layout &domain) {
    if (v.source->isLight)
      return true;
    std::optional<Place> place = placeOf(v, v.source->layout);
    return place && isReadableAt(*place, v.sizes, domain, machine.lanes);
  }

  /// Operand `number` of `t` through a tensor that is stored as it is: a light
  /// one that cannot be made where it is wanted, or one of another type.
  void copy(Tensor &t, unsigned number) {
    Tensor &from = *t.operands[number].source;
    Tensor *&copied = copies[&from];
    if (!copied) {
      copied = &graph.add(Tensor::Map, from.location);
      copied->name = from.name;
      copied->shape = from.shape;
      copied->element = from.element;
      copied->range = from.range;
      copied->operands.push_back(wholeView(&from));
      copied->result = {ScalarOperand::Input, 0};
      from.users.push_back(copied);
      if (from.isLight)
        copied->layout = ownLayout(from);
      else
        map(*copied);
      decideStage(*copied);
      graph.order.push_back(copied);
    }
    t.operands[number].source = copied;
    copied->users.push_back(&t);
    forget(from, t);
  }

  /// `t` may no longer read `from`.
  static void forget(Tensor &from, Tensor &t) {
    bool stillReads = llvm::any_of(
        t.operands, [&](const View &v) { return v.source == &from; });
    if (!stillReads)
      llvm::erase(from.users, &t);
  }

  /// Operand `number` of `t` through a tensor that stands in these rows and
  /// features (dimensions of the view, outermost first).
  void move(Tensor &t, unsigned number, ArrayRef<unsigned> rows,
            ArrayRef<unsigned> features) {
    View view = t.operands[number];
    Tensor &from = *view.source;
    // Repeated dimensions are not stored.
    for (unsigned d = 0; d < view.rank(); ++d)
      if (view.strides[d] == 0)
        view.sizes[d] = 1;
    // One dimension may walk rows and lanes of the source: split it. Where that
    // cannot be (rows are cut anew), elements are moved one by one.
    std::optional<View> fine = refined(view);
    if (!fine) {
      fine = View{&from, view.offset, {}, {}};
      for (unsigned d = 0; d < view.rank(); ++d)
        if (view.sizes[d] > 1) {
          fine->sizes.push_back(view.sizes[d]);
          fine->strides.push_back(view.strides[d]);
        }
    }
    SmallVector<unsigned, 6> fineRows, fineFeatures;
    SmallVector<SmallVector<unsigned, 2>, 6> parts(view.rank());
    unsigned next = 0;
    for (unsigned d = 0; d < view.rank(); ++d)
      for (int64_t left = view.sizes[d]; left > 1; ++next) {
        parts[d].push_back(next);
        left /= fine->sizes[next];
      }
    for (unsigned d : rows)
      fineRows.append(parts[d].begin(), parts[d].end());
    for (unsigned d : features)
      fineFeatures.append(parts[d].begin(), parts[d].end());
    Tensor &moved = graph.add(Tensor::Move, t.location);
    moved.name = t.name;
    moved.element = from.element;
    moved.range = from.range;
    moved.shape = fine->sizes;
    moved.operands.push_back(*fine);
    moved.layout = layoutOf(fine->sizes, fineRows, fineFeatures);
    moved.layout.isSplat = false; // a single feature stands in lane 0
    moved.users.push_back(&t);
    moved.stage = from.stage + 1;
    from.users.push_back(&moved);
    graph.order.push_back(&moved);

    View whole = wholeView(&moved);
    View seen{&moved, 0, t.operands[number].sizes, Sizes(view.rank(), 0)};
    for (unsigned d = 0; d < view.rank(); ++d)
      if (!parts[d].empty())
        seen.strides[d] = whole.strides[parts[d].back()];
    t.operands[number] = seen;
    forget(from, t);
  }

  void makeReadable(Tensor &t, unsigned number, const Layout &domain) {
    const View &v = t.operands[number];
    if (v.source->isLight && !canMakeLight(v, domain, machine.lanes))
      copy(t, number);
    if (!isReadable(v, domain))
      move(t, number, rowDims(v.sizes, domain), featureDims(v.sizes, domain));
  }

  void join(Tensor &t) {
    t.layout = naturalLayout(t.shape);
    auto isEven = [&] {
      return llvm::all_of(t.pieces, [&](const Sizes &low) {
        int64_t feature = 0;
        for (unsigned d = 0; d < low.size(); ++d)
          feature += low[d] * t.layout.feature[d];
        return feature % machine.lanes == 0;
      });
    };
    if (!isEven()) {
      // Lanes move: pieces are taken from where they stand.
      for (unsigned i = 0; i < t.operands.size(); ++i) {
        const View &v = t.operands[i];
        Layout domain = layoutOf(v.sizes, rowDims(v.sizes, t.layout),
                                 featureDims(v.sizes, t.layout));
        if (v.source->isLight && !canMakeLight(v, domain, machine.lanes))
          copy(t, i);
      }
      return;
    }
    for (unsigned i = 0; i < t.operands.size(); ++i)
      makeReadable(t, i,
                   layoutOf(t.operands[i].sizes, rowDims(t.shape, t.layout),
                            featureDims(t.shape, t.layout)));
  }

  //===--- Elementwise and reductions ---===//

  void map(Tensor &t) {
    std::optional<Layout> best;
    int64_t most = -1;
    for (const View &v : t.operands) {
      if (v.source->isLight)
        continue;
      std::optional<Place> place = placeOf(v, v.source->layout);
      if (!place)
        continue;
      int64_t covered = 1;
      for (unsigned d = 0; d < v.rank(); ++d)
        covered *= v.strides[d] ? v.sizes[d] : 1;
      std::optional<Layout> space =
          spaceOf(t.shape, *place, v.source->layout.isSplat, machine.lanes);
      if (space && covered > most) {
        most = covered;
        best = space;
      }
    }
    t.layout = best ? *best : naturalLayout(t.shape);
    for (unsigned i = 0; i < t.operands.size(); ++i)
      makeReadable(t, i, t.layout);
  }

  void reduce(Tensor &t) {
    const View &v = t.operands[0];
    if (v.source->isLight)
      copy(t, 0);
    std::optional<Place> place = placeOf(v, v.source->layout);
    SmallVector<unsigned, 4> reduced;
    for (unsigned d = 0; d < v.rank(); ++d)
      if (t.reduced[d] && v.sizes[d] > 1)
        reduced.push_back(d);
    std::optional<Layout> space;
    if (place)
      space = spaceOf(v.sizes, *place, v.source->layout.isSplat, machine.lanes,
                      reduced);
    bool isMoved = false;
    auto moveOperand = [&] {
      SmallVector<unsigned, 4> kept;
      for (unsigned d = 0; d < v.rank(); ++d)
        if (!t.reduced[d])
          kept.push_back(d);
      move(t, 0, kept, reduced);
      isMoved = true;
    };
    if (!space)
      moveOperand();
    if (!isMoved) {
      unsigned lanes = 0, kept = 0;
      for (unsigned d : reduced)
        lanes += space->feature[d] != 0;
      for (unsigned d = 0; d < v.rank(); ++d)
        kept += !t.reduced[d] && space->feature[d] != 0;
      bool isOnRows = lanes == 0,
           isOnBoth = !isOnRows && lanes != reduced.size();
      if (isOnBoth && kept == 0)
        return reduceInTwo(t, *space);
      if (isOnBoth || (!isOnRows && kept != 0))
        moveOperand();
      // Running reductions are in fp32; large integers need several, on lanes.
      else if (isOnRows && !t.isFloat() && !isExactInFloat(t))
        moveOperand();
    }
    if (isMoved && !failed) {
      place = placeOf(t.operands[0], t.operands[0].source->layout);
      space = place ? spaceOf(t.operands[0].sizes, *place, false, machine.lanes,
                              reduced)
                    : std::nullopt;
    }
    if (!space)
      return report(t, "the reduced elements would have to change lanes first");
    bool onLanes = llvm::all_of(
        reduced, [&](unsigned d) { return space->feature[d] != 0; });
    bool onRows =
        llvm::all_of(reduced, [&](unsigned d) { return space->row[d] != 0; });
    if (!onLanes && !onRows)
      return report(t, "a reduction over rows and lanes at once");
    if (onLanes)
      for (unsigned d = 0; d < v.rank(); ++d)
        if (!t.reduced[d] && space->feature[d] != 0)
          return report(t, "a reduction over a part of the lanes");
    t.domainRows = *space;
    t.layout = Layout();
    t.layout.isSplat = onLanes || space->isSplat;
    t.layout.features = onLanes ? 1 : space->features;
    int64_t period = 1;
    if (!onLanes)
      for (unsigned d : reduced)
        period *= v.sizes[d];
    t.layout.rows = space->rows / period;
    for (unsigned d = 0; d < v.rank(); ++d)
      if (!t.reduced[d]) {
        t.layout.row.push_back(space->row[d] / period);
        t.layout.feature.push_back(space->feature[d]);
      }
  }

  /// A reduction over rows and all lanes, of which no element moves: over the
  /// rows first, which leaves one row, then over its lanes; the other way for
  /// integers that a running reduction cannot hold.
  void reduceInTwo(Tensor &t, const Layout &space) {
    const View operand = t.operands[0];
    Tensor &from = *operand.source;
    const bool rowsFirst = t.isFloat() || isExactInFloat(t);
    Tensor &first = graph.add(Tensor::Reduce, t.location);
    first.name = t.name;
    first.element = t.element;
    first.reduceKind = t.reduceKind;
    // Partial sums are between an element and the sum of all.
    first.range = {std::min(from.range.low, t.range.low),
                   std::max(from.range.high, t.range.high)};
    SmallVector<bool, 6> left; // what the second one reduces
    for (unsigned d = 0; d < operand.rank(); ++d) {
      bool isOfRows = space.feature[d] == 0;
      first.reduced.push_back(t.reduced[d] && operand.sizes[d] > 1 &&
                              isOfRows == rowsFirst);
      if (first.reduced[d])
        continue;
      first.shape.push_back(operand.sizes[d]);
      left.push_back(t.reduced[d]);
    }
    first.operands.push_back(operand);
    first.users.push_back(&t);
    from.users.push_back(&first);
    t.operands[0] = wholeView(&first);
    t.reduced = left;
    forget(from, t);
    reduce(first);
    decideStage(first);
    graph.order.push_back(&first);
    if (!failed)
      reduce(t);
  }

  /// All of a tile crosses links, row by row.
  void exchange(Tensor &t) {
    if (t.operands[0].source->isLight)
      copy(t, 0);
    Layout rows = layoutOf(t.operands[0].sizes, {0u}, {1u});
    if (isRunning(*t.operands[0].source))
      copy(t, 0);
    if (!isTable(t.operands[0], rows))
      move(t, 0, {0u}, {1u});
    Tensor &from = *t.operands[0].source;
    // Half precision stays what it is, and moves keep it.
    for (Tensor *half = &from; t.element == "f16";
         half = half->operands[0].source) {
      half->feedsMatrix = true;
      if (half->kind != Tensor::Move)
        break;
    }
    t.layout = layoutOf(t.shape, {0u}, {1u});
    t.layout.isSplat = from.layout.isSplat;
  }

  //===--- Gathers and products ---===//

  void gather(Tensor &t) {
    unsigned indexRank = t.operands[1].rank();
    t.layout = Layout();
    t.layout.row.assign(t.shape.size(), 0);
    t.layout.feature.assign(t.shape.size(), 0);
    for (unsigned d = t.shape.size(); d-- > 0;) {
      if (t.shape[d] == 1)
        continue;
      if (d < indexRank) {
        t.layout.row[d] = t.layout.rows;
        t.layout.rows *= t.shape[d];
      } else {
        t.layout.feature[d] = t.layout.features;
        t.layout.features *= t.shape[d];
      }
    }
    for (unsigned number : {0u, 1u})
      if (isRunning(*t.operands[number].source))
        copy(t, number);
    // Rows of the table and one index per row, in lane 0.
    const View &table = t.operands[0];
    Layout rows = layoutOf(table.sizes, {0u}, {1u});
    if (table.source->kind != Tensor::Constant) {
      if (table.source->isLight && !isTable(table, rows))
        copy(t, 0);
      if (!table.source->isLight && !isTable(table, rows))
        move(t, 0, {0u}, {1u});
    }
    SmallVector<unsigned, 6> dims;
    for (unsigned d = 0; d < indexRank; ++d)
      dims.push_back(d);
    const View &index = t.operands[1];
    if (index.source->isLight &&
        !canMakeLight(index, layoutOf(index.sizes, dims, {}), machine.lanes))
      copy(t, 1);
    std::optional<Place> place;
    if (!index.source->isLight)
      place = placeOf(index, index.source->layout);
    bool isLane0 =
        index.source->isLight ||
        (place && place->feature % machine.lanes == 0 && onRows(*place, dims));
    if (!isLane0)
      move(t, 1, dims, {});
  }

  /// The view is all of a tile, row by row.
  bool isTable(const View &view, const Layout &rows) {
    const Tensor &from = *view.source;
    if (from.isLight && from.kind != Tensor::Input)
      return canMakeLight(view, rows, machine.lanes);
    const Layout layout = from.isLight ? inputLayout(view, rows) : from.layout;
    std::optional<Place> place = placeOf(view, layout);
    return place && place->row == 0 && place->feature == 0 &&
           place->rowStride[0] == rows.row[0] &&
           place->featureStride[1] == rows.feature[1] &&
           layout.rows == rows.rows && layout.features == rows.features;
  }

  /// Integers that a running reduction leaves as floats.
  static bool isRunning(const Tensor &t) {
    if (t.kind == Tensor::Move)
      return isRunning(*t.operands[0].source);
    return !t.isLight && t.kind == Tensor::Reduce && !t.isFloat() &&
           t.layout.rows != t.domainRows.rows;
  }

  void contract(Tensor &t, unsigned attempt = 0) {
    // Half precision is for the planes, tables are kept as they are.
    for (unsigned number : {0u, 1u}) {
      const Tensor &from = *t.operands[number].source;
      bool isWide =
          from.kind == Tensor::Gather
              ? from.isFloat() && !from.isHalfTable
              : from.kind == Tensor::Exchange && from.element == "f32";
      if (isWide)
        copy(t, number);
    }
    const View *views[2] = {&t.operands[0], &t.operands[1]};
    const unsigned width = t.isInteger ? 1 : 2;
    ProductSide sides[2] = {{*views[0], width, machine},
                            {*views[1], width, machine}};
    ProductDims dims;
    for (unsigned d = 0; d < t.domain.size(); ++d) {
      if (t.domain[d] == 1)
        continue;
      bool in[2] = {views[0]->strides[d] != 0, views[1]->strides[d] != 0};
      if (!llvm::is_contained(t.keptDims, d)) {
        if (!in[0] || !in[1])
          return report(t, "an operand of a product repeats along the sum");
        dims.k.push_back(d);
      } else if (in[0] && in[1]) {
        dims.batch.push_back(d);
      } else {
        dims.own[in[1]].push_back(d);
      }
    }
    if (planProduct(t, dims, sides, machine.lanes)) {
      for (const View *view : views)
        for (Tensor *from = view->source;; from = from->operands[0].source) {
          from->feedsMatrix = true; // a move keeps the precision
          if (from->kind != Tensor::Move)
            break;
        }
      views[t.plan.moving]->source->isMoving = true;
      return;
    }
    // What the host cannot place as it is wanted is stored first.
    bool isStored[2] = {sides[0].isFree && !sides[0].canMove(dims, 0, sides[1]),
                        sides[1].isFree && !sides[1].byRows(dims, 1)};
    for (unsigned number : {0u, 1u})
      if (isStored[number])
        copy(t, number);
    if (isStored[0] || isStored[1])
      return contract(t, attempt);
    // Move the stationary operand, or the moving one, or both.
    if (attempt == 2)
      return report(t,
                    "the operands of a product cannot be brought into place");
    auto moveSide = [&](unsigned number, ArrayRef<unsigned> rows,
                        ArrayRef<unsigned> features) {
      SmallVector<unsigned, 8> all(dims.batch.begin(), dims.batch.end());
      all.append(rows.begin(), rows.end());
      move(t, number, all, features);
    };
    if (!sides[0].canMove(dims, 0, sides[1]))
      moveSide(0, dims.own[0], dims.k);
    else
      moveSide(1, dims.k, dims.own[1]);
    if (!failed)
      contract(t, attempt + 1);
  }

  //===--- Stages ---===//

  void decideStage(Tensor &t) {
    for (const View &v : t.operands) {
      const Tensor &from = *v.source;
      if (from.isLight)
        continue;
      bool joins = t.isVector();
      if (joins && (from.isVector() || from.kind == Tensor::Contract)) {
        bool reducesRows = from.kind == Tensor::Reduce &&
                           from.layout.rows != from.domainRows.rows;
        joins = !reducesRows && isAligned(v, from.layout, domainLayout(t));
      }
      t.stage = std::max(t.stage, from.stage + !joins);
    }
    if (!t.isVector())
      ++t.stage;
    // What reads this exchange is no part of what the one before waits for.
    if (t.after)
      t.stage = std::max(t.stage, t.after->stage);
  }

  Graph &graph;
  const lpu::Machine &machine;
  llvm::DenseMap<Tensor *, Tensor *> copies;
  llvm::DenseMap<Tensor *, Tensor *> storedInputs;
  llvm::DenseMap<const Tensor *, unsigned> lightDepth; // tensors above
  bool failed = false;
};
} // namespace

LogicalResult
lpu::linalg_to_stream::assignLayouts(Graph &graph,
                                     const lpu::Machine &machine) {
  return Assigner(graph, machine).run();
}
