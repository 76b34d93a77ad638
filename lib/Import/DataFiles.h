// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens the files that a model's tensors name. A model is untrusted: `location`
// must name a regular file beneath the model's own directory, reached without
// any link, and the file that is checked is the descriptor that is mapped. A
// link could make weights, and with them outputs, of any file that the user may
// read; who owns the folder decides what it points to. So links are followed
// only if the user says so (--allow-links): caches of models store files as
// links.

#ifndef LPU_LIB_IMPORT_DATAFILES_H
#define LPU_LIB_IMPORT_DATAFILES_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <string>
#include <vector>

namespace lpu::importer {

class DataFiles {
public:
  DataFiles(llvm::StringRef modelPath, bool allowLinks);

  /// A mapped file and the path by which later stages find it; null and a
  /// reason if the location is not allowed.
  struct File {
    std::string path;
    std::unique_ptr<llvm::MemoryBuffer> buffer;
  };
  const File *open(const std::string &location, std::string &reason);

  /// All files that are open.
  std::vector<std::string> paths() const;

private:
  bool allowLinks;
  std::string directory; // ends with '/'
  llvm::StringMap<File> files;
};

} // namespace lpu::importer

#endif
