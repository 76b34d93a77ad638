//===- Convert.cpp - element types of host and chip -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/SmallString.h"
#include <cstring>

using namespace lpu;
using namespace lpu::session;
using isa::ElementType;
using llvm::APFloat;

static bool isFloat(NpyType type) { return type >= NpyType::Float16; }
static bool isFloat(ElementType type) {
  return type == ElementType::f16 || type == ElementType::f32;
}

bool lpu::session::canConvertToChip(NpyType host, ElementType chip) {
  return isFloat(chip) || !isFloat(host);
}
bool lpu::session::canConvertToHost(ElementType chip, NpyType host) {
  return isFloat(host) || !isFloat(chip);
}

static uint64_t load(const uint8_t *bytes, unsigned count) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < count; ++i)
    bits |= uint64_t(bytes[i]) << (8 * i);
  return bits;
}

/// An integer element; `negative` says that it is below zero.
static uint64_t loadInteger(const uint8_t *bytes, NpyType type,
                            bool &negative) {
  unsigned width = npyTypeBytes(type);
  uint64_t bits = load(bytes, width);
  bool isSigned = type == NpyType::Int8 || type == NpyType::Int16 ||
                  type == NpyType::Int32 || type == NpyType::Int64;
  if (isSigned && width < 8 && bits >> (8 * width - 1) & 1)
    bits |= ~UINT64_C(0) << (8 * width);
  negative = isSigned && int64_t(bits) < 0;
  return type == NpyType::Bool ? bits != 0 : bits;
}

static const llvm::fltSemantics &semantics(NpyType type) {
  return type == NpyType::Float16   ? APFloat::IEEEhalf()
         : type == NpyType::Float32 ? APFloat::IEEEsingle()
                                    : APFloat::IEEEdouble();
}
static const llvm::fltSemantics &semantics(ElementType type) {
  return type == ElementType::f16 ? APFloat::IEEEhalf() : APFloat::IEEEsingle();
}

/// Nearest even; a NaN becomes the canonical one of the format.
static uint64_t round(APFloat value, const llvm::fltSemantics &to) {
  if (value.isNaN())
    return APFloat::getQNaN(to).bitcastToAPInt().getZExtValue();
  bool lossy;
  value.convert(to, APFloat::rmNearestTiesToEven, &lossy);
  return value.bitcastToAPInt().getZExtValue();
}

static std::pair<int64_t, int64_t> range(ElementType type) {
  switch (type) {
  case ElementType::i8:
    return {-128, 127};
  case ElementType::u8:
    return {0, 255};
  case ElementType::i16:
    return {-32768, 32767};
  default:
    return {INT32_MIN, INT32_MAX};
  }
}

std::optional<uint32_t> lpu::session::toChip(const uint8_t *bytes, NpyType host,
                                             ElementType chip) {
  if (isFloat(host)) {
    unsigned width = npyTypeBytes(host);
    uint64_t bits = load(bytes, width);
    if (width == isa::byteWidth(chip))
      return uint32_t(bits); // the same format: bit for bit
    APFloat value(semantics(host), llvm::APInt(8 * width, bits));
    return uint32_t(round(value, semantics(chip)));
  }
  bool negative;
  uint64_t value = loadInteger(bytes, host, negative);
  if (isFloat(chip)) {
    APFloat result(semantics(chip));
    result.convertFromAPInt(llvm::APInt(64, value), negative,
                            APFloat::rmNearestTiesToEven);
    return uint32_t(result.bitcastToAPInt().getZExtValue());
  }
  auto [low, high] = range(chip);
  bool fits = negative ? int64_t(value) >= low : value <= uint64_t(high);
  if (!fits)
    return std::nullopt;
  return uint32_t(value);
}

bool lpu::session::toHost(uint32_t bits, ElementType chip, NpyType host,
                          uint8_t *bytes) {
  unsigned width = npyTypeBytes(host);
  uint64_t out = 0;
  if (isFloat(chip)) {
    if (width == isa::byteWidth(chip)) {
      out = bits;
    } else {
      APFloat value(semantics(chip),
                    llvm::APInt(8 * isa::byteWidth(chip), bits));
      out = round(value, semantics(host));
    }
  } else {
    int64_t value = chip == ElementType::i8    ? int8_t(bits)
                    : chip == ElementType::u8  ? uint8_t(bits)
                    : chip == ElementType::i16 ? int16_t(bits)
                                               : int32_t(bits);
    if (isFloat(host)) {
      APFloat result(semantics(host));
      result.convertFromAPInt(llvm::APInt(64, uint64_t(value), true), true,
                              APFloat::rmNearestTiesToEven);
      out = result.bitcastToAPInt().getZExtValue();
    } else if (host == NpyType::Bool) {
      out = value != 0;
    } else {
      bool negative;
      out = uint64_t(value);
      uint8_t check[8];
      memcpy(check, &out, 8);
      if (loadInteger(check, host, negative) != out || negative != (value < 0))
        return false;
    }
  }
  memcpy(bytes, &out, width);
  return true;
}

std::string lpu::session::elementText(const uint8_t *bytes, NpyType host) {
  if (isFloat(host)) {
    APFloat value(
        semantics(host),
        llvm::APInt(8 * npyTypeBytes(host), load(bytes, npyTypeBytes(host))));
    llvm::SmallString<32> text;
    value.toString(text);
    return text.str().str();
  }
  bool negative;
  uint64_t value = loadInteger(bytes, host, negative);
  return negative ? std::to_string(int64_t(value)) : std::to_string(value);
}

const char *lpu::session::elementTypeName(ElementType type) {
  static const char *const names[] = {"i8", "u8", "i16", "f16", "i32", "f32"};
  return names[unsigned(type)];
}
