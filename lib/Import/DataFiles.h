// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens the files that a model's tensors name. A model is untrusted: `location`
// must name a regular file beneath the model's own directory, reached without
// any link, and the file that is checked is the descriptor that is mapped.

#ifndef LPU_LIB_IMPORT_DATAFILES_H
#define LPU_LIB_IMPORT_DATAFILES_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>

namespace lpu::importer {

class DataFiles {
public:
  explicit DataFiles(llvm::StringRef modelPath);

  /// A mapped file and the path by which later stages find it; null and a
  /// reason if the location is not allowed.
  struct File {
    std::string path;
    std::unique_ptr<llvm::MemoryBuffer> buffer;
  };
  const File *open(const std::string &location, std::string &reason);

private:
  std::string directory; // ends with '/'
  llvm::StringMap<File> files;
};

} // namespace lpu::importer

#endif
