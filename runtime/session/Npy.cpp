//===- Npy.cpp - one NumPy array ------------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>

using namespace llvm;
using namespace lpu;

namespace {
struct TypeRow {
  NpyType type;
  const char *name;
  const char *code; // without the byte order
  unsigned bytes;
};
constexpr TypeRow typeTable[] = {
    {NpyType::Bool, "bool", "b1", 1},
    {NpyType::Int8, "int8", "i1", 1},
    {NpyType::UInt8, "uint8", "u1", 1},
    {NpyType::Int16, "int16", "i2", 2},
    {NpyType::UInt16, "uint16", "u2", 2},
    {NpyType::Int32, "int32", "i4", 4},
    {NpyType::UInt32, "uint32", "u4", 4},
    {NpyType::Int64, "int64", "i8", 8},
    {NpyType::UInt64, "uint64", "u8", 8},
    {NpyType::Float16, "float16", "f2", 2},
    {NpyType::Float32, "float32", "f4", 4},
    {NpyType::Float64, "float64", "f8", 8},
};
constexpr StringLiteral magic = "\x93NUMPY";
} // namespace

static const TypeRow &row(NpyType type) { return typeTable[unsigned(type)]; }

StringRef lpu::npyTypeName(NpyType type) { return row(type).name; }
unsigned lpu::npyTypeBytes(NpyType type) { return row(type).bytes; }

std::optional<NpyType> lpu::parseNpyTypeName(StringRef name) {
  for (const TypeRow &r : typeTable)
    if (name == r.name)
      return r.type;
  return std::nullopt;
}

std::string lpu::describeNpy(NpyType type, ArrayRef<int64_t> shape) {
  std::string text = npyTypeName(type).str() + "[";
  raw_string_ostream os(text);
  interleave(shape, os, ",");
  os << "]";
  return text;
}

std::optional<uint64_t> lpu::npyBytes(NpyType type, ArrayRef<int64_t> shape) {
  // A zero anywhere makes the array empty, but the others must still be sane.
  std::optional<uint64_t> bytes = npyTypeBytes(type);
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return std::nullopt;
    if (dim == 0)
      empty = true;
    else if (!(bytes = checkedMulUnsigned<uint64_t>(*bytes, dim)))
      return std::nullopt;
  }
  return empty ? 0 : bytes;
}

//===----------------------------------------------------------------------===//
// The header: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 128), }
//===----------------------------------------------------------------------===//

namespace {

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<int64_t>> shape;
};

/// Reads the one dictionary that NumPy writes; keys in any order.
class HeaderParser {
public:
  HeaderParser(StringRef text, unsigned maxRank)
      : text(text), maxRank(maxRank) {}

  Expected<Header> parse() {
    if (!eat("{"))
      return error("'{' expected");
    Header header;
    while (!eat("}")) {
      if (Error e = entry(header))
        return std::move(e);
      if (!eat(",") && !peek("}"))
        return error("',' or '}' expected");
    }
    if (!text.trim().empty())
      return error("text behind the dictionary");
    if (!header.descr || !header.fortran || !header.shape)
      return error("descr, fortran_order and shape must all be there");
    return header;
  }

private:
  Error entry(Header &header) {
    std::string key;
    if (!string(key))
      return error("a key in quotes expected");
    if (!eat(":"))
      return error("':' expected");
    if (key == "descr" && !header.descr) {
      if (peek("[") || peek("("))
        return createStringError(
            "structured types (records) are not read; save plain arrays");
      header.descr.emplace();
      return string(*header.descr) ? Error::success() : error("type expected");
    }
    if (key == "fortran_order" && !header.fortran) {
      bool value = eat("True");
      if (!value && !eat("False"))
        return error("True or False expected");
      header.fortran = value;
      return Error::success();
    }
    if (key == "shape" && !header.shape) {
      header.shape.emplace();
      return shape(*header.shape);
    }
    return error("unknown or repeated key '" + key.substr(0, 40) + "'");
  }

  Error shape(std::vector<int64_t> &dims) {
    if (!eat("("))
      return error("'(' expected");
    while (!eat(")")) {
      uint64_t dim;
      text = text.ltrim();
      if (text.consumeInteger(10, dim) || dim > uint64_t(INT64_MAX))
        return error("a dimension is not a number from 0 to 2^63 - 1");
      if (dims.size() == maxRank)
        return error("more than " + Twine(maxRank) + " dimensions");
      dims.push_back(dim);
      if (!eat(",") && !peek(")"))
        return error("',' or ')' expected");
    }
    return Error::success();
  }

  bool string(std::string &value) {
    text = text.ltrim();
    if (text.empty() || (text[0] != '\'' && text[0] != '"'))
      return false;
    size_t end = text.find(text[0], 1);
    if (end == StringRef::npos)
      return false;
    value = text.slice(1, end).str();
    text = text.drop_front(end + 1);
    return true;
  }

  bool peek(StringRef token) {
    text = text.ltrim();
    return text.starts_with(token);
  }
  bool eat(StringRef token) {
    text = text.ltrim();
    return text.consume_front(token);
  }
  Error error(const Twine &what) {
    return createStringError("the header is damaged: " + what);
  }

  StringRef text;
  unsigned maxRank;
};

} // namespace

static Expected<NpyType> parseType(StringRef descr) {
  StringRef code = descr;
  if (code.consume_front(">") && !code.ends_with("1"))
    return createStringError(
        "type '" + descr +
        "' is big-endian; save array.astype(array.dtype.newbyteorder('<'))");
  if (!code.consume_front("<") && !code.consume_front("|"))
    code.consume_front("=");
  for (const TypeRow &r : typeTable)
    if (code == r.code)
      return r.type;
  std::string known;
  raw_string_ostream os(known);
  interleaveComma(typeTable, os, [&](const TypeRow &r) { os << r.name; });
  return createStringError("type '" + descr.take_front(40) +
                           "' is not read; known are " + known);
}

/// Elements of an array in Fortran order (first dimension fastest), in C order.
static std::vector<uint8_t>
toCOrder(ArrayRef<uint8_t> in, ArrayRef<int64_t> shape, unsigned elementBytes) {
  std::vector<uint8_t> out;
  out.reserve(in.size());
  std::vector<uint64_t> stride(shape.size()), index(shape.size(), 0);
  uint64_t step = elementBytes;
  for (size_t i = 0; i < shape.size(); ++i) {
    stride[i] = step;
    step *= shape[i];
  }
  while (out.size() < in.size()) {
    uint64_t offset = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      offset += index[i] * stride[i];
    ArrayRef<uint8_t> element = in.slice(offset, elementBytes);
    out.insert(out.end(), element.begin(), element.end());
    for (size_t i = shape.size(); i-- > 0 && ++index[i] == uint64_t(shape[i]);)
      index[i] = 0;
  }
  return out;
}

Expected<NpyArray> lpu::parseNpy(std::vector<uint8_t> file, unsigned maxRank) {
  StringRef text = toStringRef(file);
  if (!text.consume_front(magic) || text.size() < 4)
    return createStringError("not an .npy file (no NumPy signature)");
  unsigned major = uint8_t(text[0]), minor = uint8_t(text[1]);
  if (major < 1 || major > 3 || minor != 0)
    return createStringError("format version " + Twine(major) + "." +
                             Twine(minor) +
                             " is not read; known are 1.0, 2.0 and 3.0");
  text = text.drop_front(2);
  unsigned lengthBytes = major == 1 ? 2 : 4;
  if (text.size() < lengthBytes)
    return createStringError("the header is cut off");
  uint64_t length = major == 1 ? support::endian::read16le(text.data())
                               : support::endian::read32le(text.data());
  text = text.drop_front(lengthBytes);
  if (length > text.size() || length > 65536)
    return createStringError(
        "the header is cut off or longer than 65536 bytes");
  Expected<Header> header =
      HeaderParser(text.take_front(length), maxRank).parse();
  if (!header)
    return header.takeError();
  Expected<NpyType> type = parseType(*header->descr);
  if (!type)
    return type.takeError();
  text = text.drop_front(length);

  NpyArray array;
  array.type = *type;
  array.shape = std::move(*header->shape);
  std::optional<uint64_t> bytes = npyBytes(array.type, array.shape);
  if (!bytes || *bytes != text.size())
    return createStringError(describeNpy(array.type, array.shape) + " takes " +
                             (bytes ? Twine(*bytes).str() : "more than 2^64") +
                             " bytes, but the file holds " +
                             Twine(text.size()));
  if (*header->fortran && array.shape.size() > 1)
    array.bytes = toCOrder(arrayRefFromStringRef(text), array.shape,
                           npyTypeBytes(array.type));
  else {
    file.erase(file.begin(), file.end() - text.size());
    array.bytes = std::move(file);
  }
  if (array.type == NpyType::Bool &&
      llvm::any_of(array.bytes, [](uint8_t byte) { return byte > 1; }))
    return createStringError("a bool that is neither 0 nor 1");
  return array;
}

std::string lpu::npyHeader(NpyType type, ArrayRef<int64_t> shape) {
  const TypeRow &r = row(type);
  std::string dict;
  raw_string_ostream os(dict);
  os << "{'descr': '" << (r.bytes == 1 ? '|' : '<') << r.code
     << "', 'fortran_order': False, 'shape': (";
  interleaveComma(shape, os);
  os << (shape.size() == 1 ? ",), }" : "), }");
  // The elements start at a multiple of 64; version 1.0 counts in 16 bits,
  // which a shape of at most 32 dimensions never needs more than.
  size_t before = magic.size() + 4;
  dict.append(63 - (before + dict.size()) % 64, ' ');
  dict += '\n';
  std::string header = magic.str();
  header += {1, 0, char(dict.size() & 0xff), char(dict.size() >> 8)};
  return header + dict;
}
