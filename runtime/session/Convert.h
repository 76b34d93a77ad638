//===- Convert.h - element types of host and chip ---------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_SESSION_CONVERT_H
#define LPU_RUNTIME_SESSION_CONVERT_H

#include "lpu/ISA/ISA.h"
#include "lpu/Session/Npz.h"
#include <optional>

namespace lpu::session {

/// Integers become integers or floats, floats become floats (nearest even).
bool canConvertToChip(NpyType host, isa::ElementType chip);
bool canConvertToHost(isa::ElementType chip, NpyType host);

/// The chip's bits of the element at \p bytes; nullopt if an integer does not
/// fit the chip's type.
std::optional<uint32_t> toChip(const uint8_t *bytes, NpyType host,
                               isa::ElementType chip);
/// Writes the host's element. False if an integer does not fit.
bool toHost(uint32_t bits, isa::ElementType chip, NpyType host, uint8_t *bytes);

/// The element as text, for messages.
std::string elementText(const uint8_t *bytes, NpyType host);

const char *elementTypeName(isa::ElementType type);

} // namespace lpu::session

#endif // LPU_RUNTIME_SESSION_CONVERT_H
