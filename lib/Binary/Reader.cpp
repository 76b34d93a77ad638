//===- Reader.cpp - files to packages -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing in the file is trusted: every offset and size is compared with the
// size of the file before it is used, the checksum must fit, and checkPackage
// judges the rest. Image bytes stay in the mapped file.
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>

using namespace lpu;
using namespace lpu::binary;
namespace ELF = llvm::ELF;

namespace {

constexpr uint64_t maxManifestBytes = uint64_t(1) << 30;

class Reader {
public:
  explicit Reader(llvm::ArrayRef<uint8_t> file) : file(file) {}

  llvm::Expected<Package> run() {
    if (llvm::Error error = readSections())
      return std::move(error);
    if (llvm::Error error = checksum())
      return std::move(error);
    auto bytes = take(manifestSection);
    if (!bytes)
      return bytes.takeError();
    manifest::Manifest manifest;
    if (bytes->size() > maxManifestBytes ||
        !manifest.ParseFromArray(bytes->data(), int(bytes->size())))
      return damaged("its manifest is not readable");
    std::vector<std::vector<Offset>> offsets;
    auto package = fromManifest(manifest, offsets);
    if (!package)
      return package.takeError();
    if (llvm::Error error = images(*package, offsets))
      return std::move(error);
    if (llvm::Error error = texts(*package))
      return std::move(error);
    for (const auto &[name, section] : ordered) {
      if (sections.count(name) == 0)
        continue; // taken
      llvm::StringRef rest = name;
      if (!rest.consume_front(debugSection))
        return damaged("unknown section '" + name + "'");
      package->debug.emplace_back(rest.str(),
                                  std::string(section.begin(), section.end()));
    }
    std::vector<std::string> violations = checkPackage(*package);
    if (!violations.empty()) {
      std::string message;
      for (const std::string &violation : violations)
        message += "\n  " + violation;
      return damaged(message);
    }
    return package;
  }

private:
  llvm::ArrayRef<uint8_t> file;
  llvm::StringMap<llvm::ArrayRef<uint8_t>> sections;
  std::vector<std::pair<std::string, llvm::ArrayRef<uint8_t>>> ordered;

  static llvm::Error damaged(const llvm::Twine &what) {
    return llvm::createStringError("damaged package: " + what);
  }

  template <typename T> T read(uint64_t offset) const {
    T value;
    memcpy(&value, file.data() + offset, sizeof(T));
    return value;
  }
  bool inside(uint64_t offset, uint64_t size) const {
    return offset <= file.size() && size <= file.size() - offset;
  }

  llvm::Error readSections() {
    if (file.size() < sizeof(ELF::Elf64_Ehdr) ||
        memcmp(file.data(), ELF::ElfMagic, 4) != 0)
      return llvm::createStringError("not a package: no ELF header");
    auto h = read<ELF::Elf64_Ehdr>(0);
    if (h.e_ident[ELF::EI_CLASS] != ELF::ELFCLASS64 ||
        h.e_ident[ELF::EI_DATA] != ELF::ELFDATA2LSB ||
        h.e_machine != elfMachine)
      return llvm::createStringError(
          "not a package: an ELF file for another machine");
    ELF::Elf64_Ehdr expected = {};
    memcpy(expected.e_ident, ELF::ElfMagic, 4);
    expected.e_ident[ELF::EI_CLASS] = ELF::ELFCLASS64;
    expected.e_ident[ELF::EI_DATA] = ELF::ELFDATA2LSB;
    expected.e_ident[ELF::EI_VERSION] = ELF::EV_CURRENT;
    expected.e_type = ELF::ET_EXEC;
    expected.e_machine = elfMachine;
    expected.e_version = ELF::EV_CURRENT;
    expected.e_ehsize = sizeof(h);
    expected.e_shentsize = sizeof(ELF::Elf64_Shdr);
    expected.e_shoff = h.e_shoff;
    expected.e_shnum = h.e_shnum;
    expected.e_shstrndx = h.e_shstrndx;
    if (memcmp(&h, &expected, sizeof(h)) != 0)
      return damaged("a field of its ELF header has no legal value");
    if (!inside(h.e_shoff, sizeof(ELF::Elf64_Shdr)))
      return damaged("its section table lies outside the file");
    auto null = read<ELF::Elf64_Shdr>(h.e_shoff);
    uint64_t count = h.e_shnum ? h.e_shnum : null.sh_size;
    uint64_t names =
        h.e_shstrndx == ELF::SHN_XINDEX ? null.sh_link : h.e_shstrndx;
    if (count < 2 || count > file.size() / sizeof(ELF::Elf64_Shdr) ||
        !inside(h.e_shoff, count * sizeof(ELF::Elf64_Shdr)) || names >= count)
      return damaged("its section table lies outside the file");
    auto section = [&](uint64_t number) {
      return read<ELF::Elf64_Shdr>(h.e_shoff +
                                   number * sizeof(ELF::Elf64_Shdr));
    };
    auto strings = section(names);
    if (!inside(strings.sh_offset, strings.sh_size) || strings.sh_size == 0 ||
        file[strings.sh_offset + strings.sh_size - 1] != 0)
      return damaged("its section names are not readable");
    const char *text =
        reinterpret_cast<const char *>(file.data()) + strings.sh_offset;
    std::vector<std::pair<uint64_t, uint64_t>> used = {{0, sizeof(h)}};
    for (uint64_t i = 1; i < count; ++i) {
      auto s = section(i);
      if (s.sh_addr != 0 || s.sh_link != 0 || s.sh_info != 0 ||
          s.sh_entsize != 0 ||
          s.sh_type != (i == names ? ELF::SHT_STRTAB : ELF::SHT_PROGBITS))
        return damaged("a field of section " + llvm::Twine(i) +
                       " has no legal value");
      if (s.sh_name >= strings.sh_size)
        return damaged("section " + llvm::Twine(i) + " has no name");
      llvm::StringRef name(text + s.sh_name);
      if (!inside(s.sh_offset, s.sh_size))
        return damaged("section '" + name + "' lies outside the file");
      used.emplace_back(s.sh_offset, s.sh_size);
      if (i == names)
        continue;
      llvm::ArrayRef<uint8_t> bytes = file.slice(s.sh_offset, s.sh_size);
      if (!sections.try_emplace(name, bytes).second)
        return damaged("two sections are named '" + name + "'");
      ordered.emplace_back(name.str(), bytes);
    }
    used.emplace_back(h.e_shoff, count * sizeof(ELF::Elf64_Shdr));
    return readGaps(std::move(used));
  }

  /// The last section covers every byte before it, and ends the file.
  llvm::Error checksum() {
    auto stated = take(checksumSection);
    if (!stated)
      return stated.takeError();
    Checksum sum;
    if (stated->size() != sizeof(Checksum::Value) ||
        stated->end() != file.end())
      return damaged("the file does not end with its checksum");
    sum.add(file.drop_back(stated->size()));
    Checksum::Value found = sum.final();
    if (*stated != llvm::ArrayRef<uint8_t>(found))
      return damaged("its checksum does not fit its contents: it was changed "
                     "after it was written");
    return llvm::Error::success();
  }

  /// Parts of the file do not overlap, and what lies between them is zero.
  llvm::Error readGaps(std::vector<std::pair<uint64_t, uint64_t>> used) {
    llvm::sort(used);
    uint64_t end = 0;
    for (auto [offset, size] : used) {
      if (offset < end)
        return damaged("its sections overlap");
      if (llvm::any_of(file.slice(end, offset - end),
                       [](uint8_t byte) { return byte != 0; }))
        return damaged("bytes between its sections are not zero");
      end = offset + size;
    }
    return llvm::Error::success();
  }

  llvm::Expected<llvm::ArrayRef<uint8_t>> take(const llvm::Twine &name) {
    auto found = sections.find(name.str());
    if (found == sections.end())
      return damaged("there is no section '" + name + "'");
    llvm::ArrayRef<uint8_t> bytes = found->second;
    sections.erase(found);
    return bytes;
  }

  /// Rows of a segment in bytes, if the segment can exist at all: bounds what
  /// a damaged manifest makes us allocate or add up.
  static llvm::Expected<uint64_t> size(uint64_t rows, const Machine &machine) {
    if (rows < 1 || rows > machine.rows)
      return damaged("a segment of " + llvm::Twine(rows) +
                     " rows; a bank has " + llvm::Twine(machine.rows));
    return rows * machine.lanes;
  }

  llvm::Error images(Package &package,
                     const std::vector<std::vector<Offset>> &offsets) {
    std::shared_ptr<std::vector<uint8_t>> zeros;
    llvm::ArrayRef<uint8_t> shared;
    if (sections.count(sharedSection))
      shared = *take(sharedSection);
    uint64_t sharedEnd = 0;
    std::map<uint64_t, std::pair<uint32_t, uint32_t>> sharedSegments;
    for (size_t c = 0; c < package.chips.size(); ++c) {
      auto bytes = take(imageSection + llvm::Twine(c));
      if (!bytes)
        return bytes.takeError();
      uint64_t end = 0;
      for (size_t i = 0; i < offsets[c].size(); ++i) {
        ImageSegment &segment = package.chips[c].image[i];
        auto length = size(segment.rows, package.machine);
        if (!length)
          return length.takeError();
        if (offsets[c][i].zero) {
          // One run of zeros, as long as a bank, serves all such segments.
          if (!zeros) {
            zeros = std::make_shared<std::vector<uint8_t>>(
                uint64_t(package.machine.rows) * package.machine.lanes);
            package.storage.push_back(zeros);
          }
          segment.bytes = llvm::ArrayRef<uint8_t>(*zeros).take_front(*length);
          segment.zero = true;
          continue;
        }
        if (offsets[c][i].shared) {
          // By offset: number and rows. New ones follow one another.
          uint64_t at = offsets[c][i].offset;
          auto known = sharedSegments.find(at);
          if (known == sharedSegments.end()) {
            if (at != sharedEnd || *length > shared.size() - at)
              return damaged("the shared image has " +
                             llvm::Twine(shared.size()) +
                             " bytes; its segments need others");
            sharedEnd += *length;
            known = sharedSegments
                        .insert({at,
                                 {uint32_t(sharedSegments.size() + 1),
                                  segment.rows}})
                        .first;
          } else if (known->second.second != segment.rows) {
            return damaged("a shared segment has different lengths");
          }
          segment.share = known->second.first;
          segment.bytes = shared.slice(at, *length);
          continue;
        }
        if (offsets[c][i].offset != end || *length > bytes->size() - end)
          return damaged("the image of chip " + llvm::Twine(c) + " has " +
                         llvm::Twine(bytes->size()) +
                         " bytes; its segments need others");
        segment.bytes = bytes->slice(end, *length);
        end += *length;
      }
      if (end != bytes->size())
        return damaged("the image of chip " + llvm::Twine(c) + " has " +
                       llvm::Twine(bytes->size()) +
                       " bytes; its segments take " + llvm::Twine(end));
    }
    if (sharedEnd != shared.size())
      return damaged("the shared image has " + llvm::Twine(shared.size()) +
                     " bytes; its segments take " + llvm::Twine(sharedEnd));
    return llvm::Error::success();
  }

  llvm::Error texts(Package &package) {
    std::vector<std::vector<Chip *>> chips(package.classes.size());
    for (Chip &chip : package.chips)
      if (chip.chipClass < chips.size()) // checkPackage reports the others
        chips[chip.chipClass].push_back(&chip);
    for (unsigned c = 0; c < package.classes.size(); ++c) {
      auto bytes = take(textSection + llvm::Twine(c));
      if (!bytes)
        return bytes.takeError();
      llvm::ArrayRef<uint8_t> rest = *bytes;
      for (const TextSegment &text : package.classes[c].text) {
        auto length = size(text.rows, package.machine);
        if (!length)
          return length.takeError();
        if (*length > rest.size())
          return damaged("the text of class " + llvm::Twine(c) + " has " +
                         llvm::Twine(bytes->size()) +
                         " bytes; its segments need more");
        ImageSegment segment;
        segment.slice = text.slice;
        segment.bank = text.bank;
        segment.row = text.row;
        segment.rows = text.rows;
        segment.bytes = rest.take_front(*length);
        rest = rest.drop_front(*length);
        for (Chip *chip : chips[c])
          chip->image.push_back(segment);
      }
      if (!rest.empty())
        return damaged("the text of class " + llvm::Twine(c) + " has " +
                       llvm::Twine(rest.size()) +
                       " bytes that no segment takes");
    }
    return llvm::Error::success();
  }
};

} // namespace

llvm::Expected<Package> lpu::readPackage(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot read " + path + ": " +
                                   buffer.getError().message());
  return readPackage(std::move(*buffer));
}

llvm::Expected<Package>
lpu::readPackage(std::unique_ptr<llvm::MemoryBuffer> buffer) {
  llvm::StringRef bytes = buffer->getBuffer();
  llvm::ArrayRef<uint8_t> file(reinterpret_cast<const uint8_t *>(bytes.data()),
                               bytes.size());
  auto package = Reader(file).run();
  if (!package)
    return llvm::createStringError(buffer->getBufferIdentifier() + ": " +
                                   toString(package.takeError()));
  package->file = file;
  package->storage.push_back(
      std::shared_ptr<llvm::MemoryBuffer>(std::move(buffer)));
  return package;
}
