//===- Writer.cpp - packages to files -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All sizes are known before the first byte, so the file is written from front
// to back: header, section table, section names, sections, and last the
// checksum of all that stands before it. Memory: the manifest and one piece of
// an image at a time.
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "lpu/Support/Check.h"
#include "lpu/Support/OutputFile.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

using namespace lpu;
using namespace lpu::binary;
namespace ELF = llvm::ELF;

namespace {

constexpr uint64_t pieceBytes = 1 << 20;

struct Section {
  std::string name;
  uint32_t type = ELF::SHT_PROGBITS;
  uint64_t flags = 0, alignment = 1, offset = 0, size = 0;
  uint32_t nameOffset = 0;
};

/// Passes bytes on and adds them to a checksum.
class HashingStream : public llvm::raw_ostream {
public:
  explicit HashingStream(llvm::raw_ostream &os)
      : raw_ostream(/*unbuffered=*/true), os(os) {}
  Checksum checksum;

private:
  llvm::raw_ostream &os;
  uint64_t position = 0;

  void write_impl(const char *bytes, size_t size) override {
    os.write(bytes, size);
    checksum.add({reinterpret_cast<const uint8_t *>(bytes), size});
    position += size;
  }
  uint64_t current_pos() const override { return position; }
};

class Writer {
public:
  Writer(const Package &package, llvm::raw_ostream &os)
      : package(package), os(os), manifest(toManifest(package)) {}

  llvm::Error run() {
    layOut();
    header();
    table();
    begin();
    os << names;
    manifestBytes();
    for (unsigned c = 0; c < package.classes.size(); ++c)
      text(c);
    for (unsigned c = 0; c < package.chips.size(); ++c)
      if (llvm::Error error = image(c))
        return error;
    if (sharedSize != 0)
      if (llvm::Error error = sharedImages())
        return error;
    for (const auto &[name, contents] : package.debug) {
      begin();
      os << contents;
    }
    begin();
    Checksum::Value value = os.checksum.final();
    os.write(reinterpret_cast<const char *>(value.data()), value.size());
    return llvm::Error::success();
  }

private:
  const Package &package;
  HashingStream os;
  manifest::Manifest manifest;
  std::vector<Section> sections; // without the null section
  std::string names;
  size_t next = 0; // section to be written
  uint64_t sharedSize = 0;

  void add(const std::string &name, uint64_t size, uint64_t alignment,
           uint64_t flags, uint32_t type = ELF::SHT_PROGBITS) {
    Section section;
    section.name = name;
    section.type = type;
    section.flags = flags;
    section.alignment = alignment;
    section.size = size;
    sections.push_back(std::move(section));
  }

  void layOut() {
    uint64_t lanes = package.machine.lanes;
    add(".shstrtab", 0, 1, 0, ELF::SHT_STRTAB);
    add(manifestSection, manifest.ByteSizeLong(), 8, 0);
    for (unsigned c = 0; c < package.classes.size(); ++c) {
      uint64_t rows = 0;
      for (const TextSegment &text : package.classes[c].text)
        rows += text.rows;
      add(textSection + std::to_string(c), rows * lanes, textAlignment,
          ELF::SHF_ALLOC | ELF::SHF_EXECINSTR);
    }
    for (unsigned c = 0; c < package.chips.size(); ++c) {
      uint64_t rows = 0;
      for (const manifest::ImageSegment &segment : manifest.chips(c).image())
        if (segment.shared())
          sharedSize =
              std::max(sharedSize, segment.offset() + segment.rows() * lanes);
        else if (!segment.zero())
          rows += segment.rows();
      add(imageSection + std::to_string(c), rows * lanes, imageAlignment,
          ELF::SHF_ALLOC | ELF::SHF_WRITE);
    }
    if (sharedSize != 0)
      add(sharedSection, sharedSize, imageAlignment,
          ELF::SHF_ALLOC | ELF::SHF_WRITE);
    for (const auto &[name, contents] : package.debug)
      add(debugSection + name, contents.size(), 1, 0);
    add(checksumSection, sizeof(Checksum::Value), 8, 0);
    names.push_back('\0');
    for (Section &section : sections) {
      section.nameOffset = uint32_t(names.size());
      names += section.name;
      names.push_back('\0');
    }
    sections.front().size = names.size();
    uint64_t offset = sizeof(ELF::Elf64_Ehdr) +
                      (sections.size() + 1) * sizeof(ELF::Elf64_Shdr);
    for (Section &section : sections) {
      section.offset = llvm::alignTo(offset, section.alignment);
      offset = section.offset + section.size;
    }
  }

  void header() {
    ELF::Elf64_Ehdr h = {};
    memcpy(h.e_ident, ELF::ElfMagic, 4);
    h.e_ident[ELF::EI_CLASS] = ELF::ELFCLASS64;
    h.e_ident[ELF::EI_DATA] = ELF::ELFDATA2LSB;
    h.e_ident[ELF::EI_VERSION] = ELF::EV_CURRENT;
    h.e_type = ELF::ET_EXEC;
    h.e_machine = elfMachine;
    h.e_version = ELF::EV_CURRENT;
    h.e_shoff = sizeof(h);
    h.e_ehsize = sizeof(h);
    h.e_shentsize = sizeof(ELF::Elf64_Shdr);
    // Past 0xff00 sections ELF keeps the true numbers in the null section.
    size_t count = sections.size() + 1;
    bool many = count >= ELF::SHN_LORESERVE;
    h.e_shnum = many ? 0 : uint16_t(count);
    h.e_shstrndx = many ? uint16_t(ELF::SHN_XINDEX) : 1;
    raw(h);
  }

  template <typename T> void raw(const T &value) {
    os.write(reinterpret_cast<const char *>(&value), sizeof(T));
  }

  /// Pads to the next section.
  void begin() {
    LPU_CHECK(os.tell() <= sections[next].offset, "section sizes add up");
    os.write_zeros(unsigned(sections[next].offset - os.tell()));
    ++next;
  }

  void manifestBytes() {
    begin();
    os << manifest.SerializeAsString();
  }

  void text(unsigned number) {
    begin();
    const ChipClass &chipClass = package.classes[number];
    unsigned chip = 0; // checkPackage: every class has one
    while (package.chips[chip].chipClass != number)
      ++chip;
    for (const TextSegment &text : chipClass.text)
      for (const ImageSegment &segment : package.chips[chip].image)
        if (segment.slice == text.slice && segment.bank == text.bank &&
            segment.row == text.row)
          os.write(reinterpret_cast<const char *>(segment.bytes.data()),
                   segment.bytes.size());
  }

  llvm::Error image(unsigned number) {
    begin();
    const Chip &chip = package.chips[number];
    for (const ImageSegment &segment : chip.image)
      if (!segment.isZero() && segment.share == 0 &&
          !isText(segment, package.classes[chip.chipClass]))
        if (llvm::Error error = contents(segment))
          return error;
    return llvm::Error::success();
  }

  /// Every shared segment once, in the order in which chips mention them.
  llvm::Error sharedImages() {
    begin();
    std::set<uint32_t> written;
    for (const Chip &chip : package.chips)
      for (const ImageSegment &segment : chip.image)
        if (segment.share != 0 && !segment.isZero() &&
            !isText(segment, package.classes[chip.chipClass]) &&
            written.insert(segment.share).second)
          if (llvm::Error error = contents(segment))
            return error;
    return llvm::Error::success();
  }

  llvm::Error contents(const ImageSegment &segment) {
    if (!segment.bytes.empty()) {
      os.write(reinterpret_cast<const char *>(segment.bytes.data()),
               segment.bytes.size());
      return llvm::Error::success();
    }
    // Whole rows at a time.
    std::vector<uint8_t> piece;
    uint64_t lanes = package.machine.lanes, size = segment.rows * lanes;
    uint64_t step = std::max<uint64_t>(1, pieceBytes / lanes) * lanes;
    for (uint64_t offset = 0; offset < size; offset += step) {
      piece.assign(std::min(step, size - offset), 0);
      if (llvm::Error error = segment.source(offset, piece))
        return error;
      os.write(reinterpret_cast<const char *>(piece.data()), piece.size());
    }
    return llvm::Error::success();
  }

  void table() {
    ELF::Elf64_Shdr null = {};
    size_t count = sections.size() + 1;
    if (count >= ELF::SHN_LORESERVE) {
      null.sh_size = count;
      null.sh_link = 1;
    }
    raw(null);
    for (const Section &section : sections) {
      ELF::Elf64_Shdr h = {};
      h.sh_name = section.nameOffset;
      h.sh_type = section.type;
      h.sh_flags = section.flags;
      h.sh_offset = section.offset;
      h.sh_size = section.size;
      h.sh_addralign = section.alignment;
      raw(h);
    }
  }
};

} // namespace

static llvm::Error checked(const Package &package, const llvm::Twine &where) {
  std::vector<std::string> violations = checkPackage(package);
  if (violations.empty())
    return llvm::Error::success();
  std::string message = ("cannot write " + where + ":").str();
  for (const std::string &violation : violations)
    message += "\n  " + violation;
  return llvm::createStringError(message);
}

llvm::Error lpu::writePackage(const Package &package, llvm::raw_ostream &os) {
  if (llvm::Error error = checked(package, "the package"))
    return error;
  return Writer(package, os).run();
}

llvm::Error lpu::writePackage(const Package &package, llvm::StringRef path) {
  if (llvm::Error error = checked(package, path))
    return error;
  return writeOutputFile(
      path, [&](llvm::raw_ostream &os) { return Writer(package, os).run(); });
}
