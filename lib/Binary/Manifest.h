//===- Manifest.h - package structs and their Protobuf form -----*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_BINARY_MANIFEST_H
#define LPU_LIB_BINARY_MANIFEST_H

#include "Checksum.h"
#include "lpu/Binary/Package.h"
#include "package.pb.h"

namespace lpu::binary {

/// e_machine of a package; not assigned by the registry.
constexpr uint16_t elfMachine = 0x4c50;
constexpr uint32_t knownFormatVersion = 2;
constexpr const char *manifestSection = ".lpu.manifest";
constexpr const char *textSection = ".lpu.text.";   // + class number
constexpr const char *imageSection = ".lpu.image."; // + chip number
constexpr const char *sharedSection = ".lpu.image.shared";
constexpr const char *debugSection = ".lpu.debug."; // + name
constexpr const char *checksumSection = ".lpu.checksum";
/// Images start at page borders, so that they can be mapped on their own.
constexpr uint64_t imageAlignment = 4096, textAlignment = 64;

/// True if a segment of a chip's image is the text of one of its queues.
bool isText(const ImageSegment &segment, const ChipClass &chipClass);

/// Everything but bytes. Image offsets are counted up in segment order.
manifest::Manifest toManifest(const Package &package);

/// The inverse. Image segments other than text are appended with empty bytes
/// and returned offsets; the caller resolves them.
struct Offset {
  uint64_t offset;
  bool zero, shared;
};
llvm::Expected<Package> fromManifest(const manifest::Manifest &manifest,
                                     std::vector<std::vector<Offset>> &offsets);

} // namespace lpu::binary

#endif // LPU_LIB_BINARY_MANIFEST_H
