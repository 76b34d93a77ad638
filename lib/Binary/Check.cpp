//===- Check.cpp - what every package satisfies ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Binary/Package.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <array>
#include <cstring>
#include <map>
#include <set>

using namespace lpu;

namespace {

// Bounds on what is read from a file, far above any real package.
constexpr size_t maxRank = 16;
constexpr int64_t maxElements = int64_t(1) << 40;
constexpr uint64_t maxCycle = uint64_t(1) << 40;

class PackageChecker {
public:
  PackageChecker(const Package &package, unsigned limit)
      : p(package), m(package.machine), limit(limit) {}

  std::vector<std::string> run() {
    if (p.chips.empty())
      fail("there is no chip");
    if (p.interval > maxCycle)
      fail("the initiation interval is above 2^40 cycles");
    used.resize(p.classes.size());
    for (const Chip &chip : p.chips)
      if (chip.chipClass < used.size())
        used[chip.chipClass] = true;
    for (unsigned c = 0; c < p.classes.size(); ++c)
      chipClass(c);
    for (unsigned c = 0; c < p.chips.size(); ++c)
      chip(c);
    if (violations.empty())
      texts();
    wires();
    llvm::StringSet<> inputs, outputs;
    for (const TensorBinding &tensor : p.inputs)
      binding(tensor, "input", inputs);
    for (const TensorBinding &tensor : p.outputs)
      binding(tensor, "output", outputs);
    if (violations.empty() && p.replicas != 1)
      replicas();
    if (violations.empty())
      inputsApart();
    if (violations.empty() && p.interval != 0)
      intervals();
    return std::move(violations);
  }

private:
  const Package &p;
  const Machine &m;
  unsigned limit;
  std::vector<std::string> violations;
  std::vector<bool> used; // classes that have a chip
  struct Shared {
    unsigned rows;
    const uint8_t *bytes;
  };
  std::map<uint32_t, Shared> shared;
  std::map<unsigned, const Chip *> registersOf; // the first chip of a class

  void fail(const llvm::Twine &what) {
    if (violations.size() < limit)
      violations.push_back(what.str());
  }

  template <typename Place>
  bool rowsInside(const llvm::Twine &where, const Place &place, uint64_t rows) {
    if (place.slice >= m.numSlices() || place.bank > 1) {
      fail(where + ": slice " + llvm::Twine(place.slice) + " bank " +
           llvm::Twine(place.bank) + " does not exist; there are " +
           llvm::Twine(m.numSlices()) + " slices of 2 banks");
      return false;
    }
    if (rows < 1 || place.row + rows > m.rows) {
      fail(where + ": " + llvm::Twine(rows) + " rows from row " +
           llvm::Twine(place.row) + " on; a bank has rows 0 .. " +
           llvm::Twine(m.rows - 1));
      return false;
    }
    return true;
  }

  /// What the host writes is no text, no image and no other input.
  void inputsApart() {
    struct Rows {
      unsigned first, end;
      const TensorBinding *input; // null: of the image
    };
    std::map<std::array<unsigned, 3>, std::vector<Rows>> banks;
    for (const TensorBinding &input : p.inputs)
      for (const Placement &placement : input.placements)
        for (size_t c = 0; c < placement.columns.size(); ++c) {
          const Column &column = placement.columns[c];
          unsigned stripe =
              unsigned(c / byteWidth(input.chipType) % placement.stripes);
          unsigned rows =
              (placement.tensorRows + placement.stripes - 1 - stripe) /
              placement.stripes;
          banks[{column.chip, column.slice, column.bank}].push_back(
              {column.row, column.row + rows, &input});
        }
    for (unsigned c = 0; c < p.chips.size(); ++c)
      for (const ImageSegment &segment : p.chips[c].image)
        if (auto it = banks.find({c, segment.slice, segment.bank});
            it != banks.end())
          it->second.push_back(
              {segment.row, segment.row + segment.rows, nullptr});
    for (auto &[bank, all] : banks) {
      llvm::stable_sort(
          all, [](const Rows &a, const Rows &b) { return a.first < b.first; });
      for (size_t i = 1; i < all.size(); ++i) {
        const Rows &a = all[i - 1], &b = all[i];
        if (b.first >= a.end || (!a.input && !b.input))
          continue;
        const Rows &input = a.input ? a : b, &other = a.input ? b : a;
        fail("input '" + input.input->name + "': row " + llvm::Twine(b.first) +
             " of chip " + llvm::Twine(bank[0]) + " slice " +
             llvm::Twine(bank[1]) + " bank " + llvm::Twine(bank[2]) +
             " belongs to " +
             (other.input ? "input '" + other.input->name + "' too"
                          : std::string("the image or the text of the chip")));
      }
    }
  }

  void chipClass(unsigned number) {
    std::set<unsigned> queues;
    std::string where = "class " + std::to_string(number);
    for (const TextSegment &text : p.classes[number].text) {
      if (text.queue >= m.numQueues())
        fail(where + ": text of queue " + llvm::Twine(text.queue) +
             "; there are " + llvm::Twine(m.numQueues()) + " queues");
      if (!queues.insert(text.queue).second)
        fail(where + ": two texts of queue " + llvm::Twine(text.queue));
      rowsInside(where + ", text of queue " + llvm::Twine(text.queue), text,
                 text.rows);
    }
    if (!used[number])
      fail(where + ": no chip is of this class");
  }

  void chip(unsigned number) {
    const Chip &chip = p.chips[number];
    std::string where = "chip " + std::to_string(number);
    if (chip.chipClass >= p.classes.size())
      return fail(where + ": class " + llvm::Twine(chip.chipClass) +
                  " does not exist; there are " +
                  llvm::Twine(p.classes.size()));
    if (chip.start > maxCycle)
      fail(where + ": its start is above 2^40 cycles");
    links(where, chip);
    registers(where, chip);
    std::vector<const ImageSegment *> sorted;
    for (const ImageSegment &segment : chip.image) {
      std::string name = where + ", image of slice " +
                         std::to_string(segment.slice) + " bank " +
                         std::to_string(segment.bank) + " row " +
                         std::to_string(segment.row);
      if (!rowsInside(name, segment, segment.rows))
        continue;
      uint64_t size = uint64_t(segment.rows) * m.lanes;
      if (!segment.bytes.empty() && segment.bytes.size() != size)
        fail(name + ": " + llvm::Twine(segment.bytes.size()) + " bytes; " +
             llvm::Twine(segment.rows) + " rows of " + llvm::Twine(m.lanes) +
             " lanes take " + llvm::Twine(size));
      if (segment.share != 0) {
        auto [first, fresh] = shared.insert(
            {segment.share, {segment.rows, segment.bytes.data()}});
        if (!fresh && first->second.rows != segment.rows)
          fail(name + ": " + llvm::Twine(segment.rows) +
               " rows are shared with a segment of " +
               llvm::Twine(first->second.rows));
        else if (!fresh && !segment.bytes.empty() && first->second.bytes &&
                 first->second.bytes != segment.bytes.data() &&
                 memcmp(first->second.bytes, segment.bytes.data(),
                        segment.bytes.size()) != 0)
          fail(name + ": its bytes differ from those it is shared with");
      }
      sorted.push_back(&segment);
    }
    auto place = [](const ImageSegment *s) {
      return std::make_tuple(s->slice, s->bank, s->row);
    };
    llvm::sort(sorted, [&](const ImageSegment *a, const ImageSegment *b) {
      return place(a) < place(b);
    });
    for (size_t i = 1; i < sorted.size(); ++i) {
      const ImageSegment &a = *sorted[i - 1], &b = *sorted[i];
      if (a.slice == b.slice && a.bank == b.bank && b.row < a.row + a.rows)
        fail(where + ", slice " + llvm::Twine(a.slice) + " bank " +
             llvm::Twine(a.bank) + ": image rows " + llvm::Twine(a.row) +
             " .. " + llvm::Twine(a.row + a.rows - 1) + " and " +
             llvm::Twine(b.row) + " .. " + llvm::Twine(b.row + b.rows - 1) +
             " overlap");
    }
  }

  /// A relocation of links moves nothing to another position: it maps the links
  /// onto the ports, even to even.
  void links(const std::string &where, const Chip &chip) {
    if (chip.links.empty())
      return;
    if (chip.links.size() != m.links)
      return fail(where + ": " + llvm::Twine(chip.links.size()) +
                  " link ports; a chip has " + llvm::Twine(m.links));
    std::vector<bool> taken(m.links);
    for (unsigned link = 0; link < m.links; ++link) {
      unsigned port = chip.links[link];
      if (port >= m.links)
        return fail(where + ", link " + llvm::Twine(link) + ": port " +
                    llvm::Twine(port) + "; a chip has " + llvm::Twine(m.links));
      if (taken[port])
        fail(where + ", link " + llvm::Twine(link) + ": port " +
             llvm::Twine(port) + " stands for another link, too");
      taken[port] = true;
      if (port % 2 != link % 2)
        fail(where + ", link " + llvm::Twine(link) + ": port " +
             llvm::Twine(port) + " is at the other end of the chip");
    }
  }

  /// All chips of a class name the same registers: which accesses a relocation
  /// moves belongs to the class.
  void registers(const std::string &where, const Chip &chip) {
    std::set<std::pair<unsigned, unsigned>> named;
    for (const BaseRegister &base : chip.registers) {
      std::string name = where + ", base register " + std::to_string(base.reg) +
                         " of slice " + std::to_string(base.slice);
      if (base.slice >= m.numSlices() || base.reg < 1 || base.reg > 7)
        fail(name + ": there are " + llvm::Twine(m.numSlices()) +
             " slices with registers 1 .. 7 (0 is always 0)");
      else if (!named.insert({base.slice, base.reg}).second)
        fail(name + ": it is named twice");
      if (base.value > 65535)
        fail(name + ": " + llvm::Twine(base.value) + " has more than 16 bits");
    }
    auto [first, fresh] = registersOf.insert({chip.chipClass, &chip});
    if (!fresh &&
        !llvm::equal(chip.registers, first->second->registers,
                     [](const BaseRegister &a, const BaseRegister &b) {
                       return a.slice == b.slice && a.reg == b.reg;
                     }))
      fail(where + ": it names other base registers than another chip of its "
                   "class");
  }

  /// Text is an image segment of its own in every chip of a class, with equal
  /// bytes.
  void texts() {
    for (unsigned c = 0; c < p.classes.size(); ++c)
      for (const TextSegment &text : p.classes[c].text) {
        auto isText = [&](const ImageSegment &segment) {
          return segment.slice == text.slice && segment.bank == text.bank &&
                 segment.row == text.row && segment.rows == text.rows &&
                 !segment.bytes.empty();
        };
        const ImageSegment *first = nullptr;
        size_t place = 0; // in the image of the chip before: mostly the same
        for (unsigned k = 0; k < p.chips.size(); ++k) {
          if (p.chips[k].chipClass != c)
            continue;
          const auto &image = p.chips[k].image;
          if (place >= image.size() || !isText(image[place]))
            place = llvm::find_if(image, isText) - image.begin();
          const auto found = image.begin() + place;
          if (found == image.end()) {
            fail("chip " + llvm::Twine(k) + ": the text of queue " +
                 llvm::Twine(text.queue) + " is not in its image");
            continue;
          }
          if (!first)
            first = &*found;
          else if (first->bytes.data() != found->bytes.data() &&
                   first->bytes != found->bytes)
            fail("chip " + llvm::Twine(k) + ": the text of queue " +
                 llvm::Twine(text.queue) +
                 " differs from that of another chip of its class");
        }
      }
  }

  /// What the interval must hold, whatever the text is. How long the text takes
  /// is for the verifier to say.
  void intervals() {
    std::vector<uint64_t> restart;
    for (unsigned c = 0; c < p.classes.size(); ++c)
      restart.push_back(restartCycles(p, c));
    std::vector<HostPortCycles> port = hostPortCycles(p);
    for (unsigned c = 0; c < p.chips.size(); ++c) {
      uint64_t host = port[c].inputs + port[c].outputs;
      uint64_t again = restart[p.chips[c].chipClass];
      if (host + again > p.interval)
        fail("chip " + llvm::Twine(c) + ": its inputs and outputs take " +
             llvm::Twine(host) + " cycles of the host port, its restart " +
             llvm::Twine(again) + "; the initiation interval is " +
             llvm::Twine(p.interval));
    }
  }

  static bool sameBytes(const ImageSegment &a, const ImageSegment &b) {
    if (a.isZero() || b.isZero())
      return a.isZero() == b.isZero();
    return (a.share != 0 && a.share == b.share) ||
           (!a.bytes.empty() && a.bytes.size() == b.bytes.size() &&
            (a.bytes.data() == b.bytes.data() || a.bytes == b.bytes));
  }

  /// What a chip of a replica has in common with that of the first one.
  bool sameChip(const Chip &a, const Chip &b) const {
    return a.chipClass == b.chipClass && a.start == b.start &&
           llvm::equal(a.registers, b.registers,
                       [](const BaseRegister &x, const BaseRegister &y) {
                         return x.slice == y.slice && x.reg == y.reg &&
                                x.value == y.value;
                       }) &&
           llvm::equal(a.image, b.image,
                       [](const ImageSegment &x, const ImageSegment &y) {
                         return x.slice == y.slice && x.bank == y.bank &&
                                x.row == y.row && x.rows == y.rows &&
                                sameBytes(x, y);
                       });
  }

  static bool samePlacement(const Placement &a, const Placement &b,
                            unsigned chips) {
    return a.rowStride == b.rowStride && a.featureStride == b.featureStride &&
           a.groupSize == b.groupSize && a.groupsPerChunk == b.groupsPerChunk &&
           a.chunks == b.chunks && a.stripes == b.stripes &&
           a.tensorRows == b.tensorRows &&
           llvm::equal(
               a.columns, b.columns, [&](const Column &x, const Column &y) {
                 return x.chip + chips == y.chip && x.slice == y.slice &&
                        x.bank == y.bank && x.row == y.row;
               });
  }

  static unsigned linkOf(const Chip &chip, unsigned port) {
    auto link = llvm::find(chip.links, port);
    return chip.links.empty() ? port : unsigned(link - chip.links.begin());
  }

  /// Every replica is the first one on other chips; ports may differ.
  void replicas() {
    if (p.replicas == 0 || p.chips.size() % p.replicas != 0)
      return fail(llvm::Twine(p.chips.size()) + " chips are not " +
                  llvm::Twine(p.replicas) + " replicas of equally many");
    unsigned each = unsigned(p.chips.size() / p.replicas);
    for (unsigned c = each; c < p.chips.size(); ++c)
      if (!sameChip(p.chips[c % each], p.chips[c]))
        fail("chip " + llvm::Twine(c) + " of replica " + llvm::Twine(c / each) +
             " is not like chip " + llvm::Twine(c % each) +
             " of the first in class, start, registers and image");
    // Wires by link numbers of the text, counted from a replica's first chip.
    using Wire = std::tuple<unsigned, unsigned, unsigned, unsigned>;
    std::vector<std::set<Wire>> wires(p.replicas);
    for (const LinkWire &w : p.wires) {
      unsigned replica = w.fromChip / each;
      if (w.toChip / each != replica)
        fail("a wire leads from chip " + llvm::Twine(w.fromChip) + " to chip " +
             llvm::Twine(w.toChip) + " of another replica");
      wires[replica].insert(
          {w.fromChip % each, linkOf(p.chips[w.fromChip], w.fromLink),
           w.toChip % each, linkOf(p.chips[w.toChip], w.toLink)});
    }
    for (unsigned r = 1; r < p.replicas; ++r)
      if (wires[r] != wires[0])
        fail("the wires of replica " + llvm::Twine(r) +
             " are not those of the first");
    for (const auto *list : {&p.inputs, &p.outputs})
      for (const TensorBinding &tensor : *list) {
        size_t count = tensor.placements.size() / p.replicas;
        bool isCopied = count * p.replicas == tensor.placements.size();
        for (size_t i = 0; isCopied && i < tensor.placements.size(); ++i)
          isCopied =
              llvm::all_of(tensor.placements[i].columns,
                           [&](const Column &column) {
                             return column.chip / each == i / count;
                           }) &&
              samePlacement(tensor.placements[i % count], tensor.placements[i],
                            unsigned(i / count) * each);
        if (!isCopied)
          fail("'" + tensor.name +
               "' has other places in one replica than in "
               "another");
      }
  }

  void wires() {
    std::set<std::pair<unsigned, unsigned>> from, to;
    for (const LinkWire &wire : p.wires) {
      std::string where = "wire from chip " + std::to_string(wire.fromChip) +
                          " link " + std::to_string(wire.fromLink) +
                          " to chip " + std::to_string(wire.toChip) + " link " +
                          std::to_string(wire.toLink);
      if (wire.fromChip >= p.chips.size() || wire.toChip >= p.chips.size())
        fail(where + ": there are " + llvm::Twine(p.chips.size()) + " chips");
      if (wire.fromLink >= m.links || wire.toLink >= m.links)
        fail(where + ": a chip has " + llvm::Twine(m.links) + " links");
      if (!from.insert({wire.fromChip, wire.fromLink}).second)
        fail(where + ": another wire leaves the same port");
      if (!to.insert({wire.toChip, wire.toLink}).second)
        fail(where + ": another wire enters the same port");
    }
  }

  void binding(const TensorBinding &tensor, const char *kind,
               llvm::StringSet<> &names) {
    std::string where = std::string(kind) + " '" + tensor.name + "'";
    if (tensor.name.empty() || !names.insert(tensor.name).second)
      fail(where + ": the name is empty or used twice");
    bool hostTypeKnown = llvm::StringSwitch<bool>(tensor.hostType)
                             .Cases({"bool", "int8", "uint8", "int16"}, true)
                             .Cases({"uint16", "int32", "uint32"}, true)
                             .Cases({"int64", "uint64", "float16"}, true)
                             .Cases({"float32", "float64"}, true)
                             .Default(false);
    if (!hostTypeKnown)
      fail(where + ": unknown host type '" + tensor.hostType + "'");
    if (tensor.range && (tensor.chipType != isa::ElementType::i32 ||
                         tensor.range->minimum > tensor.range->maximum))
      fail(where + ": its range of values is empty, or it is no i32");
    if (unsigned(tensor.chipType) > unsigned(isa::ElementType::f32))
      return fail(where + ": unknown chip type " +
                  llvm::Twine(unsigned(tensor.chipType)));
    if (tensor.shape.size() > maxRank)
      return fail(where + ": rank " + llvm::Twine(tensor.shape.size()) +
                  "; at most " + llvm::Twine(maxRank));
    int64_t elements = 1;
    for (int64_t dim : tensor.shape) {
      if (dim < 1 || llvm::MulOverflow(elements, dim, elements) ||
          elements > maxElements)
        return fail(where + ": dimension " + llvm::Twine(dim) +
                    " is not positive, or there are more than 2^40 elements");
    }
    // An input that nothing reads has none.
    if (tensor.placements.empty() && llvm::StringRef(kind) != "input")
      fail(where + ": it has no place");
    for (const Placement &placement : tensor.placements)
      place(where, tensor, placement);
  }

  /// Largest value of sum stride[j] * i[j]; nullopt if negative or too large.
  static std::optional<int64_t> largest(llvm::ArrayRef<int64_t> shape,
                                        llvm::ArrayRef<int64_t> stride) {
    int64_t sum = 0;
    for (size_t j = 0; j < shape.size(); ++j) {
      int64_t term;
      if (stride[j] < 0 || llvm::MulOverflow(stride[j], shape[j] - 1, term) ||
          llvm::AddOverflow(sum, term, sum))
        return std::nullopt;
    }
    return sum;
  }

  void place(const std::string &where, const TensorBinding &tensor,
             const Placement &placement) {
    size_t rank = tensor.shape.size();
    if (placement.rowStride.size() != rank ||
        placement.featureStride.size() != rank)
      return fail(
          where + ": " + llvm::Twine(rank) + " dimensions, but " +
          llvm::Twine(placement.rowStride.size()) + " row strides and " +
          llvm::Twine(placement.featureStride.size()) + " feature strides");
    uint64_t chunk = uint64_t(placement.groupSize) * placement.groupsPerChunk;
    if (chunk < 1 || chunk > m.lanes)
      return fail(where + ": " + llvm::Twine(placement.groupsPerChunk) +
                  " groups of " + llvm::Twine(placement.groupSize) +
                  " features a chunk; a row has " + llvm::Twine(m.lanes) +
                  " lanes");
    if (placement.stripes < 1 || placement.tensorRows < 1)
      return fail(where + ": no stripes or no rows");
    uint64_t columns = uint64_t(placement.chunks) * placement.stripes;
    unsigned width = byteWidth(tensor.chipType);
    if (columns > placement.columns.size() ||
        columns * width != placement.columns.size())
      return fail(where + ": " + llvm::Twine(placement.columns.size()) +
                  " columns; " + llvm::Twine(placement.chunks) + " chunks x " +
                  llvm::Twine(placement.stripes) + " stripes x " +
                  llvm::Twine(width) + " bytes are needed");
    std::optional<int64_t> row = largest(tensor.shape, placement.rowStride);
    std::optional<int64_t> feature =
        largest(tensor.shape, placement.featureStride);
    if (!row || *row >= int64_t(placement.tensorRows))
      fail(where + ": its strides pass its " +
           llvm::Twine(placement.tensorRows) + " tensor rows");
    if (!feature || *feature >= int64_t(chunk * placement.chunks))
      fail(where + ": its strides pass its " +
           llvm::Twine(chunk * placement.chunks) + " features");
    uint64_t depth = llvm::divideCeil(placement.tensorRows, placement.stripes);
    for (const Column &column : placement.columns) {
      if (column.chip >= p.chips.size()) {
        fail(where + ": chip " + llvm::Twine(column.chip) + " of " +
             llvm::Twine(p.chips.size()));
        break;
      }
      if (!rowsInside(where, column, depth))
        break;
    }
  }
};

} // namespace

std::vector<std::string> lpu::checkPackage(const Package &package,
                                           unsigned limit) {
  return PackageChecker(package, limit).run();
}

/// docs/isa.md, section 9: one vector every `host_interval` cycles; an output
/// is read from its first placement.
std::vector<HostPortCycles> lpu::hostPortCycles(const Package &package) {
  std::vector<HostPortCycles> result(package.chips.size());
  auto add = [&](const TensorBinding &tensor, const Placement &placement,
                 uint64_t HostPortCycles::*sum) {
    unsigned width = isa::byteWidth(tensor.chipType);
    for (size_t c = 0; c < placement.columns.size(); ++c) {
      unsigned stripe = unsigned(c / width % placement.stripes);
      uint64_t rows = (placement.tensorRows + placement.stripes - 1 - stripe) /
                      placement.stripes;
      result[placement.columns[c].chip].*sum +=
          rows * package.machine.hostInterval;
    }
  };
  for (const TensorBinding &input : package.inputs)
    for (const Placement &placement : input.placements)
      add(input, placement, &HostPortCycles::inputs);
  for (const TensorBinding &output : package.outputs)
    for (unsigned r = 0; r < package.replicas && !output.placements.empty();
         ++r)
      add(output, package.readPlacement(output, r), &HostPortCycles::outputs);
  return result;
}

/// docs/isa.md, section 9: as many fetches at once as the fetch path carries,
/// each a row every fetchRowCycles().
uint64_t lpu::restartCycles(const Package &package, unsigned chipClass) {
  const Machine &m = package.machine;
  uint64_t bytes = 0, longest = 0;
  for (const TextSegment &text : package.classes[chipClass].text) {
    uint64_t rows = std::min(text.rows, m.bufferRows);
    bytes += rows * m.lanes;
    longest = std::max(longest, rows * m.fetchRowCycles());
  }
  return std::max(longest, llvm::divideCeil(bytes, m.fetchBytesPerCycle)) +
         m.delayFetch;
}

llvm::ArrayRef<uint8_t> Package::imageRow(unsigned chip, unsigned slice,
                                          unsigned bank, unsigned row) const {
  for (const ImageSegment &segment : chips[chip].image)
    if (segment.slice == slice && segment.bank == bank && row >= segment.row &&
        row - segment.row < segment.rows && !segment.bytes.empty())
      return segment.bytes.slice(size_t(row - segment.row) * machine.lanes,
                                 machine.lanes);
  return {};
}

llvm::Expected<std::vector<isa::Instruction>>
Package::decodeText(unsigned chip, const TextSegment &segment) const {
  std::vector<isa::Instruction> text;
  for (unsigned row = 0; row < segment.rows; ++row) {
    llvm::ArrayRef<uint8_t> bytes =
        imageRow(chip, segment.slice, segment.bank, segment.row + row);
    if (bytes.empty())
      return llvm::createStringError("text row " + llvm::Twine(row) +
                                     " is not in the image");
    for (unsigned i = 0; i < machine.instructionsPerRow(); ++i) {
      isa::Word word;
      llvm::copy(bytes.slice(size_t(i) * word.size(), word.size()),
                 word.begin());
      auto instruction = isa::decode(word);
      if (!instruction)
        return llvm::createStringError("instruction " +
                                       llvm::Twine(text.size()) + ": " +
                                       toString(instruction.takeError()));
      text.push_back(*instruction);
      if (instruction->opcode == isa::Opcode::halt)
        return text;
    }
  }
  return llvm::createStringError("the text has no halt");
}
