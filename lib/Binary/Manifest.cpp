//===- Manifest.cpp - package structs and their Protobuf form -------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "llvm/ADT/STLExtras.h"
#include <map>

using namespace lpu;
using namespace lpu::binary;

bool binary::isText(const ImageSegment &segment, const ChipClass &chipClass) {
  return llvm::any_of(chipClass.text, [&](const TextSegment &text) {
    return text.slice == segment.slice && text.bank == segment.bank &&
           text.row == segment.row && text.rows == segment.rows;
  });
}

template <typename Message, typename Struct>
static void setPlace(Message &message, const Struct &place) {
  message.set_slice(place.slice);
  message.set_bank(place.bank);
  message.set_row(place.row);
}

template <typename Struct, typename Message>
static void getPlace(Struct &place, const Message &message) {
  place.slice = message.slice();
  place.bank = message.bank();
  place.row = message.row();
}

static void toManifest(const TensorBinding &tensor, manifest::Tensor &out) {
  out.set_name(tensor.name);
  out.set_host_type(tensor.hostType);
  out.set_chip_type(manifest::ElementType(unsigned(tensor.chipType)));
  for (int64_t dim : tensor.shape)
    out.add_shape(dim);
  if (tensor.range) {
    out.mutable_range()->set_minimum(tensor.range->minimum);
    out.mutable_range()->set_maximum(tensor.range->maximum);
    out.mutable_range()->set_table(tensor.range->table);
  }
  for (const Placement &placement : tensor.placements) {
    manifest::Placement &p = *out.add_placements();
    for (int64_t stride : placement.rowStride)
      p.add_row_stride(stride);
    for (int64_t stride : placement.featureStride)
      p.add_feature_stride(stride);
    p.set_group_size(placement.groupSize);
    p.set_groups_per_chunk(placement.groupsPerChunk);
    p.set_chunks(placement.chunks);
    p.set_stripes(placement.stripes);
    p.set_tensor_rows(placement.tensorRows);
    for (const Column &column : placement.columns) {
      manifest::Column &c = *p.add_columns();
      c.set_chip(column.chip);
      setPlace(c, column);
    }
  }
}

static TensorBinding fromManifest(const manifest::Tensor &tensor) {
  TensorBinding out;
  out.name = tensor.name();
  out.hostType = tensor.host_type();
  out.chipType = isa::ElementType(unsigned(tensor.chip_type()));
  out.shape.assign(tensor.shape().begin(), tensor.shape().end());
  if (tensor.has_range())
    out.range = ValueRange{tensor.range().minimum(), tensor.range().maximum(),
                           tensor.range().table()};
  for (const manifest::Placement &placement : tensor.placements()) {
    Placement p;
    p.rowStride.assign(placement.row_stride().begin(),
                       placement.row_stride().end());
    p.featureStride.assign(placement.feature_stride().begin(),
                           placement.feature_stride().end());
    p.groupSize = placement.group_size();
    p.groupsPerChunk = placement.groups_per_chunk();
    p.chunks = placement.chunks();
    p.stripes = placement.stripes();
    p.tensorRows = placement.tensor_rows();
    for (const manifest::Column &column : placement.columns()) {
      Column c;
      c.chip = column.chip();
      getPlace(c, column);
      p.columns.push_back(c);
    }
    out.placements.push_back(std::move(p));
  }
  return out;
}

manifest::Manifest binary::toManifest(const Package &package) {
  manifest::Manifest out;
  out.set_format_version(package.formatVersion);
  out.set_compiler_version(package.compilerVersion);
  out.set_program_name(package.programName);
  out.set_machine(package.machine.text);
  out.set_cycles(package.cycles);
  out.set_interval(package.interval);
  if (package.replicas != 1)
    out.set_replicas(package.replicas);
  out.set_host_nodes(package.hostNodes);
  for (const ChipClass &chipClass : package.classes) {
    manifest::ChipClass &c = *out.add_classes();
    for (const TextSegment &text : chipClass.text) {
      manifest::TextSegment &t = *c.add_text();
      t.set_queue(text.queue);
      setPlace(t, text);
      t.set_rows(text.rows);
    }
  }
  std::map<uint32_t, uint64_t> shared; // offsets
  uint64_t sharedEnd = 0;
  for (const Chip &chip : package.chips) {
    manifest::Chip &c = *out.add_chips();
    c.set_chip_class(chip.chipClass);
    c.set_start(chip.start);
    for (unsigned port : chip.links)
      c.add_links(port);
    for (const BaseRegister &base : chip.registers) {
      manifest::BaseRegister &r = *c.add_registers();
      r.set_slice(base.slice);
      r.set_reg(base.reg);
      r.set_value(base.value);
    }
    uint64_t offset = 0;
    for (const ImageSegment &segment : chip.image) {
      if (isText(segment, package.classes[chip.chipClass]))
        continue;
      manifest::ImageSegment &s = *c.add_image();
      setPlace(s, segment);
      s.set_rows(segment.rows);
      if (segment.isZero()) {
        s.set_zero(true);
        continue;
      }
      uint64_t size = uint64_t(segment.rows) * package.machine.lanes;
      if (segment.share != 0) {
        auto [place, first] = shared.insert({segment.share, sharedEnd});
        if (first)
          sharedEnd += size;
        s.set_shared(true);
        s.set_offset(place->second);
        continue;
      }
      s.set_offset(offset);
      offset += size;
    }
  }
  for (const LinkWire &wire : package.wires) {
    manifest::Wire &w = *out.add_wires();
    w.set_from_chip(wire.fromChip);
    w.set_from_link(wire.fromLink);
    w.set_to_chip(wire.toChip);
    w.set_to_link(wire.toLink);
  }
  for (const TensorBinding &tensor : package.inputs)
    ::toManifest(tensor, *out.add_inputs());
  for (const TensorBinding &tensor : package.outputs)
    ::toManifest(tensor, *out.add_outputs());
  return out;
}

llvm::Expected<Package>
binary::fromManifest(const manifest::Manifest &manifest,
                     std::vector<std::vector<Offset>> &offsets) {
  Package out;
  out.formatVersion = manifest.format_version();
  if (out.formatVersion != knownFormatVersion)
    return llvm::createStringError(
        "format version " + llvm::Twine(out.formatVersion) +
        "; this program reads version " + llvm::Twine(knownFormatVersion));
  out.compilerVersion = manifest.compiler_version();
  out.programName = manifest.program_name();
  auto machine = parseMachine(manifest.machine(), "embedded machine");
  if (!machine)
    return machine.takeError();
  out.machine = std::move(*machine);
  out.cycles = manifest.cycles();
  out.interval = manifest.interval();
  out.replicas = std::max(1u, manifest.replicas());
  out.hostNodes = manifest.host_nodes();
  for (const manifest::ChipClass &chipClass : manifest.classes()) {
    ChipClass c;
    for (const manifest::TextSegment &text : chipClass.text()) {
      TextSegment t;
      t.queue = text.queue();
      getPlace(t, text);
      t.rows = text.rows();
      c.text.push_back(t);
    }
    out.classes.push_back(std::move(c));
  }
  for (const manifest::Chip &chip : manifest.chips()) {
    Chip c;
    c.chipClass = chip.chip_class();
    c.start = chip.start();
    c.links.assign(chip.links().begin(), chip.links().end());
    for (const manifest::BaseRegister &base : chip.registers())
      c.registers.push_back({base.slice(), base.reg(), base.value()});
    std::vector<Offset> chipOffsets;
    for (const manifest::ImageSegment &segment : chip.image()) {
      ImageSegment s;
      getPlace(s, segment);
      s.rows = segment.rows();
      c.image.push_back(std::move(s));
      chipOffsets.push_back(
          {segment.offset(), segment.zero(), segment.shared()});
    }
    out.chips.push_back(std::move(c));
    offsets.push_back(std::move(chipOffsets));
  }
  for (const manifest::Wire &wire : manifest.wires())
    out.wires.push_back(
        {wire.from_chip(), wire.from_link(), wire.to_chip(), wire.to_link()});
  for (const manifest::Tensor &tensor : manifest.inputs())
    out.inputs.push_back(::fromManifest(tensor));
  for (const manifest::Tensor &tensor : manifest.outputs())
    out.outputs.push_back(::fromManifest(tensor));
  return out;
}
