//===- Npz.cpp - zip container of NumPy archives --------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The zip side (APPNOTE.TXT 6.3.10: sections 4.3.7 local header, 4.3.12 central
// directory, 4.3.14 to 4.3.16 end records, 4.5.3 zip64). The central directory
// is the truth; a local header only tells where its data begins.
//
//===----------------------------------------------------------------------===//

#include "lpu/Session/Npz.h"
#include "Npy.h"
#include "lpu/Support/OutputFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <zlib.h>

using namespace llvm;
using namespace lpu;
using support::endian::read16le;
using support::endian::read32le;
using support::endian::read64le;

namespace {

constexpr uint32_t localSignature = 0x04034b50, centralSignature = 0x02014b50,
                   endSignature = 0x06054b50, end64Signature = 0x06064b50,
                   end64LocatorSignature = 0x07064b50;
constexpr uint64_t localBytes = 30, centralBytes = 46, endBytes = 22,
                   end64Bytes = 56, end64LocatorBytes = 20;
constexpr uint16_t methodStored = 0, methodDeflate = 8;

/// One file of the archive, as the central directory has it.
struct Entry {
  StringRef name;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint64_t packedBytes = 0, bytes = 0, headerOffset = 0;
  ArrayRef<uint8_t> packed;
};

class ZipReader {
public:
  ZipReader(StringRef path, ArrayRef<uint8_t> file, const NpzLimits &limits)
      : path(path), file(file), limits(limits) {}

  Expected<std::vector<Entry>> entries();
  Expected<std::vector<uint8_t>> unpack(const Entry &entry);
  Error error(const Twine &what) const {
    return createStringError(Twine(path) + ": " + what);
  }

private:
  Error findDirectory(uint64_t &offset, uint64_t &bytes, uint64_t &count);
  Expected<Entry> readCentral(ArrayRef<uint8_t> &rest);
  Error readZip64(Entry &entry, ArrayRef<uint8_t> extra);
  Error locate(Entry &entry);
  bool inFile(uint64_t offset, uint64_t bytes) const {
    return offset <= file.size() && bytes <= file.size() - offset;
  }

  StringRef path;
  ArrayRef<uint8_t> file;
  const NpzLimits &limits;
};

} // namespace

Error ZipReader::findDirectory(uint64_t &offset, uint64_t &bytes,
                               uint64_t &count) {
  if (file.size() < endBytes || read32le(file.data()) != localSignature) {
    // An archive without arrays starts with the end record.
    if (file.size() < endBytes || read32le(file.data()) != endSignature)
      return error("not an .npz file (no zip signature); write it with "
                   "numpy.savez(path, name=array, ...)");
  }
  // The end record is the last thing, but for a comment of at most 64 KiB.
  uint64_t last = file.size() - endBytes;
  uint64_t first = last > 0xffff ? last - 0xffff : 0;
  for (uint64_t at = last + 1; at-- > first;) {
    const uint8_t *end = file.data() + at;
    if (read32le(end) != endSignature ||
        at + endBytes + read16le(end + 20) != file.size())
      continue;
    count = read16le(end + 10);
    bytes = read32le(end + 12);
    offset = read32le(end + 16);
    if (read16le(end + 4) != 0 || read16le(end + 6) != 0)
      return error("an archive in several parts is not read");
    if (count == 0xffff || bytes == 0xffffffff || offset == 0xffffffff) {
      if (at < end64LocatorBytes ||
          read32le(end - end64LocatorBytes) != end64LocatorSignature)
        return error("damaged: the zip64 locator is missing");
      uint64_t end64 = read64le(end - end64LocatorBytes + 8);
      if (!inFile(end64, end64Bytes) ||
          read32le(file.data() + end64) != end64Signature)
        return error("damaged: the zip64 end record is missing");
      count = read64le(file.data() + end64 + 32);
      bytes = read64le(file.data() + end64 + 40);
      offset = read64le(file.data() + end64 + 48);
    }
    return Error::success();
  }
  return error("damaged or cut off: no end of the archive's directory (" +
               Twine(file.size()) + " bytes)");
}

Error ZipReader::readZip64(Entry &entry, ArrayRef<uint8_t> extra) {
  // Only the fields whose 32-bit form is all ones are present, in this order.
  uint64_t *wanted[] = {&entry.bytes, &entry.packedBytes, &entry.headerOffset};
  bool need =
      llvm::any_of(wanted, [](uint64_t *v) { return *v == 0xffffffff; });
  while (need && extra.size() >= 4) {
    uint16_t id = read16le(extra.data()), size = read16le(extra.data() + 2);
    extra = extra.drop_front(4);
    if (size > extra.size())
      break;
    ArrayRef<uint8_t> field = extra.take_front(size);
    extra = extra.drop_front(size);
    if (id != 1)
      continue;
    for (uint64_t *value : wanted) {
      if (*value != 0xffffffff)
        continue;
      if (field.size() < 8)
        return error("damaged: short zip64 sizes of '" + entry.name + "'");
      *value = read64le(field.data());
      field = field.drop_front(8);
    }
    return Error::success();
  }
  return need ? error("damaged: no zip64 sizes for '" + entry.name + "'")
              : Error::success();
}

Expected<Entry> ZipReader::readCentral(ArrayRef<uint8_t> &rest) {
  if (rest.size() < centralBytes || read32le(rest.data()) != centralSignature)
    return error("damaged: the directory of the archive is cut off");
  const uint8_t *record = rest.data();
  uint64_t nameBytes = read16le(record + 28),
           extraBytes = read16le(record + 30),
           commentBytes = read16le(record + 32);
  if (rest.size() - centralBytes < nameBytes + extraBytes + commentBytes)
    return error("damaged: a name in the directory of the archive is cut off");
  Entry entry;
  entry.name = StringRef(reinterpret_cast<const char *>(record) + centralBytes,
                         nameBytes);
  if (read16le(record + 8) & 1)
    return error("'" + entry.name + "' is encrypted, which is not read");
  entry.method = read16le(record + 10);
  entry.crc = read32le(record + 16);
  entry.packedBytes = read32le(record + 20);
  entry.bytes = read32le(record + 24);
  entry.headerOffset = read32le(record + 42);
  if (Error e =
          readZip64(entry, rest.slice(centralBytes + nameBytes, extraBytes)))
    return std::move(e);
  rest = rest.drop_front(centralBytes + nameBytes + extraBytes + commentBytes);
  return entry;
}

Error ZipReader::locate(Entry &entry) {
  if (!inFile(entry.headerOffset, localBytes) ||
      read32le(file.data() + entry.headerOffset) != localSignature)
    return error("damaged: '" + entry.name +
                 "' does not start where the directory says");
  const uint8_t *local = file.data() + entry.headerOffset;
  uint64_t begin = entry.headerOffset + localBytes + read16le(local + 26) +
                   read16le(local + 28);
  if (!inFile(begin, entry.packedBytes))
    return error("damaged or cut off: '" + entry.name + "' should hold " +
                 Twine(entry.packedBytes) + " bytes from offset " +
                 Twine(begin) + ", but the file has " + Twine(file.size()));
  entry.packed = file.slice(begin, entry.packedBytes);
  return Error::success();
}

Expected<std::vector<Entry>> ZipReader::entries() {
  uint64_t offset = 0, bytes = 0, count = 0;
  if (Error e = findDirectory(offset, bytes, count))
    return std::move(e);
  if (!inFile(offset, bytes))
    return error("damaged: the directory of the archive is outside the file");
  if (count > limits.arrays)
    return error(Twine(count) + " arrays, the limit is " +
                 Twine(limits.arrays));
  ArrayRef<uint8_t> rest = file.slice(offset, bytes);
  std::vector<Entry> entries;
  StringSet<> names;
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Expected<Entry> entry = readCentral(rest);
    if (!entry)
      return entry.takeError();
    if (Error e = locate(*entry))
      return std::move(e);
    if (!entry->name.ends_with(".npy"))
      return error("'" + entry->name + "' is not an array (.npy)");
    if (!names.insert(entry->name).second)
      return error("two arrays of the name '" + entry->name.drop_back(4) + "'");
    if (entry->method != methodStored && entry->method != methodDeflate)
      return error("'" + entry->name + "' uses compression method " +
                   Twine(entry->method) +
                   "; read are stored (0) and deflate (8)");
    if (entry->method == methodStored && entry->bytes != entry->packedBytes)
      return error("damaged: two sizes for '" + entry->name + "'");
    if (entry->bytes > limits.totalBytes ||
        total > limits.totalBytes - entry->bytes)
      return error("the arrays up to '" + entry->name + "' need more than " +
                   Twine(limits.totalBytes) + " bytes");
    total += entry->bytes;
    entries.push_back(*entry);
  }
  if (!rest.empty())
    return error("damaged: bytes behind the last entry of the directory");
  return entries;
}

/// Inflates into a buffer that grows with the data: a lying size costs nothing.
static bool inflateRaw(ArrayRef<uint8_t> packed, uint64_t bytes,
                       std::vector<uint8_t> &out) {
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return false;
  llvm::scope_exit end([&] { inflateEnd(&stream); });
  constexpr uint64_t step = 1 << 20;
  uint64_t in = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    if (stream.avail_in == 0) {
      stream.next_in = const_cast<uint8_t *>(packed.data()) + in;
      stream.avail_in = std::min(step, uint64_t(packed.size()) - in);
      in += stream.avail_in;
    }
    // One byte more than promised shows data that is too long.
    uint64_t have = out.size(), room = std::min(step, bytes + 1 - have);
    out.resize(have + room);
    stream.next_out = out.data() + have;
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    out.resize(have + room - stream.avail_out);
    if (out.size() > bytes || status == Z_BUF_ERROR)
      return false;
  }
  return status == Z_STREAM_END && out.size() == bytes &&
         stream.avail_in == 0 && in == packed.size();
}

static uint32_t crcOf(ArrayRef<uint8_t> bytes) {
  uLong crc = crc32(0, nullptr, 0);
  return crc32_z(crc, bytes.data(), bytes.size());
}

Expected<std::vector<uint8_t>> ZipReader::unpack(const Entry &entry) {
  std::vector<uint8_t> out;
  if (entry.method == methodStored)
    out.assign(entry.packed.begin(), entry.packed.end());
  else if (!inflateRaw(entry.packed, entry.bytes, out))
    return error("damaged: '" + entry.name + "' does not decompress to the " +
                 Twine(entry.bytes) + " bytes that it announces");
  if (crcOf(out) != entry.crc)
    return error("damaged: the checksum of '" + entry.name +
                 "' does not match");
  return out;
}

Expected<std::vector<NpyArray>> lpu::readNpz(StringRef path,
                                             const NpzLimits &limits) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(
      path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(
        buffer.getError(),
        Twine(path) + ": cannot read: " + buffer.getError().message());
  StringRef text = (*buffer)->getBuffer();
  ZipReader zip(path, arrayRefFromStringRef(text), limits);
  Expected<std::vector<Entry>> entries = zip.entries();
  if (!entries)
    return entries.takeError();
  std::vector<NpyArray> arrays;
  for (const Entry &entry : *entries) {
    Expected<std::vector<uint8_t>> bytes = zip.unpack(entry);
    if (!bytes)
      return bytes.takeError();
    StringRef name = entry.name.drop_back(4);
    Expected<NpyArray> array = parseNpy(std::move(*bytes), limits.rank);
    if (!array)
      return zip.error("array '" + name + "': " + toString(array.takeError()));
    array->name = name.str();
    arrays.push_back(std::move(*array));
  }
  return arrays;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// The fields that local header and central directory share.
struct WrittenEntry {
  std::string name;
  uint32_t crc, bytes, offset;
};
} // namespace

static void writeCommon(support::endian::Writer &out,
                        const WrittenEntry &entry) {
  out.write<uint16_t>(20);      // version needed: 2.0
  out.write<uint16_t>(1 << 11); // the name is UTF-8
  out.write<uint16_t>(methodStored);
  out.write<uint16_t>(0);            // time 00:00:00
  out.write<uint16_t>((1 << 5) | 1); // date 1980-01-01: equal input, equal file
  out.write<uint32_t>(entry.crc);
  out.write<uint32_t>(entry.bytes);
  out.write<uint32_t>(entry.bytes);
  out.write<uint16_t>(entry.name.size());
  out.write<uint16_t>(0); // extra
}

static void writeArchive(raw_ostream &os, ArrayRef<NpyArray> arrays) {
  support::endian::Writer out(os, endianness::little);
  std::vector<WrittenEntry> written;
  for (const NpyArray &array : arrays) {
    std::string header = npyHeader(array.type, array.shape);
    uLong crc =
        crc32_z(crc32(0, nullptr, 0),
                reinterpret_cast<const Bytef *>(header.data()), header.size());
    crc = crc32_z(crc, array.bytes.data(), array.bytes.size());
    written.push_back({array.name + ".npy", uint32_t(crc),
                       uint32_t(header.size() + array.bytes.size()),
                       uint32_t(os.tell())});
    out.write<uint32_t>(localSignature);
    writeCommon(out, written.back());
    os << written.back().name << header << toStringRef(array.bytes);
  }
  uint64_t directory = os.tell();
  for (const WrittenEntry &entry : written) {
    out.write<uint32_t>(centralSignature);
    out.write<uint16_t>(20); // made by: 2.0, FAT attributes
    writeCommon(out, entry);
    out.write<uint16_t>(0); // comment
    out.write<uint16_t>(0); // disk
    out.write<uint16_t>(0); // internal attributes
    out.write<uint32_t>(0); // external attributes
    out.write<uint32_t>(entry.offset);
    os << entry.name;
  }
  uint64_t end = os.tell();
  out.write<uint32_t>(endSignature);
  out.write<uint16_t>(0);
  out.write<uint16_t>(0);
  out.write<uint16_t>(written.size());
  out.write<uint16_t>(written.size());
  out.write<uint32_t>(end - directory);
  out.write<uint32_t>(directory);
  out.write<uint16_t>(0); // comment
}

Error lpu::writeNpz(StringRef path, ArrayRef<NpyArray> arrays) {
  uint64_t total = 0;
  StringSet<> names;
  for (const NpyArray &array : arrays) {
    auto error = [&](const Twine &what) {
      return createStringError(Twine(path) + ": array '" + array.name +
                               "': " + what);
    };
    std::optional<uint64_t> bytes = npyBytes(array.type, array.shape);
    if (!bytes || *bytes != array.bytes.size())
      return error(describeNpy(array.type, array.shape) + " does not take " +
                   Twine(array.bytes.size()) + " bytes");
    if (array.name.empty() || array.name.size() > 4096)
      return error("the name must have 1 to 4096 bytes");
    if (!names.insert(array.name).second)
      return error("two arrays of this name");
    // Headers, names and directory are far below 64 KiB per array.
    total += *bytes + (UINT64_C(1) << 16);
    if (total >= UINT64_C(0xffffffff))
      return error("an .npz of 4 GiB or more is not written");
  }
  if (arrays.size() >= 0xffff)
    return createStringError(Twine(path) + ": more than 65534 arrays");
  // Into a temporary file that takes the name only when it is complete.
  return writeOutputFile(path, [&](raw_ostream &os) {
    writeArchive(os, arrays);
    return Error::success();
  });
}
